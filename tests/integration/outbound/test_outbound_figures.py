"""Figures of deliveries equal the deliveries: before they are added up, after, and in between."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from tieline.database import Database
from tieline.http.services import Services
from tieline.identity.organisations import create_if_new
from tieline.integrations.models import UseCaseChange, UseCaseType
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import new_uuid
from tieline.kit.time import utc_now
from tieline.monitoring.figures import (
    Direction,
    Interval,
    OutboundGroup,
    SeriesQuery,
    StatsQuery,
)
from tieline.monitoring.rollups import Span, Stretch, bucket_start
from tieline.outbound.monitoring.models import MonitoredStatus, MonitoringQuery
from tieline.outbound.monitoring.rollups import compact
from tieline.outbound.monitoring.service import OutboundMonitoring

RETENTION = timedelta(days=28)
YESTERDAY = bucket_start(utc_now(), Span.DAY.width) - timedelta(days=1)
TODAY = YESTERDAY + timedelta(days=1)
STATES = ("pending", "succeeded", "failed", "skipped", "cancelled")
WEBHOOKS = [uuid4(), uuid4()]
LINKED, OTHER = "EntityCreated", "EntityDeleted"
STATUS = {"cancelled": "failed"}


class Row(msgspec.Struct, frozen=True):
    """What figures depend on."""

    id: UUID
    created_at: datetime
    integration_id: UUID | None
    event_name: str
    webhook_id: UUID
    state: str

    @property
    def status(self) -> str:
        return STATUS.get(self.state, self.state)


class World:
    """An integration with an outbound use case for one event, and its deliveries."""

    def __init__(self, database: Database, org: str, integration_id: UUID) -> None:
        self.database = database
        self.org = org
        self.integration_id = integration_id
        self.rows: list[Row] = []
        self.monitoring = OutboundMonitoring(database, retention=RETENTION)

    async def deliver(self, count: int, chance: random.Random) -> None:
        """Store deliveries of yesterday, of this integration, of another, and of none."""
        integrations = [self.integration_id, None, uuid4()]
        new = [
            Row(
                new_uuid(),
                YESTERDAY + timedelta(milliseconds=chance.randrange(86_400_000)),
                chance.choice(integrations),
                chance.choice([LINKED, OTHER]),
                chance.choice(WEBHOOKS),
                chance.choice(STATES),
            )
            for _ in range(count)
        ]
        async with self.database.organisation(self.org) as tx:
            columns = ("id", "created_at", "integration_id", "event_name", "webhook_id", "state")
            rest = {
                "kind": "event",
                "event_id": "e",
                "message_id": "m",
                "http_method": "POST",
                "content_type": "application/json",
                "metadata": "{}",
                "updated_at": utc_now(),
            }
            rows = [(*(getattr(row, column) for column in columns), *rest.values()) for row in new]
            await tx.copy("deliveries", (*columns, *rest), rows)
        self.rows += new

    async def change(self, share: float, chance: random.Random) -> None:
        """Let the states of some deliveries change."""
        changed = {row.id: chance.choice(STATES) for row in self.rows if chance.random() < share}
        async with self.database.organisation(self.org) as tx:
            await tx.execute(
                "UPDATE deliveries d SET state = n.state, ended_at = now() "
                "FROM unnest($2::uuid[], $3::text[]) AS n (id, state) "
                "WHERE d.org_id = $1 AND d.id = n.id",
                list(changed),
                list(changed.values()),
            )
        self.rows = [
            msgspec.structs.replace(row, state=changed.get(row.id, row.state)) for row in self.rows
        ]

    async def roll_up(self) -> None:
        """All that was noted goes into buckets; others who do the same have to wait."""
        async with self.database.system() as tx:
            await tx.execute("LOCK TABLE delivery_deltas IN SHARE ROW EXCLUSIVE MODE")
            await compact(tx, utc_now() - RETENTION)

    def own(self, keep: Callable[[Row], bool] = lambda row: True) -> list[Row]:
        """The deliveries of the integration, newest first."""
        found = [
            row
            for row in self.rows
            if (
                row.integration_id == self.integration_id
                or (row.integration_id is None and row.event_name == LINKED)
            )
            and keep(row)
        ]
        return sorted(found, key=lambda row: (row.created_at, row.id), reverse=True)

    def counted(self, keep: Callable[[Row], bool] = lambda row: True) -> list[Row]:
        return self.own(lambda row: row.state != "skipped" and keep(row))


@pytest.fixture
async def world(services: Services, database: Database, org: str) -> World:
    async with database.organisation(org) as tx:
        await create_if_new(tx)
    configuration = {
        "event_catalog_event": LINKED,
        "mappings": [
            {
                "name": "m",
                "jsonata_expression": "$",
                "enabled": True,
                "delivery": {"type": "webhook", "webhook_id": str(WEBHOOKS[0])},
            }
        ],
    }
    use_case = UseCaseChange(
        type=UseCaseType.OUTBOUND, name="Out", enabled=True, configuration=configuration
    )
    made = await services.integrations.create_integration(org, {"name": "SAP"}, [use_case])
    return World(database, org, made.integration.id)


WAYS = ["noted", "added up", "in between"]


async def arrange(world: World, way: str) -> random.Random:
    chance = random.Random(way)
    await world.deliver(400, chance)
    if way != "noted":
        await world.roll_up()
    await world.change(0.4, chance)
    if way == "added up":
        await world.roll_up()
    await world.deliver(100, chance)
    if way == "added up":
        await world.roll_up()
    return chance


def stretches(chance: random.Random) -> list[Stretch]:
    whole = Stretch(YESTERDAY, TODAY)
    some = [whole, Stretch(whole.start + timedelta(hours=2, seconds=7), whole.end)]
    for _ in range(6):
        start = YESTERDAY + timedelta(milliseconds=chance.randrange(86_000_000))
        end = start + timedelta(milliseconds=chance.randrange(1, 80_000_000))
        some.append(Stretch(start, min(end, TODAY)))
    return some


def inside(stretch: Stretch) -> Callable[[Row], bool]:
    return lambda row: stretch.start <= row.created_at < stretch.end


@pytest.mark.parametrize("way", WAYS)
async def test_counts_by_group_are_those_of_the_deliveries(world: World, way: str) -> None:
    chance = await arrange(world, way)

    for stretch in stretches(chance):
        rows = world.counted(inside(stretch))
        by_status = await world.monitoring.by_group(world.org, world.integration_id, stretch, ())
        assert {each.status: each.count for each in by_status} == Counter(
            row.status for row in rows
        )
        found = await world.monitoring.by_group(
            world.org, world.integration_id, stretch, list(OutboundGroup)
        )
        assert {tuple(each.group.values()): each.count for each in found} == Counter(
            (row.event_name, row.status, str(row.webhook_id), f"{row.created_at:%Y-%m-%d}")
            for row in rows
        )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("interval", [Interval.TEN_MINUTES, Interval.THREE_HOURS, Interval.DAY])
async def test_counts_by_bucket_are_those_of_the_deliveries(
    world: World, way: str, interval: Interval
) -> None:
    chance = await arrange(world, way)

    for stretch in stretches(chance):
        found = await world.monitoring.by_bucket(
            world.org, world.integration_id, stretch, interval.width
        )
        assert {(each.start, each.status): each.count for each in found} == Counter(
            (bucket_start(row.created_at, interval.width), row.status)
            for row in world.counted(inside(stretch))
        )


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("query", "keep"),
    [
        (MonitoringQuery(), lambda row: row.state != "skipped"),
        (MonitoringQuery(status=MonitoredStatus.FAILED), lambda row: row.status == "failed"),
        (MonitoringQuery(status=MonitoredStatus.SKIPPED), lambda row: row.state == "skipped"),
        (
            MonitoringQuery(event_name=OTHER, status=MonitoredStatus.PENDING),
            lambda row: row.event_name == OTHER and row.state == "pending",
        ),
        (
            MonitoringQuery(webhook_id=WEBHOOKS[1], from_date=YESTERDAY + timedelta(hours=3)),
            lambda row: (
                row.webhook_id == WEBHOOKS[1]
                and row.state != "skipped"
                and row.created_at >= YESTERDAY + timedelta(hours=3)
            ),
        ),
        (
            MonitoringQuery(to_date=YESTERDAY + timedelta(hours=1, seconds=13)),
            lambda row: (
                row.state != "skipped"
                and row.created_at <= YESTERDAY + timedelta(hours=1, seconds=13)
            ),
        ),
        (MonitoringQuery(event_name="nobody"), lambda row: False),
    ],
)
async def test_the_list_shows_each_delivery_once_newest_first(
    world: World, way: str, query: MonitoringQuery, keep: Callable[[Row], bool]
) -> None:
    await arrange(world, way)
    expected = [row.id for row in world.own(keep)]

    found: list[UUID] = []
    page_query = replace(query, limit=17)
    while True:
        page = await world.monitoring.query(world.org, world.integration_id, page_query)
        found += [each.id for each in page.deliveries]
        if page.next_cursor is None:
            break
        assert len(page.deliveries) == 17
        page_query = replace(page_query, cursor=page.next_cursor)

    assert found == expected


async def test_stats_and_series_show_deliveries_beside_outcomes(
    services: Services, world: World
) -> None:
    await arrange(world, "in between")
    rows = world.counted()
    statuses = Counter(row.status for row in rows)

    stats = await services.monitoring.stats(
        world.org,
        world.integration_id,
        StatsQuery(outbound_group_by=(OutboundGroup.WEBHOOK_CONFIG_ID,)),
    )
    assert stats.outbound.by_status == statuses
    assert {
        group["webhook_config_id"]: tally.total for group, tally in stats.outbound_breakdown
    } == Counter(str(row.webhook_id) for row in rows)
    assert stats.outbound.last_error_at is not None

    series = await services.monitoring.time_series(
        world.org,
        world.integration_id,
        SeriesQuery(YESTERDAY, TODAY, Interval.HOUR, Direction.OUTBOUND),
    )
    assert len(series) == 25
    assert sum(bucket.outbound.total for bucket in series if bucket.outbound) == len(rows)


async def test_what_is_no_longer_kept_is_not_counted(world: World) -> None:
    await arrange(world, "noted")
    later = OutboundMonitoring(
        world.database, retention=RETENTION, clock=lambda: utc_now() + timedelta(days=30)
    )

    found = await later.by_group(
        world.org, world.integration_id, Stretch(YESTERDAY, TODAY + timedelta(days=31)), ()
    )

    assert found == []


async def test_dates_the_wrong_way_round_are_refused(world: World) -> None:
    query = MonitoringQuery(from_date=TODAY, to_date=YESTERDAY)

    with pytest.raises(InvalidInput, match="from_date"):
        await world.monitoring.query(world.org, world.integration_id, query)
