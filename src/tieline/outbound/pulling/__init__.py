"""Messages that a consumer pulls, in place of being called: lent for a while, then acknowledged."""
