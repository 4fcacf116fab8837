"""The composition root: builds everything, wires it, mounts the APIs; alone it knows all."""

from tieline.app.application import Application
from tieline.app.surfaces import openapi_pages, surfaces
from tieline.app.working import concurrent_jobs

__all__ = ["Application", "concurrent_jobs", "openapi_pages", "surfaces"]
