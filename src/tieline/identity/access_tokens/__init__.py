"""Access tokens: API keys in the form of signed tokens, whose signature others can check too."""
