"""Stores changed use cases with their versions, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from tieline.audit.recording import record_all
from tieline.database import OrgTransaction
from tieline.entities.changes.listening import listen
from tieline.entities.indexing import register
from tieline.integrations import repository, version_repository
from tieline.integrations.audited import use_case_actions
from tieline.integrations.errors import UseCaseIdTaken
from tieline.integrations.file_references import missing_file_proxies
from tieline.integrations.models import UseCase, UseCaseChange, UseCaseType
from tieline.integrations.plan import Plan, plan_changes
from tieline.integrations.validation import CheckedConfiguration
from tieline.mapping.models import ConfigurationWarning


@dataclass(frozen=True)
class CheckedChange:
    """A change and what is known of the configuration that it brings."""

    wanted: UseCaseChange
    configuration: CheckedConfiguration = CheckedConfiguration()  # noqa: RUF009 - immutable


async def store_changes(
    tx: OrgTransaction,
    integration_id: UUID,
    changes: Sequence[CheckedChange],
    *,
    replace_all: bool,
    now: datetime,
) -> Plan:
    """Make the use cases of an integration, which the caller has locked, what is wanted.

    Each change yields a version and an entry in the audit log; the versions before it are
    archived. The attributes by which new configurations search are indexed. Raises what
    `plan_changes` raises, and `UseCaseIdTaken`.
    """
    given_ids = [change.wanted.id for change in changes if change.wanted.id is not None]
    existing = await repository.list_use_cases(tx, integration_id)
    plan = plan_changes(
        integration_id,
        existing,
        [change.wanted for change in changes],
        replace_all=replace_all,
        last_versions=await version_repository.last_versions(tx, given_ids) if given_ids else {},
        now=now,
    )
    await _store(tx, plan, now)
    await record_all(tx, use_case_actions(existing, plan))
    lookups = {lookup for change in changes for lookup in change.configuration.lookups}
    if lookups:
        await register(tx, sorted(lookups))
    if plan.changes_anything:
        await repository.announce_change(tx, integration_id)
    if any(each.type is UseCaseType.OUTBOUND for each in (*plan.created, *plan.updated)):
        await listen(tx, "catalogue")
    present = _present(existing, plan)
    warned = [
        replace(use_case, warnings=_warnings(change.configuration, present))
        for use_case, change in zip(plan.result, changes, strict=True)
    ]
    return replace(plan, result=warned)


def _present(existing: Sequence[UseCase], plan: Plan) -> list[UseCase]:
    """The use cases of the integration once the plan is carried out."""
    gone = {use_case.id for use_case in plan.deleted}
    before = {use_case.id: use_case for use_case in existing if use_case.id not in gone}
    return [*{**before, **{use_case.id: use_case for use_case in plan.result}}.values()]


def _warnings(
    checked: CheckedConfiguration, present: Sequence[UseCase]
) -> tuple[ConfigurationWarning, ...]:
    return (*checked.warnings, *missing_file_proxies(checked.files, present))


async def _store(tx: OrgTransaction, plan: Plan, now: datetime) -> None:
    ended = [use_case.id for use_case in (*plan.deleted, *plan.updated)]
    if ended:
        await version_repository.archive_versions(tx, ended, now)
    # Deletions come first: a new use case may take the slug of one that goes.
    if plan.deleted:
        await repository.delete_use_cases(tx, [use_case.id for use_case in plan.deleted])
    if plan.updated:
        await repository.update_use_cases(tx, plan.updated)
    if plan.created:
        await _create(tx, plan.created)
    if plan.created or plan.updated:
        await version_repository.insert_versions(tx, [*plan.created, *plan.updated])


async def _create(tx: OrgTransaction, use_cases: Sequence[UseCase]) -> None:
    stored = set(await repository.insert_use_cases(tx, use_cases))
    for use_case in use_cases:
        if use_case.id not in stored:
            raise UseCaseIdTaken(
                f"The id {use_case.id} belongs to a use case of another integration. "
                "Leave it out to get a new one."
            )
