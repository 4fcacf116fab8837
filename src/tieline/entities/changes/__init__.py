"""Changes of entities and readings, handed over to whoever wants to react to them."""
