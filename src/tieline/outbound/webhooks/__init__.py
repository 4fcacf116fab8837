"""Webhooks: addresses to which events are sent, signed, and addresses that others call."""
