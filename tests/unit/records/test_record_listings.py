"""What the query of an address asks of a list."""

from decimal import Decimal

import pytest

from tieline.connectors.models import CONNECTORS
from tieline.http.integration_domain.listing import (
    filter_names,
    operators,
    read_listing,
    sort_names,
)
from tieline.http.integration_domain.parameters import list_parameters
from tieline.http.integration_domain.parts import cursor_after
from tieline.http.pagination import encode_cursor
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import new_uuid
from tieline.kit.time import utc_now
from tieline.outbound.webhooks.models import WEBHOOKS
from tieline.records.listing import Operator, Page


def read(*pairs):
    return read_listing(CONNECTORS, pairs)


def test_without_anything_the_newest_come_first_fifty_at_once():
    listing = read()

    assert [(each.column.field, each.descending) for each in listing.order] == [
        ("created_at", True),
        ("id", True),
    ]
    assert listing.limit == 50
    assert listing.filters == ()


def test_a_field_that_is_repeated_is_any_of_its_values():
    [wanted] = read(("name", "a"), ("name", "b")).filters

    assert wanted.operator is Operator.ANY_OF
    assert wanted.values == ("a", "b")


def test_ranges_of_one_field_are_conditions_of_their_own():
    low, high = read(("consecutive_errors[gte]", "1"), ("consecutive_errors[lt]", "9")).filters

    assert (low.operator, low.values) == (Operator.AT_LEAST, (Decimal(1),))
    assert (high.operator, high.values) == (Operator.BELOW, (Decimal(9),))


def test_fields_to_sort_by_may_be_several_and_reversed():
    for pairs in [[("sort", "name,-updated_at")], [("sort", "name"), ("sort", "-updated_at")]]:
        order = read_listing(CONNECTORS, pairs).order
        assert [(each.column.field, each.descending) for each in order] == [
            ("name", False),
            ("updated_at", True),
            ("id", True),
        ]


def test_sorting_by_id_needs_nothing_beside_it():
    assert [each.column.field for each in read(("sort", "id")).order] == ["id"]


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        (("colour", "red"), "colour: is not known here"),
        (("config", "{}"), "config: is not known here"),
        (("name[gte]", "a"), r"name\[gte\]: there is no such comparison"),
        (("enabled[gt]", "true"), r"enabled\[gt\]: there is no such comparison"),
        (("created_at[null]", "true"), "there is no such comparison"),
        (("name[]", "a"), "is not known here"),
        (("name[any of]", "a"), "is not known here"),
        (("last_sync_at[null]", "maybe"), "must be true or false"),
        (("org_id", "mine"), "org_id: is not known here"),
        (("limit", "0"), "limit: must be"),
        (("limit", "501"), "limit: must be"),
        (("limit", "-1"), "limit: must be"),
        (("limit", "\u0661"), "limit: must be"),
        (("limit", "9" * 5_000), "limit: must be"),
        (("sort", "config"), "sort: 'config' is no field"),
        (("sort", "--name"), "sort: "),
        (("sort", ""), "sort: "),
        (("sort", "name,type,provider,scope,enabled,auth_type"), "more than 5"),
        (("search", "x" * 201), "search: has more than"),
        (("cursor", "x"), "cursor: "),
        (("cursor", ""), "cursor: "),
        (("Name", "a"), "Name: is not known here"),
        (("name\x00", "a"), "is not known here"),
    ],
)
def test_what_is_not_understood_is_refused_by_name(pair, words):
    with pytest.raises(InvalidInput, match=words):
        read(pair)


def test_an_unknown_name_is_answered_with_those_there_are():
    with pytest.raises(InvalidInput) as refusal:
        read(("colour", "red"))

    assert all(name in refusal.value.message for name in filter_names(CONNECTORS))


@pytest.mark.parametrize("name", ["limit", "cursor", "search"])
def test_what_is_there_once_cannot_be_there_twice(name):
    with pytest.raises(InvalidInput, match=f"{name}: is there 2 times"):
        read((name, "1"), (name, "1"))


def test_a_hundred_conditions_are_enough():
    with pytest.raises(InvalidInput, match="more than 100"):
        read(*[("name", "a")] * 101)


def a_cursor(sort):
    listing = read(("sort", sort))
    now = utc_now()
    values = {"created_at": now, "id": new_uuid(), "name": None, "consecutive_errors": 3}
    after = tuple(values[each.column.field] for each in listing.order)
    return after, cursor_after(CONNECTORS, listing, Page((), 9, after))


@pytest.mark.parametrize("sort", ["created_at", "-created_at", "name,-consecutive_errors"])
def test_a_cursor_leads_back_to_its_place(sort):
    after, cursor = a_cursor(sort)

    assert read(("sort", sort), ("cursor", cursor)).after == after


@pytest.mark.parametrize("sort", ["created_at", "-updated_at", "name"])
def test_a_cursor_of_another_order_is_refused(sort):
    _, cursor = a_cursor("-created_at")

    with pytest.raises(InvalidInput, match="cursor: "):
        read(("sort", sort), ("cursor", cursor))


def test_a_cursor_of_another_list_is_refused():
    _, cursor = a_cursor("-created_at")

    with pytest.raises(InvalidInput, match="cursor: "):
        read_listing(WEBHOOKS, [("cursor", cursor)])


@pytest.mark.parametrize(
    "content",
    [
        None,
        [],
        {"a": 1},
        ["connectors:-created_at,-id", []],
        ["connectors:-created_at,-id", ["2026-01-01", None]],
        ["connectors:-created_at,-id", ["2026-01-01", 7]],
        ["connectors:-created_at,-id", [None, "cnn_00000000000000000000000002"]],
        ["connectors:-created_at,-id", ["soon", "cnn_00000000000000000000000002"]],
        ["connectors:-created_at,-id", ["2026-01-01", "app_00000000000000000000000002"]],
        ["connectors:-created_at,-id", ["2026-01-01", "cnn_00000000000000000000000002", "x"]],
    ],
)
def test_a_made_up_cursor_is_refused(content):
    with pytest.raises(InvalidInput, match="cursor: "):
        read(("cursor", encode_cursor(content)))


@pytest.mark.parametrize("table", [CONNECTORS, WEBHOOKS], ids=lambda table: table.noun)
def test_the_page_names_every_parameter_and_no_other(table):
    named = [parameter["name"] for parameter in list_parameters(table)["parameters"]]
    understood = ["limit", "cursor", "sort", "search"]
    for name in filter_names(table):
        for operator in operators(table.column(name)):
            understood.append(name if operator is Operator.ANY_OF else f"{name}[{operator}]")

    assert named == understood
    assert set(sort_names(table)) <= set(filter_names(table))
