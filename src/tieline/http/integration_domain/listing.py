"""What a list is asked for: filters, search, order and cursor, read from the query of an address.

Every name comes from the description of the table; whatever else is asked is refused with a list of
what there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fastapi import Request

from tieline.http.integration_domain.parts import list_identity
from tieline.http.pagination import decode_cursor
from tieline.kit.errors import InvalidInput
from tieline.records.columns import RANGES, SCALARS, Column, Kind
from tieline.records.listing import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Filter,
    Listing,
    Operator,
    Order,
)
from tieline.records.table import R, RecordTable

NEWEST_FIRST = "-created_at"
LONGEST_SEARCH = 200
_MOST_CONDITIONS = 100
_MOST_ORDERS = 5
_PAGING = ("limit", "cursor", "sort", "search")
_NAME = re.compile(r"(?P<field>[a-z_]+)(?:\[(?P<operator>[a-z]+)\])?")
_BOUNDS = (Operator.AT_LEAST, Operator.ABOVE, Operator.AT_MOST, Operator.BELOW)

Pairs = Sequence[tuple[str, str]]


def requested_listing(request: Request, table: RecordTable[R]) -> Listing:
    """What the query of a request asks of a list. Raises `InvalidInput`."""
    return read_listing(table, request.query_params.multi_items())


def read_listing(table: RecordTable[R], pairs: Pairs) -> Listing:
    """What these names and values ask of a list. Raises `InvalidInput`, naming the wrong one."""
    if len(pairs) > _MOST_CONDITIONS:
        raise InvalidInput(f"There are more than {_MOST_CONDITIONS} parameters. Send fewer.")
    paging = {name: [value for key, value in pairs if key == name] for name in _PAGING}
    sort = [term for value in paging["sort"] or [NEWEST_FIRST] for term in value.split(",")]
    listing = Listing(
        order=_order(table, sort),
        filters=tuple(_filters(table, [pair for pair in pairs if pair[0] not in _PAGING])),
        search=_search(_single("search", paging["search"])),
        limit=_limit(_single("limit", paging["limit"])),
    )
    cursor = _single("cursor", paging["cursor"])
    return listing if cursor is None else _continued(table, listing, cursor)


def operators(column: Column) -> tuple[Operator, ...]:
    """How a field can be filtered by."""
    ranges = _BOUNDS if column.kind in RANGES else ()
    null = (Operator.IS_NULL,) if column.nullable else ()
    if column.kind is Kind.TEXTS or column.kind in SCALARS:
        return (Operator.ANY_OF, *ranges, *null)
    return ()


def filter_names(table: RecordTable[R]) -> list[str]:
    """The names by which a list can be filtered, without their operators."""
    names = [*table.columns, *table.second_names]
    return [name for name in names if (column := table.column(name)) and operators(column)]


def sort_names(table: RecordTable[R]) -> list[str]:
    """The names by which a list can be sorted."""
    names = [*table.columns, *table.second_names]
    return [name for name in names if (column := table.column(name)) and column.kind in SCALARS]


def _filters(table: RecordTable[R], pairs: Pairs) -> Iterator[Filter]:
    wanted: dict[str, list[str]] = {}
    for name, value in pairs:
        wanted.setdefault(name, []).append(value)
    for name, values in wanted.items():
        column, operator = _condition(table, name)
        match operator:
            case Operator.ANY_OF:
                yield Filter(column, operator, tuple(column.read(value) for value in values))
            case Operator.IS_NULL:
                yield Filter(column, operator, (_boolean(name, _single(name, values)),))
            case _:
                for value in values:
                    yield Filter(column, operator, (column.read(value),))


def _condition(table: RecordTable[R], name: str) -> tuple[Column, Operator]:
    match = _NAME.fullmatch(name)
    column = table.column(match["field"]) if match else None
    allowed = operators(column) if column else ()
    if match is None or column is None or not allowed:
        raise InvalidInput(
            f"{name[:60]}: is not known here. There are limit, cursor, sort, search and the fields "
            f"{', '.join(filter_names(table))}."
        )
    asked = match["operator"] or Operator.ANY_OF
    if asked not in allowed or match["operator"] == Operator.ANY_OF:
        signs = [f"{match['field']}[{sign}]" for sign in allowed if sign is not Operator.ANY_OF]
        raise InvalidInput(
            f"{name[:60]}: there is no such comparison of this field. Use "
            f"{', '.join([match['field'], *signs])}."
        )
    return column, Operator(asked)


def _order(table: RecordTable[R], terms: Sequence[str]) -> tuple[Order, ...]:
    orders: dict[str, Order] = {}
    for term in terms:
        name = term.removeprefix("-")
        if name not in sort_names(table):
            raise InvalidInput(
                f"sort: {name[:60]!r} is no field to sort by. There are "
                f"{', '.join(sort_names(table))}; a - before it reverses the order."
            )
        column = table.column(name)
        assert column is not None
        orders.setdefault(column.field, Order(column, descending=term.startswith("-")))
    if len(orders) > _MOST_ORDERS:
        raise InvalidInput(f"sort: has more than {_MOST_ORDERS} fields. Name fewer.")
    descending = list(orders.values())[-1].descending
    orders.setdefault("id", Order(table.columns["id"], descending=descending))
    return tuple(orders.values())


def _continued(table: RecordTable[R], listing: Listing, cursor: str) -> Listing:
    refusal = InvalidInput("cursor: not a cursor of this list and order. Start without one.")
    match decode_cursor(cursor):
        case [str() as identity, list() as place] if identity == list_identity(table, listing):
            if len(place) != len(listing.order):
                raise refusal
        case _:
            raise refusal
    after: list[object] = []
    for order, text in zip(listing.order, place, strict=True):
        if text is None and order.column.nullable:
            after.append(None)
        elif isinstance(text, str):
            after.append(_in_cursor(order.column, text, refusal))
        else:
            raise refusal
    return Listing(listing.order, listing.filters, listing.search, tuple(after), listing.limit)


def _in_cursor(column: Column, text: str, refusal: InvalidInput) -> object:
    try:
        return column.read(text)
    except InvalidInput:
        raise refusal from None


def _single(name: str, values: Sequence[str]) -> str | None:
    if len(values) > 1:
        raise InvalidInput(f"{name}: is there {len(values)} times. Send it once.")
    return values[0] if values else None


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not 1 <= int(text) <= MAX_LIMIT:
        raise InvalidInput(f"limit: must be a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def _search(text: str | None) -> str | None:
    if text is not None and len(text) > LONGEST_SEARCH:
        raise InvalidInput(f"search: has more than {LONGEST_SEARCH} characters. Shorten it.")
    return text or None


def _boolean(name: str, text: str | None) -> bool:
    if text not in ("true", "false"):
        raise InvalidInput(f"{name}: must be true or false.")
    return text == "true"
