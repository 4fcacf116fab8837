"""Who calls: organisations, API keys and their scopes."""
