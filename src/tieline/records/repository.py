"""SQL about records. Names of tables and columns come from descriptions, never from a request."""

from __future__ import annotations

from typing import Any

from tieline.database import OrgTransaction
from tieline.database.conditions import Conditions
from tieline.records.columns import Kind
from tieline.records.listing import Filter, Listing, Operator, Order, Page
from tieline.records.table import R, RecordTable

_COMPARISONS = {
    Operator.AT_LEAST: ">=",
    Operator.ABOVE: ">",
    Operator.AT_MOST: "<=",
    Operator.BELOW: "<",
}


async def insert_record(tx: OrgTransaction, table: RecordTable[R], record: R) -> None:
    """Store a new record."""
    columns = [column for column in table.stored if column.field != "org_id"]
    names = ", ".join(["org_id", *(column.field for column in columns)])
    places = ", ".join(f"${number}" for number in range(1, len(columns) + 2))
    await tx.execute(
        f"INSERT INTO {table.name} ({names}) VALUES ({places})",
        *(column.encode(getattr(record, column.field)) for column in columns),
    )


async def forget_deleted(tx: OrgTransaction, table: RecordTable[R], record_id: Any) -> None:
    """Remove what is left of a deleted record, so that its id is free."""
    sql = f"DELETE FROM {table.name} WHERE org_id = $1 AND id = $2 AND is_deleted"
    await tx.execute(sql, record_id)


async def update_record(tx: OrgTransaction, table: RecordTable[R], record: R) -> None:
    """Store a record, which `lock_record` has read, in place of what there is."""
    columns = [column for column in table.stored if column.field not in ("org_id", "id")]
    changes = ", ".join(
        f"{column.field} = ${number}" for number, column in enumerate(columns, start=3)
    )
    await tx.execute(
        f"UPDATE {table.name} SET {changes} WHERE org_id = $1 AND id = $2",
        getattr(record, "id"),  # noqa: B009 - its type is the record's own affair
        *(column.encode(getattr(record, column.field)) for column in columns),
    )


async def find_record(
    tx: OrgTransaction,
    table: RecordTable[R],
    record_id: Any,
    *,
    app_id: str | None = None,
    deleted: bool = False,
) -> R | None:
    """A record; with `app_id` only if that application may see it.

    One that is deleted is found only with `deleted`.
    """
    return await _find(tx, table, record_id, app_id, deleted=deleted)


async def lock_record(
    tx: OrgTransaction, table: RecordTable[R], record_id: Any, *, app_id: str | None = None
) -> R | None:
    """The same, and nobody else changes it until the transaction ends."""
    return await _find(tx, table, record_id, app_id, lock=" FOR UPDATE")


async def _find(
    tx: OrgTransaction,
    table: RecordTable[R],
    record_id: Any,
    app_id: str | None,
    *,
    deleted: bool = False,
    lock: str = "",
) -> R | None:
    conditions = Conditions("org_id = $1")
    conditions.add("id = {}", record_id)
    if not deleted:
        conditions.add("NOT is_deleted")
    _show_own(conditions, table, app_id)
    row = await tx.fetchrow(
        f"SELECT {table.selection()} FROM {table.name} WHERE {conditions}{lock}",
        *conditions.values,
    )
    return table.decode(row) if row else None


async def list_records(
    tx: OrgTransaction, table: RecordTable[R], listing: Listing, *, app_id: str | None = None
) -> Page[R]:
    """A page of records, and how many there are in all."""
    conditions = Conditions("org_id = $1")
    _show_own(conditions, table, app_id)
    for wanted in listing.filters:
        _add_filter(conditions, wanted)
    if not any(wanted.column.field == "is_deleted" for wanted in listing.filters):
        conditions.add("NOT is_deleted")
    if listing.search:
        _add_search(conditions, table, listing.search)
    total = await tx.fetchval(
        f"SELECT count(*) FROM {table.name} WHERE {conditions}", *conditions.values
    )
    if listing.after is not None:
        _begin_after(conditions, listing.order, listing.after)
    order = ", ".join(map(_order_term, listing.order))
    rows = await tx.fetch(
        f"SELECT {table.selection()} FROM {table.name} WHERE {conditions} "
        f"ORDER BY {order} LIMIT {conditions.bind(listing.limit + 1)}",
        *conditions.values,
    )
    records = tuple(table.decode(row) for row in rows[: listing.limit])
    after = None
    if len(rows) > listing.limit:
        after = tuple(getattr(records[-1], each.column.field) for each in listing.order)
    return Page(records, total, after)


def _show_own(conditions: Conditions, table: RecordTable[R], app_id: str | None) -> None:
    if app_id is not None:
        place = conditions.bind(app_id)
        owned = " OR ".join(f"{field} = {place}" for field in table.owner_fields)
        conditions.add(f"({owned})")


def _add_filter(conditions: Conditions, wanted: Filter) -> None:
    column = wanted.column
    match wanted.operator:
        case Operator.ANY_OF if column.kind is Kind.TEXTS:
            conditions.add(f"{column.sql} && {{}}::text[]", list(wanted.values))
        case Operator.ANY_OF:
            conditions.add(f"{column.sql} = ANY({{}}::{column.sql_type}[])", list(wanted.values))
        case Operator.IS_NULL:
            [expected] = wanted.values
            conditions.add(f"({column.sql} IS NULL) = {{}}::boolean", expected)
        case Operator.AT_LEAST | Operator.ABOVE | Operator.AT_MOST | Operator.BELOW:
            [bound] = wanted.values
            sign = _COMPARISONS[wanted.operator]
            conditions.add(f"{column.sql} {sign} {{}}::{column.sql_type}", bound)


def _add_search(conditions: Conditions, table: RecordTable[R], text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    place = conditions.bind(f"%{escaped}%")
    found = " OR ".join(f"{column.sql} ILIKE {place}" for column in table.searched)
    conditions.add(f"({found})")


def _order_term(order: Order) -> str:
    direction = "DESC" if order.descending else "ASC"
    nulls = " NULLS LAST" if order.column.nullable else ""
    return f"{order.column.sql} {direction}{nulls}"


def _begin_after(conditions: Conditions, order: tuple[Order, ...], after: tuple[Any, ...]) -> None:
    """Only what comes after a record with these values, in the order of the list."""
    places = [
        f"{conditions.bind(value)}::{each.column.sql_type}" if value is not None else "NULL"
        for each, value in zip(order, after, strict=True)
    ]
    descending = order[0].descending
    if all(not each.column.nullable and each.descending == descending for each in order):
        # In this form an index yields the page without reading those before it.
        columns = ", ".join(each.column.sql for each in order)
        sign = "<" if descending else ">"
        conditions.add(f"({columns}) {sign} ({', '.join(places)})")
        return
    alternatives = []
    equal: list[str] = []
    for each, place in zip(order, places, strict=True):
        beyond = _beyond(each, place)
        if beyond is not None:
            alternatives.append(" AND ".join([*equal, beyond]))
        same = "IS NULL" if place == "NULL" else f"= {place}"
        equal.append(f"{each.column.sql} {same}")
    conditions.add(f"({' OR '.join(alternatives)})")


def _beyond(order: Order, place: str) -> str | None:
    """The condition that a field comes after a value; None when nothing does."""
    if place == "NULL":
        return None
    sign = "<" if order.descending else ">"
    later = f"{order.column.sql} {sign} {place}"
    return f"({later} OR {order.column.sql} IS NULL)" if order.column.nullable else later
