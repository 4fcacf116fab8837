"""A document system, and file proxies that fetch from it; what the tests of downloads share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from tests.components.sink import Sink

SECRET = "client-secret-4711"
ERP = "/erp-integration/v1"


@dataclass
class Proxies:
    """Makes file proxies of one organisation and uses them."""

    client: httpx.AsyncClient
    anonymous: httpx.AsyncClient
    sink: Sink
    integration_id: str = ""
    slugs: int = 0

    async def make(self, **configuration: Any) -> str:
        """A file proxy; its slug."""
        self.slugs += 1
        slug = f"files-{self.slugs}"
        body = {
            "name": "Documents",
            "slug": slug,
            "type": "file_proxy",
            "enabled": True,
            "configuration": configuration,
        }
        place = f"{ERP}/integrations/{self.integration_id}/use-cases"
        answer = await self.client.post(place, json=body)
        assert answer.status_code == 201, answer.text
        return slug

    async def variable(self, key: str, value: str) -> None:
        """An environment variable that is secret."""
        body = {"key": key, "type": "SecretString", "value": value}
        answer = await self.client.post("/environments/v1/environments", json=body)
        assert answer.status_code == 201, answer.text

    async def link(self, slug: str, expires_in: int = 300, **params: str) -> str:
        """The path and query of a signed link."""
        body = {
            "integration_id": self.integration_id,
            "use_case_slug": slug,
            "params": params,
            "expires_in": expires_in,
        }
        answer = await self.client.post(f"{ERP}/file-proxy/links", json=body)
        assert answer.status_code == 200, answer.text
        return target(answer.json()["url"])

    async def fetch(self, slug: str, **params: str) -> httpx.Response:
        """What a link brings to somebody without an API key."""
        return await self.anonymous.get(await self.link(slug, **params))

    async def downloads(self, **query: Any) -> list[dict[str, Any]]:
        """The list of downloads."""
        place = f"{ERP}/integrations/{self.integration_id}/monitoring/file-downloads"
        answer = await self.client.post(place, json=query)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found


def target(url: str) -> str:
    """The path and query of an address."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def step(url: str, **different: Any) -> dict[str, Any]:
    """A step that gets JSON."""
    return {"url": url, "method": "GET", "response_type": "json", **different}


def binary(url: str, **different: Any) -> dict[str, Any]:
    """A step that gets a file."""
    return step(url, response_type="binary", **different)


def raw(body: str = "steps[0].body", **different: Any) -> dict[str, Any]:
    """A response part for a file as it is."""
    return {"body": body, "encoding": "binary", **different}
