"""Applies a mapped event to the entities and readings in memory. Pure: no I/O, no own clock.

An event applies as a whole or not at all. Relations and references whose targets are not all there
wait until the event's other entities are done; targets that are still missing then come into being
as stubs, made of nothing but what identifies them. Pruning comes last.
"""
