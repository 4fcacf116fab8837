"""The unit of work for readings, without a database."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tieline.entities.readings.ledger import (
    ReadingLedger,
    ReadingsNotLoaded,
    lookup_for,
    lookup_for_scope,
)
from tieline.entities.readings.models import Reading, ReadingChange, ReadingLookup, SkipCode
from tieline.entities.readings.parsing import parse_reading, parse_reference
from tieline.mapping.models import ReadingMatching

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EARLIER = datetime(2025, 1, 1, tzinfo=UTC)
EXTERNAL, STRICT = ReadingMatching.EXTERNAL_ID, ReadingMatching.STRICT_DATE
METER, OTHER_METER = UUID(int=1), UUID(int=2)
COUNTER, OTHER_COUNTER = UUID(int=11), UUID(int=12)
CREATED, UPDATED = ReadingChange.CREATED, ReadingChange.UPDATED
UNCHANGED, DELETED, SKIPPED = (
    ReadingChange.UNCHANGED,
    ReadingChange.DELETED,
    ReadingChange.SKIPPED,
)


def reading(external_id="r1", timestamp="2026-01-31T08:00:00Z", value=100, **more):
    sent = {"external_id": external_id, "timestamp": timestamp, "value": value, "source": "ERP"}
    return parse_reading({**sent, **more})


def reference(**attributes):
    matching = EXTERNAL if "external_id" in attributes else STRICT
    return parse_reference(attributes, matching)


@pytest.fixture
def ledger():
    empty = ReadingLedger("acme", NOW)
    empty.declare_new(METER)
    empty.declare_new(OTHER_METER)
    return empty


def upsert(ledger, sent, counter=COUNTER, matching=EXTERNAL, meter=METER):
    return ledger.upsert(sent, meter, counter, matching)


def external_ids(ledger, counter=None):
    return [r.external_id for r in ledger.of_meter(METER, counter)]


# --- by external id


def test_a_reading_that_nobody_knows_is_created(ledger):
    outcome = upsert(ledger, reading())
    assert outcome.change is CREATED
    assert (outcome.reading.value, outcome.reading.created_at) == (100, NOW)


def test_what_was_not_sent_again_stays(ledger):
    upsert(ledger, reading(remark="kept", reason="first", direction="feed-in"))
    changed = upsert(ledger, reading(value=2, reason="last")).reading
    assert changed.details == {"remark": "kept", "reason": "last"}
    assert (changed.value, changed.direction) == (2, "feed-in")


def test_a_null_takes_a_detail_away(ledger):
    upsert(ledger, reading(remark="x"))
    assert upsert(ledger, reading(remark=None)).reading.details == {}


def test_the_same_reading_again_changes_nothing(ledger):
    upsert(ledger, reading(remark="x"))
    ledger.cut()
    assert upsert(ledger, reading(remark="x")).change is UNCHANGED
    assert not ledger.cut()


def test_an_external_id_belongs_to_its_meter(ledger):
    upsert(ledger, reading())
    assert upsert(ledger, reading(), meter=OTHER_METER).change is CREATED


def test_an_external_id_belongs_to_the_counter_that_is_given(ledger):
    upsert(ledger, reading(), counter=COUNTER)
    assert upsert(ledger, reading(), counter=OTHER_COUNTER).change is CREATED


def test_without_a_counter_any_will_do(ledger):
    upsert(ledger, reading(), counter=COUNTER)
    outcome = upsert(ledger, reading(value=5), counter=None)
    assert (outcome.change, outcome.reading.counter_id) == (UPDATED, COUNTER)


def test_several_readings_with_the_external_id_are_left_alone(ledger):
    upsert(ledger, reading(), counter=COUNTER)
    upsert(ledger, reading(), counter=OTHER_COUNTER)
    outcome = upsert(ledger, reading(value=5), counter=None)
    assert (outcome.change, outcome.code) == (SKIPPED, SkipCode.MULTIPLE_MATCHES)
    assert "2 readings" in outcome.reason
    assert {r.value for r in ledger.of_meter(METER, None)} == {100}


def test_a_reading_of_the_same_moment_takes_the_new_external_id(ledger):
    upsert(ledger, reading("portal"))
    outcome = upsert(ledger, reading("erp"))
    assert (outcome.change, external_ids(ledger)) == (UPDATED, ["erp"])
    assert upsert(ledger, reading("portal", "2026-02-01")).change is CREATED


def test_a_reading_does_not_move_onto_another_one(ledger):
    upsert(ledger, reading("r1", "2026-01-01"))
    upsert(ledger, reading("r2", "2026-01-02"))
    outcome = upsert(ledger, reading("r1", "2026-01-02"))
    assert (outcome.change, outcome.code) == (SKIPPED, SkipCode.KEY_TAKEN)
    assert external_ids(ledger) == ["r1", "r2"]


# --- by the day


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("2026-01-31T23:30:00Z", "2026-02-01T10:00:00Z", True),
        ("2026-01-31T22:30:00Z", "2026-02-01T10:00:00Z", False),
        ("2026-03-29T21:30:00Z", "2026-03-28T23:30:00Z", True),
        ("2026-03-29T22:30:00Z", "2026-03-29T10:00:00Z", False),
        ("2026-10-25T22:30:00Z", "2026-10-24T22:30:00Z", True),
        ("2026-10-25T23:30:00Z", "2026-10-25T10:00:00Z", False),
        ("2026-02-01", "2026-01-31T23:00:00Z", True),
    ],
)
def test_a_reading_of_the_same_german_day_is_changed(ledger, first, second, same):
    upsert(ledger, reading("portal", first))
    outcome = upsert(ledger, reading("erp", second), matching=STRICT)
    assert outcome.change is (UPDATED if same else CREATED)
    assert external_ids(ledger).count("portal") == (0 if same else 1)


def test_several_readings_of_a_day_are_left_alone(ledger):
    upsert(ledger, reading("a", "2026-01-31T08:00:00Z"))
    upsert(ledger, reading("b", "2026-01-31T09:00:00Z"))
    outcome = upsert(ledger, reading("c", "2026-01-31T10:00:00Z"), matching=STRICT)
    assert (outcome.change, outcome.code) == (SKIPPED, SkipCode.MULTIPLE_MATCHES)
    assert "the day 2026-01-31" in outcome.reason
    assert external_ids(ledger) == ["a", "b"]


@pytest.mark.parametrize("other", [{"counter": OTHER_COUNTER}, {"counter": None}])
def test_another_counter_has_days_of_its_own(ledger, other):
    upsert(ledger, reading("a"))
    assert upsert(ledger, reading("b"), matching=STRICT, **other).change is CREATED


def test_another_direction_has_days_of_its_own(ledger):
    upsert(ledger, reading("a", direction="feed-in"))
    sent = reading("b", direction="feed-out")
    assert upsert(ledger, sent, matching=STRICT).change is CREATED


# --- deleting


def test_a_reading_is_deleted_by_its_external_id(ledger):
    upsert(ledger, reading())
    outcome = ledger.delete(reference(external_id="r1"), METER, None)
    assert (outcome.change, outcome.reading.external_id) == (DELETED, "r1")
    assert external_ids(ledger) == []


def test_a_reading_is_deleted_by_its_day(ledger):
    upsert(ledger, reading())
    where = reference(timestamp="2026-01-31")
    assert ledger.delete(where, METER, COUNTER, STRICT).change is DELETED


def test_what_is_not_there_cannot_be_deleted(ledger):
    outcome = ledger.delete(reference(external_id="r1"), METER, COUNTER)
    assert (outcome.change, outcome.code) == (SKIPPED, SkipCode.NOT_FOUND)
    assert "'r1'" in outcome.reason


def test_a_deletion_that_means_several_deletes_none(ledger):
    upsert(ledger, reading(), counter=COUNTER)
    upsert(ledger, reading(), counter=OTHER_COUNTER)
    outcome = ledger.delete(reference(external_id="r1"), METER, None)
    assert outcome.code is SkipCode.MULTIPLE_MATCHES
    assert external_ids(ledger) == ["r1", "r1"]


# --- pruning


@pytest.fixture
def full(ledger):
    upsert(ledger, reading("r1", "2026-01-01"))
    upsert(ledger, reading("r2", "2026-01-02", source="ECP"))
    upsert(ledger, reading("r3", "2026-01-03"), counter=OTHER_COUNTER)
    unnamed = {"timestamp": "2026-01-04", "value": 1, "source": "ERP"}
    ledger.create(parse_reading(unnamed, required=()), METER, COUNTER)
    upsert(ledger, reading("r5", "2026-01-05"), meter=OTHER_METER)
    return ledger


@pytest.mark.parametrize(
    ("counter", "keep", "source", "left"),
    [
        (COUNTER, {"r1"}, None, ["r1", "r3", None]),
        (COUNTER, set(), None, ["r3", None]),
        (COUNTER, set(), "ERP", ["r2", "r3"]),
        (COUNTER, {"r1"}, "ECP", ["r1", "r3", None]),
        (None, {"r2"}, None, ["r2", None]),
        (None, set(), "ERP", ["r2"]),
    ],
)
def test_pruning_removes_what_is_in_scope_and_not_kept(full, counter, keep, source, left):
    before = len(full.of_meter(METER, counter))
    pruned = full.prune(METER, counter, keep, source)
    assert external_ids(full) == left
    assert pruned.deleted == before - len(full.of_meter(METER, counter))
    assert len(full.of_meter(OTHER_METER, None)) == 1


# --- what was not loaded


def test_what_was_not_loaded_cannot_be_changed():
    ledger = ReadingLedger("acme", NOW)
    with pytest.raises(ReadingsNotLoaded):
        upsert(ledger, reading())
    with pytest.raises(ReadingsNotLoaded):
        upsert(ledger, reading(), matching=STRICT)
    with pytest.raises(ReadingsNotLoaded):
        ledger.prune(METER, COUNTER, set())
    ledger.add([], [lookup_for(reading(), METER, COUNTER, EXTERNAL)])
    assert upsert(ledger, reading()).change is CREATED
    with pytest.raises(ReadingsNotLoaded):
        upsert(ledger, reading(timestamp="2026-02-01"))


def test_a_day_holds_its_moments_and_a_scope_holds_everything_of_its_counter():
    ledger = ReadingLedger("acme", NOW)
    moment = ReadingLookup(METER, COUNTER, read_at=datetime(2026, 1, 31, 8, tzinfo=UTC))
    day = lookup_for(reading(), METER, COUNTER, STRICT)
    ledger.add([], [day])
    assert ledger.covers(moment)
    assert not ledger.covers(lookup_for_scope(METER, COUNTER))
    ledger.add([], [lookup_for_scope(METER, OTHER_COUNTER)])
    assert ledger.covers(lookup_for(reading(), METER, OTHER_COUNTER, STRICT))
    assert not ledger.covers(lookup_for(reading(), METER, None, STRICT))
    assert not ledger.covers(lookup_for(reading(), METER, OTHER_COUNTER, EXTERNAL))
    ledger.add([], [lookup_for_scope(METER, None)])
    assert ledger.covers(lookup_for(reading(), METER, OTHER_COUNTER, EXTERNAL))


# --- handing over


def test_a_cut_holds_each_reading_once_as_it_is_now(ledger):
    upsert(ledger, reading(value=1))
    upsert(ledger, reading(value=2))
    upsert(ledger, reading("gone", "2026-02-01"))
    ledger.delete(reference(external_id="gone"), METER, COUNTER)
    changes = ledger.cut()
    assert [(r.value, r.version) for r in changes.created] == [(2, 1)]
    assert (changes.updated, changes.deleted) == ([], [])
    upsert(ledger, reading(value=3))
    [(before, after)] = ledger.cut().updated
    assert ((before.value, before.version), (after.value, after.version)) == ((2, 1), (3, 2))


def test_a_reading_that_moves_leaves_its_old_place(ledger):
    upsert(ledger, reading(timestamp="2026-01-01"))
    ledger.cut()
    upsert(ledger, reading(timestamp="2026-01-02"))
    changes = ledger.cut()
    assert [r.timestamp[:10] for r in changes.deleted] == ["2026-01-01"]
    assert [r.timestamp[:10] for r in changes.created] == ["2026-01-02"]


def test_what_is_stored_already_does_not_replace_what_changed(ledger):
    stored = Reading(
        METER, COUNTER, None, EARLIER, "x", 1, "ERP", "r1", {}, EARLIER, EARLIER, version=4
    )
    ledger.add([stored], [])
    ledger.remove(stored)
    ledger.add([stored], [])
    assert ledger.get(stored.key) is None
    assert ledger.cut().deleted == [stored]


# --- any sequence of changes

SENT = st.builds(
    reading,
    external_id=st.sampled_from(["a", "b", "c"]),
    timestamp=st.sampled_from(
        ["2026-03-28T23:30:00Z", "2026-03-29T22:30:00Z", "2026-03-29", "2026-03-30", "2026-10-25"]
    ),
    value=st.integers(0, 3),
    direction=st.sampled_from([None, "feed-in"]),
)
COUNTERS = st.sampled_from([None, COUNTER, OTHER_COUNTER])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("upsert"), SENT, COUNTERS, st.sampled_from(ReadingMatching)),
        st.tuples(st.just("delete"), SENT, COUNTERS, st.sampled_from(ReadingMatching)),
        st.tuples(
            st.just("prune"), st.sets(st.sampled_from("abc")), COUNTERS, st.sampled_from([None])
        ),
    ),
    max_size=12,
)


def run(ledger, steps):
    for what, sent, counter, matching in steps:
        if what == "prune":
            ledger.prune(METER, counter, sent)
        elif what == "delete":
            where = parse_reference(
                {"external_id": sent.external_id, "timestamp": sent.timestamp}, matching
            )
            ledger.delete(where, METER, counter, matching)
        else:
            ledger.upsert(sent, METER, counter, matching)


def state(ledger):
    return {r.key: (r.value, r.external_id, r.timestamp) for r in ledger.of_meter(METER, None)}


def new_ledger():
    ledger = ReadingLedger("acme", NOW)
    ledger.declare_new(METER)
    return ledger


@given(STEPS, STEPS)
@settings(deadline=timedelta(seconds=2))
def test_a_rollback_leaves_no_trace(before, undone):
    ledger, untouched = new_ledger(), new_ledger()
    run(ledger, before)
    run(untouched, before)
    savepoint = ledger.savepoint()
    run(ledger, undone)
    ledger.rollback(savepoint)
    assert state(ledger) == state(untouched)
    run(ledger, undone)
    run(untouched, undone)
    assert state(ledger) == state(untouched)


@given(STEPS, STEPS)
@settings(deadline=timedelta(seconds=2))
def test_the_cuts_add_up_to_the_state(first, second):
    ledger = new_ledger()
    table = {}
    for steps in (first, second):
        run(ledger, steps)
        changes = ledger.cut()
        for gone in changes.deleted:
            assert table.pop(gone.key) == gone
        for old, new in changes.updated:
            assert (table[old.key], old.key) == (old, new.key)
            assert new.version == old.version + 1
            table[new.key] = new
        for made in changes.created:
            assert made.key not in table
            table[made.key] = made
    assert table == {r.key: r for r in ledger.of_meter(METER, None)}


@given(STEPS, SENT, COUNTERS, st.sampled_from(ReadingMatching))
@settings(deadline=timedelta(seconds=2))
def test_an_upsert_that_is_repeated_changes_nothing(steps, sent, counter, matching):
    ledger = new_ledger()
    run(ledger, steps)
    first = ledger.upsert(sent, METER, counter, matching)
    ledger.cut()
    again = ledger.upsert(sent, METER, counter, matching)
    assert again.change is (SKIPPED if first.change is SKIPPED else UNCHANGED)
    assert not ledger.cut()


@given(STEPS, COUNTERS, st.sets(st.sampled_from("abc")), st.sampled_from([None, "ERP", "ECP"]))
@settings(deadline=timedelta(seconds=2))
def test_pruning_never_touches_what_is_out_of_scope(steps, counter, keep, source):
    ledger = new_ledger()
    run(ledger, steps)
    before = ledger.of_meter(METER, None)
    ledger.prune(METER, counter, keep, source)
    after = ledger.of_meter(METER, None)
    for r in before:
        outside = counter not in (None, r.counter_id) or source not in (None, r.source)
        if outside or r.external_id in keep:
            assert r in after
    assert all(r in before for r in after)
