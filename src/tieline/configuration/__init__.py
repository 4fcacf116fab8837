"""Configuration as files: exported, compared with an organisation, and applied to it."""
