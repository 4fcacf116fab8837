"""The log of deliveries: what was sent, what came of it, why something waits, and replays."""
