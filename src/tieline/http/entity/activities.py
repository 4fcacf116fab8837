"""Activities and the feeds that show them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from tieline.entities.activities import (
    GROUPS,
    FeedFilter,
    PresetRange,
    activity_document,
    checked_activity_id,
    feed_document,
    preset_bounds,
)
from tieline.entities.models import Activity
from tieline.entities.search.moments import parse_moment
from tieline.http.bodies import BoundedBody
from tieline.http.entity.parts import (
    EntityId,
    Offset,
    Reader,
    Slug,
    Writer,
    caller_context,
    comma_separated,
    refusals,
    uuids,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Use
from tieline.kit.errors import InvalidInput

router = APIRouter(route_class=TielineRoute, tags=["activities"])

_JUST_AFTER = timedelta(microseconds=1)

Entities = Annotated[list[str] | None, Query(description="Ids of entities, comma-separated.")]
ActivityId = Annotated[str, Path(alias="id", description="The ULID of the activity.")]
Moment = Annotated[str | None, Query(description="ISO 8601 date and time.")]


class ActivityBody(BoundedBody):
    """What happened, in words."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(min_length=1, max_length=256)
    title: str = Field(max_length=10_000)
    message: str = Field(max_length=100_000)
    payload: dict[str, Any] | None = None
    pending: bool = False


class ActivityReply(BaseModel):
    """An activity, with the changes that it caused where they were asked for."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(alias="_id")
    timestamp: str
    type: str
    title: str
    message: str


class FeedReply(BaseModel):
    """A page of a feed, newest first."""

    total: int
    results: list[ActivityReply]


@router.post(
    "/v1/entity/activity",
    operation_id="createActivity",
    response_model=ActivityReply,
    responses=refusals(404),
)
async def create_activity(
    body: ActivityBody, caller: Writer, use: Use, entities: Entities = None
) -> Response:
    """Create an activity, which later changes can name as their cause."""
    activity = Activity(
        body.type, body.title, body.message, body.payload, caller_context(caller), body.pending
    )
    ids = uuids(entities, "entities")
    created = await use.entities.activities.create(caller.org_id, activity, ids)
    return reply(activity_document(created))


@router.get(
    "/v1/entity/activity/{id}",
    operation_id="getActivity",
    response_model=ActivityReply,
    responses=refusals(404),
)
async def get_activity(
    activity_id: ActivityId,
    caller: Reader,
    use: Use,
    operations_size: Annotated[int, Query(ge=0, le=1000)] = 25,
    operations_from: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
) -> Response:
    """Read an activity and a page of the changes that it caused."""
    found = await use.entities.activities.get(
        caller.org_id,
        checked_activity_id(activity_id, "id"),
        offset=operations_from,
        size=operations_size,
    )
    return reply(feed_document(found, caller.org_id))


@router.post(
    "/v1/entity/activity/{id}:attach",
    operation_id="attachActivity",
    response_model=ActivityReply,
    responses=refusals(404),
)
async def attach_activity(
    activity_id: ActivityId, caller: Writer, use: Use, entities: Entities = None
) -> Response:
    """Show an activity in the feeds of more entities."""
    ids = uuids(entities, "entities")
    checked = checked_activity_id(activity_id, "id")
    activity = await use.entities.activities.attach(caller.org_id, checked, ids)
    return reply(activity_document(activity))


@router.get(
    "/v1/entity/{slug}/{id}/activity",
    operation_id="getEntityActivityFeed",
    response_model=FeedReply,
    responses=refusals(404),
)
async def get_entity_activity_feed(
    slug: Slug,
    entity_id: EntityId,
    caller: Reader,
    use: Use,
    after: Moment = None,
    before: Moment = None,
    start_date: Moment = None,
    end_date: Moment = None,
    preset_range: Annotated[PresetRange | None, Query()] = None,
    offset: Offset = 0,
    size: Annotated[int, Query(ge=1, le=1000)] = 25,
    type_: Annotated[list[str] | None, Query(alias="type")] = None,
    include_relations: Annotated[bool, Query()] = False,
    exclude_activity_groups: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Read what happened to an entity, newest first."""
    since, until = _bounds(
        preset_range, after=after, before=before, start_date=start_date, end_date=end_date
    )
    wanted = FeedFilter(
        since=since,
        until=until,
        types=comma_separated(type_, "type"),
        excluded_types=_excluded(exclude_activity_groups),
        with_relations=include_relations,
        offset=offset,
        size=size,
    )
    found, total = await use.entities.activities.feed(caller.org_id, slug, entity_id, wanted)
    results = [feed_document(item, caller.org_id) for item in found]
    return reply({"total": total, "results": results})


def _bounds(
    preset: PresetRange | None, **given: str | None
) -> tuple[datetime | None, datetime | None]:
    """The range of a feed: since, inclusive, and until, exclusive. Raises `InvalidInput`."""
    now = datetime.now(UTC)
    moments = {name: _moment(name, text, now) for name, text in given.items() if text}
    if preset is not None and moments:
        raise InvalidInput(f"preset_range: cannot be combined with {next(iter(moments))}.")
    if preset is not None:
        return preset_bounds(preset, now)
    match sorted(moments):
        case []:
            return None, None
        case ["after"]:
            return moments["after"] + _JUST_AFTER, None
        case ["before"]:
            return None, moments["before"]
        case ["end_date", "start_date"]:
            return moments["start_date"], moments["end_date"] + _JUST_AFTER
        case names:
            raise InvalidInput(
                f"{names[0]}: send either after, or before, or start_date with end_date."
            )


def _moment(name: str, text: str, now: datetime) -> datetime:
    # An unescaped "+" of an offset arrives as a blank.
    moment = parse_moment(text.replace(" ", "+"), now, up=False)
    if moment is None:
        raise InvalidInput(f"{name}: must be an ISO 8601 date and time.")
    return moment.astimezone(UTC)


def _excluded(groups: list[str] | None) -> list[str]:
    """The types of the groups; a name that is no group stands for the type itself."""
    names = comma_separated(groups, "exclude_activity_groups")
    return sorted({type_ for name in names for type_ in GROUPS.get(name.lower(), {name})})
