"""Why somebody may do something, or may not."""
