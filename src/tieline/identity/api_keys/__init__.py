"""API keys: who may use Tieline, what for, how often, for how much money and how long."""
