"""Identifiers."""

import time
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tieline.kit.ids import new_ulid, new_uuid, parse_uuid, ulid_time, ulids_at, uuid_time


def test_uuids_grow_and_are_of_version_7():
    made = [new_uuid() for _ in range(10_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {(uuid.version, uuid.variant) for uuid in made} == {(7, "specified in RFC 4122")}


def test_a_uuid_carries_the_time():
    milliseconds = new_uuid().int >> 80
    assert abs(milliseconds - time.time() * 1000) < 60_000


def test_the_time_of_a_uuid_is_read_from_it_to_the_millisecond():
    before = datetime.now(UTC)
    moment = uuid_time(new_uuid())
    assert abs((moment - before).total_seconds()) < 1
    assert moment.microsecond % 1000 == 0


@pytest.mark.parametrize(
    "other", [uuid4(), UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")], ids=["random", "too late"]
)
def test_a_uuid_of_another_version_or_another_age_has_no_time(other):
    assert uuid_time(other) is None


def test_a_ulid_carries_the_time_to_the_millisecond():
    before = datetime.now(UTC)
    moment = ulid_time(new_ulid())
    assert abs((moment - before).total_seconds()) < 1
    assert moment.microsecond % 1000 == 0


def test_a_ulid_is_written_in_upper_or_lower_case():
    ulid = new_ulid()
    assert len(ulid) == 26
    assert ulid_time(ulid.lower()) == ulid_time(ulid)


@pytest.mark.parametrize("text", ["", "!!!!!!!!!!", "01F130Q52U0000000000000000"])
def test_what_is_no_ulid_is_refused(text):
    with pytest.raises(ValueError):
        ulid_time(text)


@pytest.mark.parametrize("text", ["", "x", "3fa85f64-5717-4562-b3fc-2c963f66afa", "z" * 36])
def test_what_is_no_uuid_is_none(text):
    assert parse_uuid(text) is None


def test_a_uuid_is_read():
    uuid = new_uuid()
    assert parse_uuid(str(uuid)) == uuid


def test_ulids_of_one_millisecond_grow_in_their_order():
    now = datetime(2026, 1, 31, 8, 0, 0, 123_000, tzinfo=UTC)
    ids = ulids_at([now] * 5 + [now - timedelta(days=1)])
    assert ids[:5] == sorted(set(ids[:5]))
    assert [ulid_time(each) for each in ids] == [now] * 5 + [now - timedelta(days=1)]
    assert ids[5] < ids[0]
    assert ulids_at([]) == []
