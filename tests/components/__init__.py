"""Real servers on this machine, which behave and misbehave as tests want."""
