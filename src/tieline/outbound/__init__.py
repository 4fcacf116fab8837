"""What leaves for others: webhooks, and where they are sent."""
