"""What the audit log says about integrations and use cases. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tieline.audit.models import Action
from tieline.integrations.models import UseCase
from tieline.integrations.plan import Plan


def use_case_actions(existing: Sequence[UseCase], plan: Plan) -> list[Action]:
    """An action for each use case that a plan creates, changes or deletes."""
    before = {use_case.id: use_case for use_case in existing}
    created = [use_case_action("created", None, use_case) for use_case in plan.created]
    updated = [use_case_action("updated", before[now.id], now) for now in plan.updated]
    deleted = [use_case_action("deleted", use_case, None) for use_case in plan.deleted]
    return created + updated + deleted


def use_case_action(what: str, before: UseCase | None, after: UseCase | None) -> Action:
    """What happened to a use case, of which one of the two states is given."""
    use_case = after or before
    assert use_case is not None
    return Action(
        f"use_case.{what}",
        "use_case",
        str(use_case.id),
        before=_document(before) if before else None,
        after=_document(after) if after else None,
    )


def _document(use_case: UseCase) -> Mapping[str, Any]:
    return {
        "integration_id": str(use_case.integration_id),
        "name": use_case.name,
        "slug": use_case.slug,
        "type": use_case.type,
        "enabled": use_case.enabled,
        "version": use_case.version,
        "change_description": use_case.change_description,
        "configuration": use_case.configuration,
    }
