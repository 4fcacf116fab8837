"""The parameters of a list on its API page, made from the description of its table."""

from __future__ import annotations

from typing import Any

from tieline.http.integration_domain.listing import (
    LONGEST_SEARCH,
    NEWEST_FIRST,
    filter_names,
    operators,
    sort_names,
)
from tieline.records.columns import Column, Kind
from tieline.records.identifiers import ActorForm
from tieline.records.listing import DEFAULT_LIMIT, MAX_LIMIT, Operator
from tieline.records.table import R, RecordTable

_WORDS = {
    Operator.AT_LEAST: "At least this.",
    Operator.ABOVE: "Above this.",
    Operator.AT_MOST: "At most this.",
    Operator.BELOW: "Below this.",
    Operator.IS_NULL: "Whether it is null.",
}


def list_parameters(table: RecordTable[R]) -> dict[str, Any]:
    """What a page says of the query of a list, to be passed as `openapi_extra`."""
    parameters = [
        _parameter(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT},
            "Records per page.",
        ),
        _parameter("cursor", {"type": "string"}, "The `nextCursor` of the page before."),
        _parameter(
            "sort",
            {"type": "string", "default": NEWEST_FIRST},
            "Fields to sort by, with a leading - for the reverse order, separated by commas: "
            f"{', '.join(sort_names(table))}.",
        ),
        _parameter(
            "search",
            {"type": "string", "maxLength": LONGEST_SEARCH},
            f"A part, in any case, of one of {_listed(column for column in table.searched)}.",
        ),
    ]
    for name in filter_names(table):
        column = table.column(name)
        assert column is not None
        parameters += [_filter(name, column, operator) for operator in operators(column)]
    return {"parameters": parameters}


def _filter(name: str, column: Column, operator: Operator) -> dict[str, Any]:
    match operator:
        case Operator.ANY_OF:
            words = "Has one of these." if column.kind is Kind.TEXTS else "Is one of these."
            if column.field == "is_deleted":
                words = "`true` lists what was deleted, which is left out otherwise."
            return _parameter(name, {"type": "array", "items": _schema(column)}, words)
        case Operator.IS_NULL:
            return _parameter(f"{name}[{operator}]", {"type": "boolean"}, _WORDS[operator])
        case _:
            return _parameter(f"{name}[{operator}]", _schema(column), _WORDS[operator])


def _schema(column: Column) -> dict[str, Any]:
    if column.values is not None:
        return {"type": "string", "enum": [each.value for each in column.values]}
    match column.kind:
        case Kind.FLAG:
            return {"type": "boolean"}
        case Kind.NUMBER:
            return {"type": "number"}
        case Kind.MOMENT:
            return {"type": "string", "format": "date-time"}
        case Kind.ID:
            assert column.id_form is not None
            if isinstance(column.id_form, ActorForm):
                return {"type": "string"}  # of a key, a person, an application or a command
            pattern = f"^{column.id_form.prefix}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$"
            return {"type": "string", "pattern": pattern}
        case Kind.TEXT | Kind.TEXTS | Kind.DOCUMENT:
            return {"type": "string"}


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": schema,
    }


def _listed(columns: Any) -> str:
    return ", ".join(column.wire_name for column in columns)
