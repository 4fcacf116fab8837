"""Lists of records: each field by which one can filter and sort, search, pages."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from domain_records import DOMAIN, created, ids, listed, refused
from ulid import ULID

from tieline.connectors.models import CONNECTORS
from tieline.http.integration_domain.listing import filter_names, operators, sort_names
from tieline.identity.api_keys.models import KEYS
from tieline.identity.applications.models import APPLICATIONS
from tieline.kit.ids import new_uuid
from tieline.kit.time import utc_now
from tieline.outbound.webhooks.models import WEBHOOKS
from tieline.records.columns import Kind
from tieline.records.listing import Operator
from tieline.records.repository import insert_record

TABLES = {
    "applications": APPLICATIONS,
    "connectors": CONNECTORS,
    "webhooks": WEBHOOKS,
    "api-keys": KEYS,
}
# Leaves out the key with which the tests call.
OTHERS = {"api-keys": [("tokens_used[gte]", 3)]}
EARLY = datetime(2026, 1, 1, tzinfo=UTC)
LATE = datetime(2026, 6, 1, 12, 30, 15, 250_000, tzinfo=UTC)


def values_of(column):
    """A lower and a higher value of a column."""
    if column.values is not None:
        low, high, *_ = sorted(column.values, key=lambda each: each.value)
        return low, high
    match column.kind:
        case Kind.TEXT:
            return f"a-{column.field}", f"b-{column.field}"
        case Kind.FLAG:
            return False, True
        case Kind.NUMBER:
            return 3, 1_000
        case Kind.MOMENT:
            return EARLY, LATE
        case Kind.ID:
            values = UUID(int=7), UUID(int=2**64)
            return tuple(as_stored(column, value) for value in values)
        case Kind.TEXTS:
            return ("a", "both"), ("b", "both")
        case Kind.DOCUMENT:
            return {"n": 1}, {"n": 2}


def as_stored(column, value):
    """A UUID as the column of an id holds it."""
    if column.id_form.sql_type == "uuid":
        return value
    return column.id_form.from_wire(f"{column.id_form.prefix}_{ULID.from_bytes(value.bytes)}")


def of_a_key(rows):
    """The rows with what holds of keys: one that was revoked is blocked, which says its status."""
    for name, blocked in (("low", True), ("high", True), ("none", False)):
        rows[name]["blocked"] = blocked
    return rows


@pytest.fixture
async def trio(client, database, org):
    """Of each type three records: with low values, with high ones, and with none."""
    stored = {}
    for kind, table in TABLES.items():
        id_column = table.columns["id"]
        low_id, high_id, none_id = (
            as_stored(id_column, value) for value in sorted(new_uuid() for _ in range(3))
        )
        rows = {"low": {"id": low_id}, "high": {"id": high_id}, "none": {"id": none_id}}
        for column in table.columns.values():
            if column.field in ("id", "org_id", "is_deleted") or column.computed:
                continue
            low, high = values_of(column)
            rows["low"][column.field] = low
            rows["high"][column.field] = high
            rows["none"][column.field] = None if column.nullable else low
        if kind == "applications":
            rows["none"]["slug"] = "c-slug"
        if kind == "api-keys":
            rows = of_a_key(rows)
        records = {name: table.record(org_id=org, **row) for name, row in rows.items()}
        if kind == "api-keys":
            records = {
                name: replace(key, status=key.status_at(utc_now())) for name, key in records.items()
            }
        async with database.organisation(org) as tx:
            for record in records.values():
                await insert_record(tx, table, record)
        stored[kind] = records
    return stored


def text_of(column, value):
    """A value as one writes it into an address."""
    match column.kind:
        case Kind.FLAG:
            return "true" if value else "false"
        case Kind.MOMENT:
            return value.isoformat()
        case Kind.ID:
            return column.id_form.to_wire(value)
        case _:
            return str(value)


def expected(records, column, operator, value):
    """The names of the records for which a comparison holds."""
    compare = {
        Operator.AT_LEAST: lambda own: own >= value,
        Operator.ABOVE: lambda own: own > value,
        Operator.AT_MOST: lambda own: own <= value,
        Operator.BELOW: lambda own: own < value,
    }[operator]
    owned = {name: getattr(record, column.field) for name, record in records.items()}
    return {name for name, own in owned.items() if own is not None and compare(own)}


MATRIX = [
    pytest.param(kind, name, operator, id=f"{kind} {name} {operator}")
    for kind, table in TABLES.items()
    for name in filter_names(table)
    for operator in operators(table.column(name))
]


@pytest.mark.parametrize(("kind", "name", "operator"), MATRIX)
async def test_each_field_filters(client, trio, kind, name, operator):
    table, records = TABLES[kind], trio[kind]
    column = table.column(name)
    names = {table.wire_id(record): each for each, record in records.items()}

    async def found(*query):
        return {names[each] for each in await ids(client, kind, *query, *OTHERS.get(kind, []))}

    def holding(*values):
        owned = {each: getattr(record, column.field) for each, record in records.items()}
        if column.kind is Kind.TEXTS:
            return {each for each, own in owned.items() if own and set(own) & set(values)}
        return {each for each, own in owned.items() if own in values}

    match operator:
        case Operator.ANY_OF:
            low, high = (getattr(records[each], column.field) for each in ("low", "high"))
            if column.kind is Kind.TEXTS:
                assert await found((name, "a")) == holding("a")
                assert await found((name, "both")) == holding("both") >= {"low", "high"}
                assert await found((name, "nothing")) == set()
                return
            assert await found((name, text_of(column, low))) == holding(low) >= {"low"}
            assert await found((name, text_of(column, high))) == holding(high) >= {"high"}
            neither = getattr(records["none"], column.field)
            if neither is not None:
                assert await found((name, text_of(column, neither))) == holding(neither) >= {"none"}
            either = [(name, text_of(column, value)) for value in (low, high)]
            assert await found(*either) == holding(low, high)
        case Operator.IS_NULL:
            assert await found((f"{name}[null]", "true")) == {"none"}
            assert await found((f"{name}[null]", "false")) == {"low", "high"}
        case _:
            for value in values_of(column):
                query = (f"{name}[{operator}]", text_of(column, value))
                assert await found(query) == expected(records, column, operator, value)


SORTS = [
    pytest.param(kind, f"{sign}{name}", id=f"{kind} {sign}{name}")
    for kind, table in TABLES.items()
    for name in sort_names(table)
    for sign in ("", "-")
]


@pytest.mark.parametrize(("kind", "sort"), SORTS)
async def test_each_field_sorts_and_pages_go_on_where_they_ended(client, trio, kind, sort):
    table = TABLES[kind]
    column = table.column(sort.removeprefix("-"))
    others = OTHERS.get(kind, [])
    whole = await ids(client, kind, ("sort", sort), *others)
    pages, cursor = [], None
    while True:
        query = [("sort", sort), ("limit", 1), *others] + ([("cursor", cursor)] if cursor else [])
        page = await listed(client, kind, *query)
        pages += [item["id"] for item in page["items"]]
        assert page["total"] == 3
        cursor = page["nextCursor"]
        if cursor is None:
            break

    assert pages == whole
    owned = {table.wire_id(record): getattr(record, column.field) for record in trio[kind].values()}
    values = [owned[each] for each in whole]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=sort.startswith("-"))
    assert values[: len(known)] == known  # null comes last in both directions


async def test_several_filters_have_to_hold_together(client, trio):
    query = [("type", "a-type"), ("provider", "a-provider")]

    assert len(await ids(client, "connectors", *query)) == 1
    assert await ids(client, "connectors", ("type", "a-type"), ("provider", "b-provider")) == []


async def test_bounds_of_both_sides_make_a_range(client, trio):
    between = [("last_sync_at[gt]", "2026-01-01T00:00:00Z"), ("last_sync_at[lte]", "2026-06-02")]

    [found] = await ids(client, "connectors", *between)
    assert found == CONNECTORS.wire_id(trio["connectors"]["high"])


async def test_a_moment_that_was_shown_finds_its_record(client):
    record = await created(client, "connectors")

    query = ("created_at", record["created_at"])
    assert await ids(client, "connectors", query) == [record["id"]]


async def test_both_names_of_a_field_filter_and_sort(client):
    on = await created(client, "webhooks", name="a")
    off = await created(client, "webhooks", name="b", enabled=False)

    for name in ("enabled", "is_active"):
        assert await ids(client, "webhooks", (name, "true")) == [on["id"]]
        assert await ids(client, "webhooks", ("sort", name)) == [off["id"], on["id"]]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("erp", {"SAP ERP", "erp (old)"}),
        ("ERP", {"SAP ERP", "erp (old)"}),
        ("100%", {"100%"}),
        ("%", {"100%"}),
        ("a_b", {"a_b"}),
        ("\\", {"c\\d"}),
        ("ÄRGER", {"ärger"}),
        ("jira", {"SAP ERP"}),
        ("' OR 1=1 --", set()),
        ("x[]=y", {"x[]=y"}),
        ("", {"SAP ERP", "erp (old)", "100%", "a_b", "axb", "c\\d", "ärger", "x[]=y"}),
    ],
)
async def test_a_search_finds_a_part_of_a_text_in_any_case(client, text, names):
    await created(client, "connectors", name="SAP ERP", provider="Jira Cloud")
    for name in ("erp (old)", "100%", "a_b", "axb", "c\\d", "ärger", "x[]=y"):
        await created(client, "connectors", name=name)
    page = await listed(client, "connectors", ("search", text))

    assert {item["name"] for item in page["items"]} == names
    assert page["total"] == len(names)


@pytest.mark.parametrize("name", ["search", "name"])
async def test_a_nul_character_is_refused(client, name):
    answer = await client.get(f"{DOMAIN}/connectors", params={name: "a\x00b"})

    refused(answer, 400, "INVALID_REQUEST", f"{name}: holds the character U+0000")


async def test_a_page_holds_fifty_unless_told_otherwise(client):
    for number in range(52):
        await created(client, "applications", slug=f"app-{number}")
    first = await listed(client, "applications")
    rest = await listed(client, "applications", ("cursor", first["nextCursor"]))
    large = await listed(client, "applications", ("limit", 500))

    assert (len(first["items"]), len(rest["items"]), len(large["items"])) == (50, 2, 52)
    assert first["total"] == rest["total"] == large["total"] == 52
    assert rest["nextCursor"] is large["nextCursor"] is None
    assert [item["slug"] for item in first["items"]] == [f"app-{n}" for n in range(51, 1, -1)]


async def test_an_exactly_full_page_is_the_last(client):
    for _ in range(3):
        await created(client, "connectors")

    assert (await listed(client, "connectors", ("limit", 3)))["nextCursor"] is None


@pytest.mark.parametrize("sort", ["-created_at", "created_at", "name", "-name", "-enabled,name"])
async def test_pages_neither_repeat_nor_lose_anything_while_records_come_and_go(client, sort):
    there = [await created(client, "connectors", name=f"n{n % 3}") for n in range(9)]
    seen, cursor = [], None
    for turn in range(9):
        query = [("sort", sort), ("limit", 2)] + ([("cursor", cursor)] if cursor else [])
        page = await listed(client, "connectors", *query)
        seen += [item["id"] for item in page["items"]]
        await created(client, "connectors", name=f"n{turn % 3}")
        if turn == 0:  # the last record of the page before may go without harm
            await client.delete(f"{DOMAIN}/connectors/{seen[-1]}")
        cursor = page["nextCursor"]
        if cursor is None:
            break

    assert len(seen) == len(set(seen))
    assert {record["id"] for record in there} <= set(seen)


@pytest.mark.parametrize("kind", list(TABLES))
async def test_an_unknown_name_is_answered_with_what_there_is(client, kind):
    answer = await client.get(f"{DOMAIN}/{kind}", params={"colour": "red"})

    refused(answer, 400, "INVALID_REQUEST", "colour", "limit, cursor, sort, search", "created_at")


async def test_a_cursor_of_another_list_is_refused(client):
    for slug in ("a", "b"):
        await created(client, "applications", slug=slug)
    page = await listed(client, "applications", ("limit", 1))
    answer = await client.get(f"{DOMAIN}/connectors", params={"cursor": page["nextCursor"]})

    refused(answer, 400, "INVALID_REQUEST", "cursor")


async def test_the_matrix_covers_every_scalar_field():
    for kind, table in TABLES.items():
        covered = {each.values[1] for each in MATRIX if each.values[0] == kind}
        scalar = {
            name
            for name, column in table.columns.items()
            if column.kind not in (Kind.DOCUMENT, Kind.TEXTS)
        }
        assert scalar <= covered
        assert len(table.columns) == len(fields(table.record))


def test_the_values_of_the_matrix_differ():
    for table in TABLES.values():
        for column in table.columns.values():
            low, high = values_of(column)
            assert low != high
            if isinstance(low, datetime):
                assert high - low > timedelta(days=1)
            if isinstance(low, int | Decimal):
                assert low < high
