"""Integrations and their use cases: what an ERP event is mapped by, and every version of it."""
