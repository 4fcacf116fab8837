"""Deliveries that failed for good: found, grouped by cause, sent again in bulk, or discarded."""
