"""The base path `/event-catalog`."""

from __future__ import annotations

from fastapi import APIRouter

from tieline.http.event_catalog import custom, events, history, triggering

# The order matters: a name may be followed by a colon and a word, which a name alone would take in.
routers: list[APIRouter] = [
    triggering.router,
    triggering.asking,
    history.router,
    custom.router,
    events.router,
]

__all__ = ["routers"]
