from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_factories import EVALUATOR, entity, map_payload

from tieline.mapping.configuration import parse_configuration
from tieline.mapping.engine import map_event
from tieline.mapping.errors import InvalidConfiguration
from tieline.mapping.formats import select, whole

PARTNER = "mapping_configuration.mapping.objects.partner"
EVENT = "mapping_configuration.mapping.events.Changed"


def objects(**partner: Any) -> dict[str, Any]:
    return {"version": "1.0", "mapping": {"objects": {"partner": {"fields": [], **partner}}}}


def events(configuration: Any) -> dict[str, Any]:
    return {"version": "2.0", "mapping": {"events": {"Changed": configuration}}}


def mapped(document: dict[str, Any], payload: Any) -> list[tuple[str, dict[str, Any], Any]]:
    """Schema, unique ids and attributes of every update."""
    result = map_payload(select(document, "partner").configuration, payload)
    return [
        (update.schema, {i.attribute: i.value for i in update.unique_ids}, update.attributes)
        for update in result.entities
    ]


def test_an_event_of_format_2_is_its_configuration() -> None:
    configuration = entity()
    selection = select(events(configuration), "Changed")
    assert selection.configuration == configuration
    assert selection.warnings == []


def test_an_object_of_format_1_is_a_block_for_every_entity() -> None:
    document = objects(
        unique_ids={"contact": ["number"], "account": {"accountNo": "external_id"}},
        fields=[
            {"entity": "account", "attribute": "name", "field": "name"},
            {"entity": "contact", "attribute": "number", "field": "no"},
            {"entity": "contact", "attribute": "loud", "jsonataExpression": "$uppercase(name)"},
        ],
    )
    assert mapped(document, {"no": 1, "name": "anna", "accountNo": "A1"}) == [
        ("contact", {"number": 1}, {"number": 1, "loud": "ANNA"}),
        ("account", {"external_id": "A1"}, {"external_id": "A1", "name": "anna"}),
    ]


def test_an_id_that_unique_ids_lead_to_comes_from_there() -> None:
    document = objects(
        unique_ids={"contact": {"partner_id": "_id"}},
        fields=[{"entity": "contact", "attribute": "_id", "field": "other"}],
    )
    assert mapped(document, {"partner_id": "P", "other": "O"}) == [
        ("contact", {"_id": "P"}, {"_id": "P"})
    ]
    [warning] = select(document, "partner").warnings
    assert warning.path == f"{PARTNER}.fields[0].attribute"
    assert warning.message.startswith(f"{warning.path} has no effect")


@pytest.mark.parametrize("version", [{}, {"version": None}, {"version": "1.0"}])
def test_the_older_format_needs_no_version(version: dict[str, Any]) -> None:
    document = {**objects(unique_ids={"contact": {"id": "id"}}), **version}
    if version == {}:
        del document["version"]
    assert mapped(document, {"id": 1}) == [("contact", {"id": 1}, {"id": 1})]


@pytest.mark.parametrize(
    ("document", "path", "words"),
    [
        (None, "mapping_configuration", "must be an object"),
        ({}, "mapping_configuration.mapping", "is required"),
        ({"version": "3.0"}, "mapping_configuration.version", "1.0, 2.0"),
        ({"mapping": {}}, "mapping_configuration.mapping.objects", "is required"),
        (
            {"version": "2.0", "mapping": {"objects": {}}},
            "mapping_configuration.mapping.events",
            "is required",
        ),
        ({"mapping": {"objects": {"partner": 5}}}, PARTNER, "must be an object"),
        (
            {"version": "2.0", "mapping": {"events": {"partner": []}}},
            "mapping_configuration.mapping.events.partner",
            "must be an object",
        ),
        ({"mapping": {"objects": {"partner": {}}}}, f"{PARTNER}.unique_ids", "is required"),
        (objects(unique_ids={}, fields=None), f"{PARTNER}.fields", "is required"),
        (
            objects(unique_ids={}, fields=[{"attribute": "x"}]),
            f"{PARTNER}.fields[0].entity",
            "is required",
        ),
        (
            objects(unique_ids={"a": ["x"]}, fields=[{"entity": "b", "attribute": "x"}]),
            f"{PARTNER}.fields[0].entity",
            f'is "b", for which {PARTNER}.unique_ids has nothing',
        ),
        (objects(unique_ids={"a": "x"}), f"{PARTNER}.unique_ids.a", "a list or an object"),
        (objects(unique_ids={"a": {"x": 1}}), f"{PARTNER}.unique_ids.a.x", "must be a text"),
    ],
)
def test_a_document_that_cannot_work_is_an_error_at_its_path(
    document: Any, path: str, words: str
) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        select(document, "partner")
    assert caught.value.path == path
    assert caught.value.message.startswith(path)
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["A", "B"], 'it has "A", "B".'),
        ([], "it has none."),
        ([f"E{number}" for number in range(25)], '"E19" and 5 more.'),
    ],
)
@pytest.mark.parametrize(("version", "key"), [("1.0", "objects"), ("2.0", "events")])
def test_an_unknown_type_of_object_is_told_the_known_ones(
    version: str, key: str, names: list[str], words: str
) -> None:
    document = {"version": version, "mapping": {key: {name: {} for name in names}}}
    with pytest.raises(InvalidConfiguration) as caught:
        select(document, "partner")
    assert caught.value.path == "object_type"
    assert f"mapping_configuration.mapping.{key}" in caught.value.message
    assert words in caught.value.message


def test_keys_that_no_format_knows_are_warnings() -> None:
    document = objects(unique_ids={"contact": {"id": "id"}}, x=1)
    document["mapping"]["events"] = {}
    document["y"] = 1
    assert [warning.path for warning in select(document, "partner").warnings] == [
        "mapping_configuration.y",
        "mapping_configuration.mapping.events",
        f"{PARTNER}.x",
    ]


def problem(document: dict[str, Any], object_type: str) -> tuple[str, str]:
    """Path and message of what is wrong, in the words of the document."""
    selection = select(document, object_type)
    with pytest.raises(InvalidConfiguration) as caught:
        parse_configuration(selection.configuration)
    error = caught.value
    return selection.place(error.path), selection.translated(error.message)


@pytest.mark.parametrize(
    ("partner", "place"),
    [
        (
            {"unique_ids": {"a": {"i": "id"}}, "fields": [{"entity": "a"}]},
            f"{PARTNER}.fields[0].attribute",
        ),
        (
            {
                "unique_ids": {"a": {"i": "id"}, "b": {"i": "id"}},
                "fields": [
                    {"entity": "a", "attribute": "x", "field": "x"},
                    {"entity": "b", "attribute": "y", "field": 5},
                ],
            },
            f"{PARTNER}.fields[1].field",
        ),
        ({"unique_ids": {"a": ["id"]}}, f"{PARTNER}.unique_ids.a[0]"),
        ({"unique_ids": {"a": []}}, f"{PARTNER}.unique_ids.a"),
        ({"unique_ids": {"a": {}}}, f"{PARTNER}.unique_ids.a"),
        ({"unique_ids": {"x" * 129: {"i": "id"}}}, f"{PARTNER}.unique_ids.{'x' * 129}"),
    ],
)
def test_faults_of_format_1_are_named_where_they_stand(partner: dict[str, Any], place: str) -> None:
    path, message = problem(objects(**partner), "partner")
    assert path.startswith(place)
    assert place in message
    assert "entities[" not in message


def test_faults_of_format_2_are_named_where_they_stand() -> None:
    path, message = problem(events(entity({"attribute": 5})), "Changed")
    assert path == f"{EVENT}.entities[0].fields[1].attribute"
    assert message.startswith(f"{path} must be a text")
    assert problem(events({"entities": 1}), "Changed")[0] == f"{EVENT}.entities"


def test_a_key_that_looks_like_a_path_is_no_obstacle() -> None:
    document = objects(unique_ids={"a.b[0]": {"i.[": "id"}})
    selection = select(document, "partner")
    assert selection.place("entities[0].fields[0].field") == (
        f"{PARTNER}.unique_ids.a.b[0].i.[.field"
    )


def test_a_whole_configuration_has_its_own_places() -> None:
    selection = whole(entity())
    for path in ("entities[0].fields[1].field", "extra", "meter_readings[0]"):
        assert selection.place(path) == path
        assert selection.translated(f"At {path}. Correct it.") == f"At {path}. Correct it."


NAMES = st.sampled_from(["contact", "account", "id", "x", "version", "mapping", "objects"])
JSON = st.recursive(
    st.none() | st.sampled_from(["1.0", "2.0", "contact", "id"]) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["unique_ids", "fields", "entity", "attribute", "field"]) | NAMES,
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(JSON)
def test_any_document_is_either_usable_or_a_clear_error(partner: Any) -> None:
    for document in (
        {"mapping": {"objects": {"partner": partner}}},
        {"version": "2.0", "mapping": {"events": {"partner": partner}}},
        partner,
    ):
        with suppress(InvalidConfiguration):
            selection = select(document, "partner")
            parse_configuration(selection.configuration)


VALUES = st.dictionaries(st.sampled_from("abcdef"), st.integers(), min_size=1)


@settings(deadline=None)
@given(VALUES, st.permutations("abcdef"))
def test_every_field_of_format_1_reaches_the_entity_that_it_names(
    payload: dict[str, int], names: list[str]
) -> None:
    fields = [
        {"entity": ("contact", "account")[index % 2], "attribute": name, "field": name}
        for index, name in enumerate(names)
    ]
    ids = {"contact": {"id": "id"}, "account": {"id": "id"}}
    document = objects(unique_ids=ids, fields=fields)
    configuration, _ = parse_configuration(select(document, "partner").configuration)
    contact, account = map_event(configuration, {"id": 1, **payload}, EVALUATOR).entities
    for update, wanted in ((contact, names[::2]), (account, names[1::2])):
        present = [name for name in wanted if name in payload]
        assert list(update.attributes) == ["id", *present]
        assert all(update.attributes[name] == payload[name] for name in present)
