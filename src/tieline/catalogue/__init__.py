"""The event catalogue: which changes are events, what they carry, and their history."""
