"""Environment variables, and the vault that keeps secret values."""
