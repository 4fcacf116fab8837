"""From events to deliveries: which webhooks an event goes to, and as what."""
