"""The jobs of the inbound pipeline, and how to ask for them."""

from __future__ import annotations

from uuid import UUID

from tieline.runtime.queue import Job

DRAIN = "inbound.drain"


def drain_job(org_id: str, integration_id: UUID, lane: int, *, once: bool = False) -> Job:
    """The job that applies the waiting events of one lane of an integration.

    With `once`, it is dropped when such a job waits or runs already: good for the sweeper, which
    would pile them up, but not for accepting, whose event a job that is just ending may not see.
    """
    return Job(
        DRAIN,
        {"org": org_id, "integration": str(integration_id), "lane": str(lane)},
        once=f"{DRAIN}:{org_id}:{integration_id}:{lane}" if once else None,
    )
