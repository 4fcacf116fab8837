from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tieline.integrations.errors import (
    DuplicateUseCase,
    SlugImmutable,
    SlugTaken,
    TypeImmutable,
)
from tieline.integrations.models import UseCase, UseCaseChange, UseCaseType
from tieline.integrations.plan import Plan, plan_changes, refuse_duplicate_ids
from tieline.kit.errors import InvalidInput

EARLIER = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
INTEGRATION = UUID(int=1)
A, B = UUID(int=10), UUID(int=11)


def stored(use_case_id: UUID, slug: str | None = None) -> UseCase:
    return UseCase(
        id=use_case_id,
        integration_id=INTEGRATION,
        version=3,
        name="stored",
        slug=slug,
        type=UseCaseType.INBOUND,
        enabled=True,
        change_description="why",
        configuration={"entities": []},
        created_at=EARLIER,
        updated_at=EARLIER,
    )


def plan(existing: list[UseCase], *changes: UseCaseChange, replace_all: bool = False) -> Plan:
    return plan_changes(
        INTEGRATION, existing, changes, replace_all=replace_all, last_versions={B: 5}, now=NOW
    )


def new(**different: object) -> UseCaseChange:
    usual = UseCaseChange(type=UseCaseType.INBOUND, name="new", enabled=True)
    return replace(usual, **different)  # type: ignore[arg-type]


def test_an_unknown_id_creates_a_use_case_with_that_id() -> None:
    made = plan([stored(A)], new(id=UUID(int=12)))

    assert [case.id for case in made.created] == [UUID(int=12)]
    assert (made.updated, made.deleted) == ([], [])
    assert (made.result[0].version, made.result[0].created_at) == (1, NOW)


def test_without_an_id_each_new_use_case_gets_its_own_in_the_order_sent() -> None:
    first, second = plan([], new(), new()).created

    assert first.id != second.id
    assert second.created_at - first.created_at == timedelta(microseconds=1)


def test_the_versions_of_an_id_that_was_used_before_go_on() -> None:
    assert plan([], new(id=B)).created[0].version == 6


def test_a_change_makes_the_next_version_and_keeps_the_rest() -> None:
    made = plan([stored(A, "a")], UseCaseChange(id=A, name="other"))

    expected = replace(
        stored(A, "a"), name="other", version=4, updated_at=NOW, change_description=None
    )
    assert made.updated == [expected] == made.result


def test_a_change_without_a_difference_stores_nothing() -> None:
    current = stored(A)

    made = plan([current], UseCaseChange(id=A, name="stored", change_description="why"))

    assert not made.changes_anything
    assert made.result == [current]


def test_another_description_alone_is_a_change() -> None:
    made = plan([stored(A)], UseCaseChange(id=A, change_description="better words"))

    assert [case.change_description for case in made.updated] == ["better words"]


@pytest.mark.parametrize(
    ("before", "after"), [({"a": 1}, {"a": True}), ({"a": 1, "b": 2}, {"b": 2, "a": 1})]
)
def test_equal_in_python_is_not_equal_in_json(
    before: dict[str, object], after: dict[str, object]
) -> None:
    current = replace(stored(A), configuration=before)

    assert plan([current], UseCaseChange(id=A, configuration=after)).updated


def test_use_cases_that_are_not_listed_are_deleted_only_when_all_are_replaced() -> None:
    existing = [stored(A), stored(B)]

    assert plan(existing, UseCaseChange(id=A)).deleted == []
    assert plan(existing, UseCaseChange(id=A), replace_all=True).deleted == [stored(B)]


def test_a_slug_is_free_again_when_its_use_case_goes() -> None:
    existing = [stored(A, "a")]

    assert plan(existing, new(slug="a"), replace_all=True).created[0].slug == "a"
    with pytest.raises(SlugTaken, match='"a" is that of "stored"'):
        plan(existing, new(slug="a"))


def test_a_slug_that_is_kept_by_leaving_it_out_is_still_taken() -> None:
    with pytest.raises(SlugTaken):
        plan([stored(A, "a")], UseCaseChange(id=A), new(slug="a"), replace_all=True)


def test_a_slug_is_set_once() -> None:
    assert plan([stored(A)], UseCaseChange(id=A, slug="a")).updated[0].slug == "a"
    with pytest.raises(SlugImmutable, match='is "a"'):
        plan([stored(A, "a")], UseCaseChange(id=A, slug="b"))


def test_a_type_is_never_changed() -> None:
    with pytest.raises(TypeImmutable, match='is "inbound"'):
        plan([stored(A)], UseCaseChange(id=A, type=UseCaseType.OUTBOUND))


def test_one_id_may_be_listed_once() -> None:
    refuse_duplicate_ids([new(), new(), new(id=A), new(id=B)])
    with pytest.raises(DuplicateUseCase, match=str(A)):
        refuse_duplicate_ids([new(id=A), new(id=A)])


@pytest.mark.parametrize("missing", ["type", "name", "enabled"])
def test_a_new_use_case_needs_all_that_makes_one(missing: str) -> None:
    with pytest.raises(InvalidInput, match=missing):
        plan([], new(**{missing: None}))
