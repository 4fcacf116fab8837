"""Which changes make an event happen."""

from __future__ import annotations

import pytest
from event_factories import change, diff, trigger

from tieline.catalogue.triggers import is_about, matches, operation_of
from tieline.entities.changes.models import READINGS, ChangeKind

CREATED, UPDATED, DELETED = "createEntity", "updateEntity", "deleteEntity"


@pytest.mark.parametrize(
    ("kind", "operation"),
    [
        (ChangeKind.CREATED, CREATED),
        (ChangeKind.RESTORED, CREATED),
        (ChangeKind.UPDATED, UPDATED),
        (ChangeKind.SOFT_DELETED, DELETED),
        (ChangeKind.DELETED, DELETED),
    ],
)
def test_only_the_operations_that_are_named_trigger(kind, operation):
    made = change(kind, diff=diff({"a": 1}))
    assert matches(trigger(operation), made)
    for other in {CREATED, UPDATED, DELETED} - {operation}:
        assert not matches(trigger(other), made)


def test_every_kind_of_change_is_an_operation():
    assert {operation_of(kind) for kind in ChangeKind} == {CREATED, UPDATED, DELETED}


def test_only_the_schemas_that_are_named_trigger():
    made = change(ChangeKind.CREATED, schema="order")
    assert matches(trigger(CREATED, schemas=("contact", "order")), made)
    assert not matches(trigger(CREATED, schemas=("contact",)), made)


def test_a_star_stands_for_every_entity_and_for_no_reading():
    every = trigger(CREATED, schemas=("*",))
    assert is_about(every, operation_of(ChangeKind.CREATED), "anything")
    assert not is_about(every, operation_of(ChangeKind.READING_CREATED), READINGS)
    named = trigger(CREATED, schemas=(READINGS,))
    assert is_about(named, operation_of(ChangeKind.READING_CREATED), READINGS)


def test_a_purge_from_the_recycle_bin_is_no_second_deletion():
    gone = trigger(DELETED)
    assert matches(gone, change(ChangeKind.DELETED, {"_id": "1"}))
    assert not matches(gone, change(ChangeKind.DELETED, {"_deleted_at": "2026-01-01T00:00:00Z"}))


@pytest.mark.parametrize("kind", [ChangeKind.CREATED, ChangeKind.RESTORED])
def test_of_a_new_entity_an_attribute_must_have_a_value(kind):
    wanted = trigger(CREATED, attributes=("status", "signed_at"))
    assert matches(wanted, change(kind, {"signed_at": "2026-01-01"}))
    assert not matches(wanted, change(kind, {"number": "1"}))
    assert not matches(wanted, change(kind, {"status": None}))


@pytest.mark.parametrize(
    "changed",
    [diff(added={"status": 1}), diff(updated={"status": 1}), diff(deleted={"status": 1})],
)
def test_of_an_update_an_attribute_must_have_changed_in_any_way(changed):
    after = {"status": "new"}
    assert matches(
        trigger(UPDATED, attributes=("status",)), change(ChangeKind.UPDATED, after, diff=changed)
    )
    assert not matches(
        trigger(UPDATED, attributes=("number",)), change(ChangeKind.UPDATED, after, diff=changed)
    )


def test_of_a_deletion_attributes_do_not_matter():
    made = change(ChangeKind.SOFT_DELETED, {"number": "1"}, diff=diff())
    assert matches(trigger(DELETED, attributes=("status",)), made)


def test_of_a_changed_reading_it_is_not_known_what_was_different():
    made = change(ChangeKind.READING_UPDATED, {"value": 1}, schema=READINGS)
    assert matches(trigger(UPDATED, schemas=(READINGS,), attributes=("value",)), made)


RELATION = {"$relation": [{"entity_id": "1"}]}


@pytest.mark.parametrize(
    ("changed", "now", "happened"),
    [
        (diff(added={"account": RELATION}), RELATION, "added"),
        (diff(updated={"account": {"$relation": []}}), RELATION, "added"),
        (diff(updated={"account": RELATION}), {"$relation": [{"entity_id": "2"}]}, "updated"),
        (diff(updated={"account": RELATION}), {"$relation": []}, "deleted"),
        (diff(updated={"account": "text"}), "", "deleted"),
        (diff(deleted={"account": RELATION}), None, "deleted"),
        (diff(updated={"account": 5}), 0, "updated"),
        (diff(updated={"account": True}), False, "updated"),
    ],
)
def test_an_update_can_be_asked_to_give_or_take_a_value(changed, now, happened):
    after = {} if now is None else {"account": now}
    made = change(ChangeKind.UPDATED, after, diff=changed)
    for kind in ("added", "updated", "deleted"):
        wanted = trigger(UPDATED, attributes=("account",), changes=(kind,))
        assert matches(wanted, made) == (kind == happened)


def test_one_purpose_must_match():
    wanted = trigger(CREATED, purposes=("Umzug", "Kündigung"))
    assert matches(wanted, change(ChangeKind.CREATED, {"_purpose": ["Other", "Umzug"]}))
    for purposes in (["Other"], [], None, "Umzug", [["Umzug"]]):
        assert not matches(wanted, change(ChangeKind.CREATED, {"_purpose": purposes}))
    assert not matches(wanted, change(ChangeKind.CREATED))


def test_a_purpose_filter_matches_by_id_or_by_name():
    wanted = trigger(CREATED, filters=(("p-1", "Umzug"),))
    assert matches(wanted, change(ChangeKind.CREATED, {"_purpose": ["p-1"]}))
    assert matches(wanted, change(ChangeKind.CREATED, {"_purpose": ["Umzug"]}))
    assert not matches(wanted, change(ChangeKind.CREATED, {"_purpose": ["p-2"]}))
