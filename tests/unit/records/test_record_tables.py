"""Tables of records, derived from dataclasses."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tieline.kit.errors import InvalidInput
from tieline.records.columns import ApplicationId, Kind
from tieline.records.envelope import Record, SourceType
from tieline.records.identifiers import UuidForm
from tieline.records.table import RecordTable

NOW = datetime(2026, 1, 31, 8, 0, 0, 123_456, UTC)


@dataclass(frozen=True, kw_only=True)
class Lamp(Record):
    label: str | None = None
    watts: Decimal | None = None
    count: int = 0
    lit: bool = False
    seen_at: datetime | None = None
    rooms: tuple[str, ...] = ()
    wiring: Mapping[str, Any] = field(default_factory=dict)
    owner: ApplicationId | None = None
    brightness: float = 1.0


LAMPS = RecordTable.of(
    Lamp,
    name="lamps",
    noun="lamp",
    id_form=UuidForm("lmp"),
    second_names={"is_lit": "lit"},
    computed={"brightness": "watts * 2"},
)


def a_lamp(**fields: Any) -> Lamp:
    stamps = {"id": UUID(int=1), "org_id": "o", "created_at": NOW, "updated_at": NOW}
    return Lamp(**{**stamps, **fields})


def test_each_field_is_a_column_of_the_kind_of_its_annotation() -> None:
    kinds = {name: column.kind for name, column in LAMPS.columns.items()}

    assert kinds["label"] is Kind.TEXT
    assert kinds["watts"] is kinds["count"] is kinds["brightness"] is Kind.NUMBER
    assert kinds["lit"] is Kind.FLAG
    assert kinds["seen_at"] is Kind.MOMENT
    assert kinds["rooms"] is Kind.TEXTS
    assert kinds["wiring"] is Kind.DOCUMENT
    assert kinds["owner"] is kinds["id"] is Kind.ID
    assert LAMPS.columns["source_type"].values is SourceType


def test_the_organisation_is_the_tenant_on_the_wire() -> None:
    assert LAMPS.columns["tenant_id"].field == "org_id"
    assert "org_id" not in LAMPS.columns
    assert LAMPS.column("org_id") is None


def test_a_second_name_stands_for_the_same_column() -> None:
    assert LAMPS.column("is_lit") is LAMPS.columns["lit"]


def test_a_computed_field_is_read_but_not_written() -> None:
    assert "watts * 2 AS brightness" in LAMPS.selection()
    assert "brightness" not in [column.field for column in LAMPS.stored]


def test_a_search_looks_into_the_records_own_texts() -> None:
    assert [column.field for column in LAMPS.searched] == ["label"]


def test_a_document_has_the_names_and_forms_of_the_wire() -> None:
    lamp = a_lamp(label="Hall", lit=True, rooms=("a", "b"), owner=UUID(int=2), seen_at=NOW)
    shown = LAMPS.document(lamp)

    assert shown["id"] == "lmp_00000000000000000000000001"
    assert shown["owner"] == "app_00000000000000000000000002"
    assert shown["tenant_id"] == "o"
    assert shown["seen_at"] == "2026-01-31T08:00:00.123Z"
    assert shown["rooms"] == ["a", "b"]
    assert shown["lit"] is shown["is_lit"] is True
    assert shown["deleted_at"] is None


def test_the_application_is_shown_only_when_one_wrote_the_record() -> None:
    assert "app_id" not in LAMPS.document(a_lamp())
    assert LAMPS.document(a_lamp(app_id="crm"))["app_id"] == "crm"


def test_fields_that_are_never_null_have_defaults() -> None:
    assert LAMPS.defaults["count"] == 0
    assert LAMPS.defaults["wiring"] == {}
    assert "label" not in LAMPS.defaults
    assert "id" not in LAMPS.defaults


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("label", "a,b", "a,b"),
        ("lit", "true", True),
        ("lit", "false", False),
        ("watts", "-1.50", Decimal("-1.50")),
        ("count", "2e3", Decimal(2000)),
        ("seen_at", "2026-01-31T08:00:00.123456Z", NOW),
        ("source_type", "server", "server"),
        ("owner", "app_00000000000000000000000002", UUID(int=2)),
        ("rooms", "a", "a"),
    ],
)
def test_a_text_is_read_by_the_kind_of_its_column(name: str, text: str, value: Any) -> None:
    assert LAMPS.columns[name].read(text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("lit", "yes"),
        ("lit", "True"),
        ("watts", "NaN"),
        ("watts", "Infinity"),
        ("watts", "1_000"),
        ("watts", ""),
        ("watts", "1e10000"),
        ("seen_at", "yesterday"),
        ("seen_at", "2026-01-31T08:00:00 01:00"),
        ("seen_at", "2026-13-31"),
        ("seen_at", "0001-01-01T00:00:00+14:00"),
        ("source_type", "nobody"),
        ("owner", "cnn_00000000000000000000000002"),
        ("wiring", "{}"),
    ],
)
def test_a_text_that_does_not_fit_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(InvalidInput, match=f"^{name}: "):
        LAMPS.columns[name].read(text)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seen_at", NOW),
        ("watts", Decimal("12345678901234567.89")),
        ("count", 7),
        ("lit", True),
        ("label", "a"),
        ("owner", UUID(int=9)),
        ("source_type", SourceType.API),
    ],
)
def test_what_a_cursor_holds_comes_back_exactly(name: str, value: Any) -> None:
    column = LAMPS.columns[name]
    text = column.write(value)

    assert text is not None
    assert column.read(text) == value


def test_an_id_of_another_type_is_refused_with_an_example() -> None:
    with pytest.raises(InvalidInput, match="lmp_"):
        LAMPS.stored_id("app_00000000000000000000000002")
