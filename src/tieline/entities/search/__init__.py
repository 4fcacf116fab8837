"""Finding entities: what is indexed, the query language and its translation to SQL."""
