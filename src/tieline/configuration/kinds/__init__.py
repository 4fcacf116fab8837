"""The kinds of things that are configured, one module each; a new kind is one more."""
