"""The other side of a webhook: takes deliveries, checks signatures, rehearses failures."""
