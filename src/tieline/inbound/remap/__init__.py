"""Stored events mapped with the present configuration: what would change, without changing it."""
