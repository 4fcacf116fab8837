"""Deliveries: rendered messages on their way to webhooks, each attempt on record."""
