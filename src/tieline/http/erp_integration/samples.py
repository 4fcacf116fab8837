"""Named samples of a use case: payloads, and what they are expected to be mapped to."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response

from tieline.http.auth import require
from tieline.http.erp_integration.parts import (
    IntegrationId,
    MessageReply,
    UseCaseId,
    refusals,
)
from tieline.http.erp_integration.samples_wire import (
    LONGEST_NAME,
    NAME_PATTERN,
    RecordSampleBody,
    RunSamplesBody,
    SampleBody,
    SampleList,
    SampleReply,
    SampleRunReply,
    run_reply,
    sample_reply,
)
from tieline.http.responses import reply
from tieline.http.route import TielineRoute
from tieline.http.services import Services, Use
from tieline.identity.models import Principal, Scope
from tieline.inbound.models import AcceptedEvent, EventQuery
from tieline.integrations.samples.models import Sample
from tieline.kit.errors import Forbidden, InvalidInput, NotFound
from tieline.monitoring.models import EventType

router = APIRouter(route_class=TielineRoute, tags=["integrations"])

Reader = Annotated[Principal, Depends(require(Scope.ERP_READ))]
Writer = Annotated[Principal, Depends(require(Scope.ERP_WRITE))]
Name = Annotated[
    str,
    Path(
        alias="sampleName",
        min_length=1,
        max_length=LONGEST_NAME,
        pattern=NAME_PATTERN,
        description="The sample's name.",
    ),
]

_SAMPLES = "/v1/integrations/{integrationId}/use-cases/{useCaseId}/samples"


class StoredEventNotFound(NotFound):
    """This integration has no stored payload for that event. Send the payload itself."""

    code = "EVENT_NOT_FOUND"


@router.get(
    _SAMPLES, operation_id="listSamples", response_model=SampleList, responses=refusals(404)
)
async def list_samples(
    integration_id: IntegrationId, use_case_id: UseCaseId, caller: Reader, use: Use
) -> Response:
    """List the samples of a use case by name."""
    found = await use.samples.list_samples(caller.org_id, integration_id, use_case_id)
    return reply({"samples": [sample_reply(stored) for stored in found]})


@router.post(
    _SAMPLES,
    operation_id="recordSample",
    status_code=201,
    response_model=SampleReply,
    responses=refusals(404, 409, 413, 422),
)
async def record_sample(
    integration_id: IntegrationId,
    use_case_id: UseCaseId,
    body: RecordSampleBody,
    caller: Writer,
    use: Use,
) -> Response:
    """Make what is mapped at present, from a payload or a stored event, the new sample.

    To take the payload of a stored event, the key also needs the scope that reading it needs.
    """
    if (body.event_id is None) == (body.payload is None):
        raise InvalidInput("event_id: send either this or payload.")
    if body.event_id is None:
        sample = body.sample(body.name, body.payload, {})
    else:
        sample = await _sample_of_event(use, caller, integration_id, body.name, body.event_id)
    stored = await use.samples.record_sample(caller.org_id, integration_id, use_case_id, sample)
    return reply(sample_reply(stored), 201)


@router.post(
    f"{_SAMPLES}/run",
    operation_id="runSamples",
    response_model=SampleRunReply,
    responses=refusals(404, 409, 413),
)
async def run_samples(
    integration_id: IntegrationId,
    use_case_id: UseCaseId,
    caller: Reader,
    use: Use,
    body: RunSamplesBody | None = None,
) -> Response:
    """Map the samples' payloads, and compare with what is expected. Nothing is stored."""
    wanted = body or RunSamplesBody()
    results = await use.samples.run(
        caller.org_id,
        integration_id,
        use_case_id,
        draft=wanted.configuration,
        names=wanted.names,
    )
    return reply(run_reply(results))


@router.get(
    f"{_SAMPLES}/{{sampleName}}",
    operation_id="getSample",
    response_model=SampleReply,
    responses=refusals(404),
)
async def get_sample(
    integration_id: IntegrationId,
    use_case_id: UseCaseId,
    name: Name,
    caller: Reader,
    use: Use,
) -> Response:
    """Read a sample."""
    found = await use.samples.get_sample(caller.org_id, integration_id, use_case_id, name)
    return reply(sample_reply(found))


@router.put(
    f"{_SAMPLES}/{{sampleName}}",
    operation_id="putSample",
    response_model=SampleReply,
    responses=refusals(404, 409, 413),
)
async def put_sample(
    integration_id: IntegrationId,
    use_case_id: UseCaseId,
    name: Name,
    body: SampleBody,
    caller: Writer,
    use: Use,
) -> Response:
    """Store a sample in place of the one of that name, if there is one."""
    stored = await use.samples.put_sample(
        caller.org_id, integration_id, use_case_id, body.named(name)
    )
    return reply(sample_reply(stored))


@router.delete(
    f"{_SAMPLES}/{{sampleName}}",
    operation_id="deleteSample",
    response_model=MessageReply,
    responses=refusals(404, 409),
)
async def delete_sample(
    integration_id: IntegrationId,
    use_case_id: UseCaseId,
    name: Name,
    caller: Writer,
    use: Use,
) -> Response:
    """Delete a sample."""
    await use.samples.delete_sample(caller.org_id, integration_id, use_case_id, name)
    return reply({"message": "The sample was deleted."})


async def _sample_of_event(
    use: Services, caller: Principal, integration_id: UUID, name: str, event_id: str
) -> Sample:
    if not caller.may(Scope.ERP_MONITORING):
        raise Forbidden(
            f"The API key lacks the scope {Scope.ERP_MONITORING}, which reading a stored event "
            "needs. Use a key that has it, or send the payload itself."
        )
    query = EventQuery(event_id=event_id, limit=1)
    page = await use.stored_events.query(caller.org_id, integration_id, query)
    if not page.events:
        raise StoredEventNotFound
    [event] = page.events
    return Sample(name, event.format, _payload_text(event), {}, _event_type(event))


def _payload_text(event: AcceptedEvent) -> str:
    try:
        return event.payload.decode()
    except UnicodeDecodeError:
        raise InvalidInput(
            "event_id: the payload of this event is no text, so that no sample can hold it."
        ) from None


def _event_type(event: AcceptedEvent) -> EventType | None:
    return EventType(event.event_type) if event.event_type else None
