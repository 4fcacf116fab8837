"""Events that failed: found, grouped by reason, replayed in bulk, or discarded with a note."""
