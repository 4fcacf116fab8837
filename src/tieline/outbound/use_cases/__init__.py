"""Outbound use cases: whether what they depend on is there, and lets them work."""
