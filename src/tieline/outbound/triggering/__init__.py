"""Calls of webhooks by hand or by an automation: rendered, sent at once, and answered for."""
