"""People, as the tokens of their issuers tell of them."""
