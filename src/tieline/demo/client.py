"""The public API as the demo uses it: plain HTTP with a key, as any ERP would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any, Self

import httpx

from tieline.demo.models import Batch
from tieline.kit import json
from tieline.kit.errors import TielineError

_PAGE = 100
_POLL_SECONDS = 0.1


class DemoCallFailed(TielineError):
    """A call of the demo was refused. The message holds the answer; please report it."""

    code = "DEMO_CALL_FAILED"


class DemoTimedOut(TielineError):
    """The events were not applied in time. Run `tieline doctor` to see what holds them up."""

    code = "DEMO_TIMED_OUT"
    http_status = 504


class Client:
    """Calls of the ERP and the entity surface; numbers are read without rounding."""

    def __init__(
        self, address: str, key: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._http = httpx.AsyncClient(
            base_url=address,
            headers={"authorization": f"Bearer {key}"},
            timeout=60,
            trust_env=False,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def create_webhook(self, config: dict[str, Any]) -> tuple[str, str]:
        """Create a webhook; its id and its signing secret."""
        created = await self._call("POST", "/webhooks/v1/webhooks/configs", config)
        return str(created["id"]), str(created["signingSecret"])

    async def public_key(self, org_id: str) -> str:
        """The public key with which an organisation's deliveries are signed."""
        path = f"/webhooks/v1/webhooks/.well-known/public-key?orgId={org_id}"
        return str((await self._call("GET", path))["public_key"])

    async def create_integration(self, name: str, use_cases: list[dict[str, Any]]) -> str:
        """Create the integration with all its use cases; its id."""
        body = {"name": name, "description": "Made by tieline demo.", "use_cases": use_cases}
        created = await self._call("POST", "/erp-integration/v2/integrations", body)
        return str(created["id"])

    async def post(self, integration_id: str, batch: Batch) -> list[Mapping[str, Any]]:
        """Post one batch; a result per event."""
        body = {
            "integration_id": integration_id,
            "correlation_id": batch.correlation_id,
            "events": [event.body() for event in batch.events],
        }
        answer = await self._call("POST", "/erp-integration/v3/erp/updates/events", body)
        results: list[Mapping[str, Any]] = answer["results"]
        return results

    async def wait_for_outcome(self, integration_id: str, event_id: str, seconds: float) -> None:
        """Wait until an event has an outcome. Raises `DemoTimedOut`."""
        try:
            async with asyncio.timeout(seconds):
                # Asked for again and again, since it happens in another process for all we know.
                while not await self.has_outcome(integration_id, event_id):  # noqa: ASYNC110
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise DemoTimedOut from None

    async def has_outcome(self, integration_id: str, event_id: str) -> bool:
        """Whether an event was applied, successfully or not."""
        page = await self._outcome_page(integration_id, {"event_id": event_id, "limit": 1})
        return bool(page["data"])

    async def outcome(self, integration_id: str, event_id: str) -> Mapping[str, Any]:
        """The outcome of an event that was applied."""
        page = await self._outcome_page(integration_id, {"event_id": event_id, "limit": 1})
        found: Mapping[str, Any] = page["data"][0]
        return found

    async def outcomes(self, integration_id: str) -> AsyncIterator[Mapping[str, Any]]:
        """Every outcome of the integration, newest first, page by page."""
        query: dict[str, Any] = {"limit": _PAGE}
        while True:
            page = await self._outcome_page(integration_id, query)
            for outcome in page["data"]:
                yield outcome
            if not page["has_more"]:
                return
            query["cursor"] = page["next_cursor"]

    async def count(self, schema: str) -> int:
        """How many entities of a schema exist."""
        found = await self._search(f"_schema:{schema}", size=0)
        return int(found["hits"])

    async def find(self, schema: str, **attributes: str) -> list[dict[str, Any]]:
        """The entities of a schema whose attributes have exactly these values."""
        terms = [f'{name}.keyword:"{value}"' for name, value in attributes.items()]
        found = await self._search(" AND ".join((f"_schema:{schema}", *terms)), size=10)
        results: list[dict[str, Any]] = found["results"]
        return results

    async def entity(self, schema: str, entity_id: str) -> dict[str, Any]:
        """One entity by its id."""
        return await self._call("GET", f"/entity/v2/entity/{schema}/{entity_id}")

    async def activities(self, schema: str, entity_id: str) -> list[dict[str, Any]]:
        """The activity feed of an entity, newest first."""
        feed = await self._call("GET", f"/entity/v1/entity/{schema}/{entity_id}/activity")
        results: list[dict[str, Any]] = feed["results"]
        return results

    async def _outcome_page(self, integration_id: str, query: dict[str, Any]) -> dict[str, Any]:
        path = f"/erp-integration/v1/integrations/{integration_id}/monitoring/inbound-events"
        return await self._call("POST", path, query)

    async def _search(self, query: str, *, size: int) -> dict[str, Any]:
        body = {"q": query, "size": size}
        return await self._call("POST", "/entity/v1/entity:search", body)

    async def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        response = await self._http.request(
            method,
            path,
            content=None if body is None else json.dumps(body),
            headers={"content-type": "application/json"},
        )
        if not response.is_success:
            raise DemoCallFailed(
                f"{method} {path} was answered {response.status_code}: {response.text[:500]}"
            )
        answer: dict[str, Any] = json.loads(response.content)
        return answer
