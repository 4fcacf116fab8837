"""Callers who come with a token of an OIDC issuer."""
