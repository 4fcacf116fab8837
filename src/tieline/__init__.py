"""Tieline: a self-hosted hub between ERP systems and everything that must stay in step."""

__version__ = "0.1.0"
