"""The entity store: entities, their relations, their history, and the search over them."""
