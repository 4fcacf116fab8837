"""The base path `/webhooks`."""

from __future__ import annotations

from fastapi import APIRouter

from tieline.http.webhooks import (
    configs,
    dead_letters,
    events,
    messages,
    pausing,
    public_key,
    triggering,
)

routers: list[APIRouter] = [
    public_key.router,
    configs.router,
    triggering.router,
    triggering.sending_router,
    events.router,
    pausing.router,
    dead_letters.router,
    messages.waiting_router,
    messages.router,
]

__all__ = ["routers"]
