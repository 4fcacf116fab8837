"""Accepted ERP events become entity changes."""
