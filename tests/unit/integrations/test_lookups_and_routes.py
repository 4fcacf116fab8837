from uuid import UUID

from tieline.integrations.lookups import lookups_of
from tieline.integrations.models import Route
from tieline.integrations.routes import arrange
from tieline.mapping.configuration import parse_configuration

READING_FIELDS = [
    {"attribute": name, "field": name} for name in ("external_id", "timestamp", "source", "value")
]


def test_an_id_alone_needs_no_index() -> None:
    block = {
        "entity_schema": "contact",
        "unique_ids": ["_id"],
        "fields": [{"attribute": "_id", "field": "id"}],
    }

    assert lookups_of(parse_configuration({"entities": [block]})[0]) == set()


def test_unique_ids_of_relations_and_hinted_ones_are_looked_up_where_they_stand() -> None:
    items = [
        {
            "entity_schema": "account",
            "unique_ids": [
                {"attribute": "phone", "_type": "phone", "field": "p"},
                {"attribute": "_id", "field": "i"},
            ],
        }
    ]
    block = {
        "entity_schema": "contact",
        "unique_ids": ["email", "number"],
        "fields": [
            {"attribute": "email", "_type": "email", "field": "mail"},
            {"attribute": "number", "field": "n"},
            {"attribute": "account", "relations": {"operation": "_set", "items": items}},
            {"attribute": "b", "relations": {"operation": "_set", "jsonataExpression": "x"}},
        ],
    }

    assert lookups_of(parse_configuration({"entities": [block]})[0]) == {
        ("contact", "email.email"),
        ("contact", "number"),
        ("account", "phone.phone"),
    }


def test_scopes_and_targets_of_references_are_looked_up() -> None:
    reference = {
        "entity_schema": "person",
        "unique_ids": [{"attribute": "email", "_type": "email", "field": "m"}],
        "path": "address",
        "value": {"attribute": "address", "field": "a"},
    }
    by_values = {
        "scope_mode": "query",
        "query": [{"attribute": "owner", "field": "o"}, {"attribute": "source", "constant": 1}],
    }
    by_relation = {
        "scope_mode": "relations",
        "schema": "account",
        "unique_ids": [{"attribute": "number", "field": "n"}],
    }
    blocks = [
        {
            "entity_schema": "contact",
            "unique_ids": ["id"],
            "mode": "upsert-prune-scope-delete",
            "scope": scope,
            "fields": [
                {"attribute": "id", "field": "id"},
                {"attribute": "r", "relation_refs": {"operation": "_set", "items": [reference]}},
                {"attribute": "f", "file_proxy_url": {"use_case_slug": "f"}},
            ],
        }
        for scope in (by_values, by_relation)
    ]

    assert lookups_of(parse_configuration({"entities": blocks})[0]) == {
        ("contact", "id"),
        ("contact", "owner"),
        ("contact", "source"),
        ("account", "number"),
        ("person", "email.email"),
    }


def test_meters_and_counters_are_looked_up() -> None:
    block = {
        "meter": {"unique_ids": [{"attribute": "external_id", "field": "m"}]},
        "meter_counter": {"unique_ids": [{"attribute": "obis", "field": "c"}]},
        "fields": READING_FIELDS,
    }
    without_counter = {key: block[key] for key in ("meter", "fields")}

    both = lookups_of(parse_configuration({"meter_readings": [block]})[0])
    one = lookups_of(parse_configuration({"meter_readings": [without_counter]})[0])

    assert both == {("meter", "external_id"), ("meter_counter", "obis")}
    assert one == {("meter", "external_id")}


def route(number: int, name: str, slug: str | None = None, *, enabled: bool = True) -> Route:
    return Route(UUID(int=number), 1, enabled, slug, name)


def test_an_event_name_means_the_slug_before_the_name() -> None:
    named, slugged = route(1, "contact"), route(2, "Other", "contact")

    routes = arrange("org", UUID(int=9), [named, slugged])

    assert routes.by_slug == {"contact": slugged}
    assert routes.by_event_name == {"contact": slugged, "Other": slugged}
    assert routes.by_id == {UUID(int=1): named, UUID(int=2): slugged}


def test_of_equal_names_the_oldest_enabled_use_case_is_meant() -> None:
    off, first, second = route(1, "a", enabled=False), route(2, "a"), route(3, "a")

    assert arrange("org", UUID(int=9), [off, first, second]).by_event_name == {"a": first}
    assert arrange("org", UUID(int=9), [off]).by_event_name == {"a": off}
