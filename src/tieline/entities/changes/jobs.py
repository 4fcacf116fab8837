"""The job that hands over the changes of an organisation, and how to ask for it."""

from __future__ import annotations

from tieline.runtime.queue import Job

HAND_OVER = "changes.hand_over"


def hand_over_job(org_id: str, *, once: bool = False) -> Job:
    """The job for the changes of one organisation.

    With `once`, it is dropped when such a job waits or runs already: good for the sweeper, which
    would pile them up, but not for whoever has just changed something.
    """
    return Job(HAND_OVER, {"org": org_id}, once=f"{HAND_OVER}:{org_id}" if once else None)
