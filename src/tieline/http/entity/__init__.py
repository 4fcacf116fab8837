"""The base path `/entity`."""

from fastapi import APIRouter

from tieline.http.entity import activities, entities, relations, schemas, search

# The order matters: `{slug}` would also match the fixed words in the earlier ones.
routers: list[APIRouter] = [
    schemas.router,
    activities.router,
    search.router,
    relations.router,
    entities.router,
]

__all__ = ["routers"]
