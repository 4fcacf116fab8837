"""What can go wrong between configuration files and an organisation."""

from __future__ import annotations

from collections.abc import Sequence

from tieline.configuration.models import Fault
from tieline.kit.errors import Conflict, InvalidInput


class UnusableConfigurationFiles(InvalidInput):
    """Configuration files cannot be used. Correct each place that is named."""

    code = "UNUSABLE_CONFIGURATION_FILES"

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(map(str, self.faults)))


class DeletionRefused(Conflict):
    """Something that is in no file cannot be deleted. Put it into the files, or remove what keeps
    it."""

    code = "DELETION_REFUSED"


class PlanOutdated(Conflict):
    """The configuration was changed after the plan had been shown. Nothing was applied: look at
    the new plan."""

    code = "PLAN_OUTDATED"
