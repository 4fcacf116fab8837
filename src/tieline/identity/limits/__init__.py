"""How often a caller may call, and how often somebody may fail to say who they are."""
