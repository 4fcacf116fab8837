"""What a reading may hold."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.entities.readings.errors import InvalidReading
from tieline.entities.readings.parsing import parse_reading, parse_reference, parse_timestamp
from tieline.mapping.models import MeterReadingMode, MeterReadingUpdate, ReadingMatching
from tieline.mapping.readings import reading_warnings

STRICT = ReadingMatching.STRICT_DATE


def attributes(**more):
    return {"external_id": "r1", "timestamp": "2026-01-31", "source": "ERP", "value": 1, **more}


def parsed(**more):
    return parse_reading(attributes(**more))


@pytest.mark.parametrize("name", ["external_id", "timestamp", "source", "value"])
@pytest.mark.parametrize("nothing", [None, ""])
def test_what_is_required_must_be_there(name, nothing):
    with pytest.raises(InvalidReading, match=f"^{name}: is missing.*send it"):
        parsed(**{name: nothing})


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (0, "0"),
        (-3, "-3"),
        (1.5, "1.5"),
        (1e3, "1000.0"),
        (2**60, str(2**60)),
        (Decimal("0.10"), "0.10"),
        (Decimal("1E+5"), "100000"),
        ("1234.50", "1234.50"),
        ("0042", "42"),
        ("+7", "7"),
    ],
)
def test_a_value_keeps_every_digit(sent, kept):
    assert str(parsed(value=sent).value) == kept


@pytest.mark.parametrize(
    "sent",
    [
        *("12,5", "1.234,5", "1,234.5", "1 234", "1e3", " 5", "5 kWh", ".5", "5.", "٣", "NaN"),
        *(True, False, [], {}, float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity")),
    ],
)
def test_what_is_no_number_is_refused(sent):
    with pytest.raises(InvalidReading, match=r"^value: .* is not a number"):
        parsed(value=sent)


@pytest.mark.parametrize("sent", [10**30, Decimal("1E+900"), Decimal("1E-21"), "1" * 31])
def test_a_number_of_absurd_size_is_refused(sent):
    with pytest.raises(InvalidReading, match=r"^value: has more than"):
        parsed(value=sent)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20))
def test_any_usual_decimal_keeps_its_value(number):
    if number.as_tuple().exponent >= -20:
        assert parsed(value=number).value == number


@pytest.mark.parametrize(
    ("sent", "text", "moment"),
    [
        ("2026-01-31", "2026-01-31T00:00:00.000Z", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026-01-31T08:00:00", "2026-01-31T08:00:00", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        ("2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z", datetime(2026, 1, 31, 8, tzinfo=UTC)),
        (
            "2026-01-31T08:00:00.5+01:00",
            "2026-01-31T08:00:00.5+01:00",
            datetime(2026, 1, 31, 7, 0, 0, 500_000, tzinfo=UTC),
        ),
    ],
)
def test_a_timestamp_keeps_its_text_and_names_a_moment(sent, text, moment):
    assert parse_timestamp(sent) == (text, moment)


@pytest.mark.parametrize(
    "sent",
    [
        *("31.01.2026", "2025-02-30", "2026-13-01", "2026-01-31 08:00:00", "2026-01-31T08:00"),
        *("x", 1767225600, True, [], "2026-01-31T24:00:01Z", "2026-01-31T08:00:00+1:00"),
        *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "1799-12-31"),
    ],
)
def test_what_is_no_date_is_refused(sent):
    with pytest.raises(InvalidReading, match=r"^timestamp: "):
        parsed(timestamp=sent)


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("source", ["ECP", "ERP", "360", "journey-submission"]),
        (
            "reason",
            [
                *("regular", "irregular", "last", "first", "meter_change", "contract_change"),
                *("meter_adjustment", "", None),
            ],
        ),
        ("direction", ["feed-in", "feed-out", "", None]),
        ("tariff", ["ht", "nt", "", None]),
        ("tariff_type", ["ht", "nt", "", None]),
        ("status", ["valid", "in-validation", "implausible", "", None]),
    ],
)
def test_only_known_words_are_taken(name, allowed):
    for word in allowed:
        parsed(**{name: word})
    for word in ("Valid", "unknown", 1, [], {}):
        with pytest.raises(InvalidReading, match=f"^{name}: .* is not one of"):
            parsed(**{name: word})


def test_numbers_become_texts_where_a_text_is_meant():
    reading = parsed(external_id=4711, read_by=7, metadata={"unit": 1.5, "gone": None})
    assert reading.external_id == "4711"
    assert reading.details == {"read_by": "7", "metadata": {"unit": "1.5"}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("external_id", {}),
        ("external_id", "x" * 256),
        ("external_id", "a\0b"),
        ("remark", []),
        ("metadata", []),
        ("metadata", {"a": {}}),
        ("anything", "x" * 10_001),
    ],
)
def test_a_detail_of_the_wrong_form_is_named(name, value):
    with pytest.raises(InvalidReading, match=f"^{name}"):
        parsed(**{name: value})


def test_unknown_attributes_are_kept():
    assert parsed(photo={"id": 1}).details == {"photo": {"id": 1}}


@pytest.mark.parametrize(
    ("matching", "needed"), [(ReadingMatching.EXTERNAL_ID, "external_id"), (STRICT, "timestamp")]
)
def test_a_deletion_needs_what_its_matching_goes_by(matching, needed):
    assert parse_reference(attributes(), matching).external_id == "r1"
    with pytest.raises(InvalidReading, match=f"^{needed}: is missing"):
        parse_reference(attributes(**{needed: None}), matching)


VALUES = {
    "external_id": ["r1", 4711, "", None, []],
    "timestamp": ["2026-01-31", "2026-02-30", "1799-12-31", 1767225600, None],
    "source": ["ERP", "SAP", "", None],
    "value": [1, "1.5", "1,5", True, Decimal("1E+30"), Decimal("1E-21"), None],
    "direction": ["feed-in", "x", "", None],
    "reason": ["regular", "x", "", None],
    "status": ["valid", "x", "", None],
    "tariff": ["ht", "x", "", None],
    "tariff_type": ["nt", "x", "", None],
    "remark": ["x", 7, {}, None],
    "metadata": [{"a": "b"}, [], "x", None],
}


@given(st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in VALUES.items()}))
def test_a_simulation_warns_of_just_what_is_refused(changed):
    values = attributes(**changed)
    update = MeterReadingUpdate(
        0, MeterReadingMode.UPSERT, ReadingMatching.EXTERNAL_ID, None, [], None, values
    )
    try:
        parse_reading(values)
    except InvalidReading as error:
        refused = error.message.partition(":")[0]
        assert refused in {warning.field for warning in reading_warnings("reading", update)}
    else:
        assert list(reading_warnings("reading", update)) == []
