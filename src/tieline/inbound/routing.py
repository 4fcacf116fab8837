"""Which use case an event goes to, or why it goes to none. Pure."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from tieline.inbound.models import AcceptedEvent, Routed, SentEvent
from tieline.integrations.models import IntegrationRoutes, Route
from tieline.kit.ids import new_ulid, ulid_time


def route_sent(
    org_id: str,
    integration_id: UUID,
    correlation_id: str,
    sent: SentEvent,
    routes: IntegrationRoutes,
) -> Routed:
    """A sent event under an id of its own, with the use case that it addresses."""
    route, asked = _addressed(routes, sent.slug, sent.name or "")
    ignored = _why_ignored(route, asked)
    event_id = new_ulid()
    event = AcceptedEvent(
        org_id=org_id,
        integration_id=integration_id,
        event_id=event_id,
        accepted_at=ulid_time(event_id),
        name=sent.name or sent.slug or "",
        slug=sent.slug,
        time=sent.time,
        format=sent.format,
        payload=sent.payload,
        correlation_id=sent.correlation_id or correlation_id,
        group_id=sent.group_id,
        deduplication_id=sent.deduplication_id,
        event_type=sent.event_type,
        use_case_id=route.use_case_id if route and ignored is None else None,
        use_case_version=route.version if route and ignored is None else None,
    )
    return Routed(event, ignored)


def route_again(
    event: AcceptedEvent,
    correlation_id: str,
    routes: IntegrationRoutes,
    *,
    by: str | None = None,
) -> Routed:
    """A new event that repeats a stored one, with its use case as that is now.

    An event that had none, or whose use case is gone, is addressed anew. The new event has no
    deduplication id: whoever replays an event wants it twice. `by` names who that is.
    """
    route = routes.by_id.get(event.use_case_id) if event.use_case_id else None
    asked = ""
    if route is None:
        route, asked = _addressed(routes, event.slug, event.name)
    ignored = _why_ignored(route, asked)
    event_id = new_ulid()
    repeated = replace(
        event,
        event_id=event_id,
        accepted_at=ulid_time(event_id),
        correlation_id=correlation_id,
        deduplication_id=None,
        use_case_id=route.use_case_id if route and ignored is None else None,
        use_case_version=route.version if route and ignored is None else None,
        replay_of=event.event_id,
    )
    return Routed(repeated, ignored, replayed_by=by)


def _addressed(routes: IntegrationRoutes, slug: str | None, name: str) -> tuple[Route | None, str]:
    # The slug wins when both are given.
    if slug is not None:
        return routes.by_slug.get(slug), f"slug {slug!r}"
    return routes.by_event_name.get(name), f"event name {name!r}"


def _why_ignored(route: Route | None, asked: str) -> tuple[str, str] | None:
    if route is None:
        return (
            "EVENT_NOT_CONFIGURED",
            f"No inbound use case has the {asked}. Create one, then replay the event.",
        )
    if not route.enabled:
        return (
            "USE_CASE_DISABLED",
            f"The use case {route.name!r} is disabled. Enable it, then replay the event.",
        )
    return None
