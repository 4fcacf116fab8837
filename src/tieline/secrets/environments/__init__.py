"""Environment variables: what configuration refers to as `{{env.key}}`, some of it secret."""
