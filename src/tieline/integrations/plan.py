"""What has to be done so that use cases become what a client wants. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tieline.integrations.errors import (
    DuplicateUseCase,
    SlugImmutable,
    SlugTaken,
    TypeImmutable,
)
from tieline.integrations.mapping_stamps import with_stamps
from tieline.integrations.models import UseCase, UseCaseChange, UseCaseType
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import new_uuid


@dataclass(frozen=True)
class Plan:
    """Which use cases to store and to remove; `result` is each change's use case, in order."""

    created: list[UseCase]
    updated: list[UseCase]
    deleted: list[UseCase]
    result: list[UseCase]

    @property
    def changes_anything(self) -> bool:
        """Whether anything has to be stored."""
        return bool(self.created or self.updated or self.deleted)


def refuse_duplicate_ids(changes: Sequence[UseCaseChange]) -> None:
    """Raises `DuplicateUseCase` when two changes are about the same use case."""
    seen: set[UUID] = set()
    for change in changes:
        if change.id in seen:
            raise DuplicateUseCase(
                f"use_cases holds the id {change.id} twice. Keep one of the two."
            )
        if change.id is not None:
            seen.add(change.id)


def refuse_contradiction(current: UseCase, change: UseCaseChange) -> None:
    """Raises `TypeImmutable` or `SlugImmutable` when a change is about what never changes."""
    if change.type not in (None, current.type):
        raise TypeImmutable(
            f'The type of use case {current.id} is "{current.type}" and cannot be changed. '
            "Create another use case instead."
        )
    if change.slug is not None and current.slug not in (None, change.slug):
        raise SlugImmutable(
            f'The slug of use case {current.id} is "{current.slug}" and cannot be changed. '
            "Send that one, or leave it out."
        )


def plan_changes(
    integration_id: UUID,
    existing: Sequence[UseCase],
    changes: Sequence[UseCaseChange],
    *,
    replace_all: bool,
    last_versions: Mapping[UUID, int],
    now: datetime,
) -> Plan:
    """The way from the existing use cases of an integration to those that are wanted.

    A change whose id is known updates that use case, any other creates one. With `replace_all`
    the use cases that no change is about are deleted. `last_versions` are those of ids that were
    used before. Raises `SlugTaken`, `SlugImmutable`, `TypeImmutable` and `InvalidInput`.
    """
    known = {use_case.id: use_case for use_case in existing}
    plan = Plan(created=[], updated=[], deleted=[], result=[])
    for change in changes:
        current = known.pop(change.id, None) if change.id else None
        if current is None:
            # Lists are ordered by age: a microsecond each keeps new ones in the client's order.
            moment = now + timedelta(microseconds=len(plan.created))
            use_case = _created(integration_id, change, last_versions, moment)
            plan.created.append(use_case)
        else:
            use_case = _updated(current, change, now)
            if use_case is not current:
                plan.updated.append(use_case)
        plan.result.append(use_case)
    if replace_all:
        plan.deleted.extend(known.values())
        known.clear()
    _refuse_equal_slugs([*known.values(), *plan.result])
    return plan


def _created(
    integration_id: UUID, change: UseCaseChange, last_versions: Mapping[UUID, int], now: datetime
) -> UseCase:
    if change.type is None or change.name is None or change.enabled is None:
        raise InvalidInput("A new use case needs name, type and enabled. Send all three.")
    use_case_id = change.id or new_uuid()
    return UseCase(
        id=use_case_id,
        integration_id=integration_id,
        version=last_versions.get(use_case_id, 0) + 1,
        name=change.name,
        slug=change.slug,
        type=change.type,
        enabled=change.enabled,
        change_description=change.change_description,
        configuration=_to_be_stored(change, change.type, None, now),
        created_at=now,
        updated_at=now,
    )


def _updated(current: UseCase, change: UseCaseChange, now: datetime) -> UseCase:
    """The changed use case, or `current` itself when nothing is different."""
    refuse_contradiction(current, change)
    described = change.change_description
    wanted = replace(
        current,
        name=current.name if change.name is None else change.name,
        slug=current.slug if change.slug is None else change.slug,
        enabled=current.enabled if change.enabled is None else change.enabled,
        change_description=current.change_description if described is None else described,
        configuration=(
            current.configuration
            if change.configuration is None
            else _to_be_stored(change, current.type, current.configuration, now)
        ),
    )
    if wanted.says_the_same_as(current):
        return current
    # A description belongs to one change: it does not stay for the next one.
    return replace(
        wanted, change_description=described, version=current.version + 1, updated_at=now
    )


def _to_be_stored(
    change: UseCaseChange,
    use_case_type: UseCaseType,
    before: Mapping[str, Any] | None,
    now: datetime,
) -> Mapping[str, Any] | None:
    """The configuration that a change brings, with what the store adds to it."""
    if change.configuration is None or use_case_type is not UseCaseType.OUTBOUND:
        return change.configuration
    return with_stamps(change.configuration, before, now)


def _refuse_equal_slugs(use_cases: Sequence[UseCase]) -> None:
    owners: dict[str, UseCase] = {}
    for use_case in use_cases:
        if use_case.slug is None:
            continue
        owner = owners.setdefault(use_case.slug, use_case)
        if owner is not use_case:
            raise SlugTaken(
                f'The slug "{use_case.slug}" is that of "{owner.name}" and cannot be given to '
                f'"{use_case.name}" too. Choose another one.'
            )
