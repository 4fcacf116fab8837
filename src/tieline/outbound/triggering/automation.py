"""The call of a webhook by a step of an automation: about an entity, and what happened to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tieline.database import Database
from tieline.entities.activity_repository import find_activity
from tieline.entities.errors import ActivityNotFound, EntityNotFound
from tieline.entities.queries import entity_sizes
from tieline.kit.time import to_wire
from tieline.outbound.publishing.documents import (
    Materials,
    Subject,
    related_ids,
    subject_parts,
)
from tieline.outbound.publishing.loading import affordable, documents_of
from tieline.outbound.triggering.models import Call
from tieline.outbound.triggering.service import Triggering
from tieline.records.envelope import Caller

EVENT_NAME = "automation_flow_target"


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationStep:
    """The step of an automation that calls a webhook; the ids are those of the automation."""

    execution_id: str
    webhook_id: UUID
    flow_id: str
    flow_name: str
    created_at: datetime
    action_id: str
    flow_action_id: str
    activity_id: str
    entity_id: UUID


class AutomationCalls:
    """Calls of webhooks by automations."""

    def __init__(self, database: Database, triggering: Triggering) -> None:
        self._database = database
        self._triggering = triggering

    async def enqueue(self, caller: Caller, step: AutomationStep) -> UUID:
        """Render the message of a step and store it; the id of its delivery.

        Raises `WebhookNotFound`, `EntityNotFound`, `ActivityNotFound`.
        """
        webhook = await self._triggering.find_webhook(caller, step.webhook_id)
        options = webhook.payload
        async with self._database.reading(caller.org_id) as tx:
            activity = await find_activity(tx, step.activity_id)
            if activity is None:
                raise ActivityNotFound(f"activity_id: there is no activity {step.activity_id}.")
            entities = await documents_of(tx, [step.entity_id])
            entity = entities.get(step.entity_id)
            if entity is None:
                raise EntityNotFound(f"entity_id: there is no entity {step.entity_id}.")
            if options.hydrate_entity or options.include_relations:
                related = related_ids(entity)
                near = affordable(related, await entity_sizes(tx, related))
                entities |= await documents_of(tx, near)
        # What was changed is told of changes only, and not of a step that somebody takes.
        subject = Subject(entity, activity, None)
        found = (activity.payload or {}).get("correlation_id")
        correlation_id = found if isinstance(found, str) and found else step.execution_id
        call = Call(
            webhook_id=webhook.id,
            document={
                "metadata": _metadata(step, correlation_id),
                **subject_parts(subject, options, Materials(entities, {})),
            },
            entity_id=step.entity_id,
            event_name=EVENT_NAME,
            correlation_id=correlation_id,
        )
        return await self._triggering.enqueue(caller, call)


def _metadata(step: AutomationStep, correlation_id: str) -> dict[str, str]:
    return {
        "action": f'Triggered by the automation "{step.flow_name}"',
        "origin": "automation",
        "creation_timestamp": to_wire(step.created_at),
        "automation_name": step.flow_name,
        "correlation_id": correlation_id,
        "execution_id": step.execution_id,
        "action_id": step.action_id,
        "flow_id": step.flow_id,
        "flow_action_id": step.flow_action_id,
        "activity_id": step.activity_id,
    }
