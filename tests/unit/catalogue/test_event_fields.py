"""How the fields of events get their values."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from event_factories import document

from tieline.catalogue.fields import MISSING, UNCLEAR, Filling, fill, follow
from tieline.catalogue.parsing import parse_definition
from tieline.expressions.sandbox import SandboxPool
from tieline.mapping.mapper import HANDLER, Mapper

SCOPE = {
    "contract": {"number": "C-1", "amount": Decimal("10.10"), "tags": ["a"], "none": None},
    "contacts": [{"name": "Ann"}, {"name": "Bob"}],
    "and": {"x": 1},
}


@pytest.fixture(scope="module")
async def mapper() -> AsyncIterator[Mapper]:
    pool = SandboxPool(handler=HANDLER)
    await pool.start()
    yield Mapper(pool)
    await pool.close()


def filling(fields: dict[str, Any], given: dict[str, Any] | None = None, **more: Any) -> Filling:
    sent = document(schema_fields=fields, entity_graph=None, entity_operation=None, **more)
    return Filling(parse_definition(sent), SCOPE, dict(given or {}))


def field(source: str | None = None, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"json_schema": schema, "required": required}
    return found | ({"graph_source": source} if source else {})


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("contract.number", "C-1"),
        ("contract", SCOPE["contract"]),
        ("contract.tags", ["a"]),
        ("contract.none", None),
        ("contract.missing", MISSING),
        ("missing.more", MISSING),
        ("contract.number.more", MISSING),
        ("contacts.name", UNCLEAR),
        ("and.x", UNCLEAR),
        ("contract.number & 'x'", UNCLEAR),
        ("$now()", UNCLEAR),
        ("contract.`number`", UNCLEAR),
    ],
)
def test_plain_paths_are_followed_and_all_else_is_left_to_the_language(source, value):
    assert follow(source, SCOPE) == value


@pytest.mark.parametrize(
    "source",
    ["contract.number", "contract.tags", "contract.missing", "missing.x", "contract.number.x"],
)
async def test_a_path_that_is_followed_yields_what_the_language_yields(mapper, source):
    by_path = filling({"f": field(source)})
    by_language = filling({"f": field(f"({source})")})
    await fill(mapper, [by_path, by_language])
    assert by_path.fields == by_language.fields
    assert by_path.faults == by_language.faults == []


async def test_many_events_are_worked_out_at_once(mapper):
    some = [filling({"f": field(f"contacts[{n}].name & '{n}'")}) for n in (0, 1)]
    await fill(mapper, some)
    assert [each.fields for each in some] == [{"f": "Ann0"}, {"f": "Bob1"}]


async def test_no_digit_is_lost_on_a_plain_path(mapper):
    each = filling({"f": field("contract.amount", type="number")})
    await fill(mapper, [each])
    assert each.fields == {"f": Decimal("10.10")}


async def test_what_was_given_is_kept(mapper):
    each = filling({"f": field("contract.number")}, {"f": "mine"})
    await fill(mapper, [each])
    assert each.fields == {"f": "mine"}


async def test_an_expression_that_fails_costs_its_event_only(mapper):
    bad, good = filling({"f": field("$number('x')")}), filling({"f": field("1 + 1")})
    await fill(mapper, [bad, good])
    assert good.fields == {"f": 2}
    assert good.faults == []
    [(place, _)] = bad.faults
    assert place == "schema_fields.f.graph_source"


@pytest.mark.parametrize("source", ["contract.missing", "contract.none", "contacts[5].name"])
async def test_a_required_field_without_a_value_is_a_fault(mapper, source):
    each = filling({"f": field(source, required=True, type="string")})
    await fill(mapper, [each])
    assert each.faults == [("fields.f", "is required and has no value.")]


async def test_null_is_left_out_unless_the_schema_knows_it(mapper):
    each = filling(
        {
            "kept": field("contract.none", type=["string", "null"]),
            "left": field("contract.none", type="string"),
        }
    )
    await fill(mapper, [each])
    assert each.fields == {"kept": None}
    assert each.faults == []


async def test_a_value_that_does_not_fit_is_a_fault(mapper):
    each = filling({"f": field("contract.number", type="integer")})
    await fill(mapper, [each])
    [(place, fault)] = each.faults
    assert place == "fields.f"
    assert "does not fit" in fault


async def test_one_expression_may_yield_all_fields(mapper):
    fields = {"a": field(type="string"), "b": field(type="integer")}
    mapping = {"mode": "jsonata", "jsonata": "{'a': contract.number, 'b': $count(contacts)}"}
    each = filling(fields, mapping=mapping)
    await fill(mapper, [each])
    assert each.fields == {"a": "C-1", "b": 2}
    assert each.faults == []


@pytest.mark.parametrize(
    ("expression", "place"),
    [("5", "mapping.jsonata"), ("missing", "mapping.jsonata"), ("{'z': 1}", "fields.z")],
)
async def test_one_expression_must_yield_the_fields_that_there_are(mapper, expression, place):
    mapping = {"mode": "jsonata", "jsonata": expression}
    each = filling({"a": field()}, mapping=mapping)
    await fill(mapper, [each])
    assert [found for found, _ in each.faults] == [place]


async def test_a_required_entity_must_be_there(mapper):
    each = filling({"customer": {"entity_schema": "contact", "required": True}})
    await fill(mapper, [each])
    assert each.faults == [("fields.customer", "is required and has no value.")]
