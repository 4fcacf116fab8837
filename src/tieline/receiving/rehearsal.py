"""What a receiver answers, so that it can be seen what becomes of failures. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tieline.receiving.errors import InvalidRehearsal
from tieline.receiving.models import Answer

_LONGEST_DELAY = 600.0


@dataclass(frozen=True)
class Rehearsal:
    """Answers `status` after `delay` seconds.

    With `fail_first` or `fail_rate` some fail with `status`, and the others succeed: the first so
    many attempts of each message, or this share (0..1) of all. Without either, all get `status`.
    """

    status: int | None = None
    delay: float = 0.0
    fail_first: int = 0
    fail_rate: float = 0.0

    def __post_init__(self) -> None:
        if self.status is not None and not 200 <= self.status <= 599:
            raise InvalidRehearsal("--status: must be a number from 200 to 599.")
        if not 0 <= self.delay <= _LONGEST_DELAY:
            raise InvalidRehearsal(f"--delay: must be 0 to {_LONGEST_DELAY:g} seconds.")
        if not 0 <= self.fail_rate <= 1:
            raise InvalidRehearsal("--fail-rate: must be a share from 0 to 1, such as 0.3.")
        if self.fail_first < 0:
            raise InvalidRehearsal("--fail-first: must be a number of attempts, 0 or more.")
        if self._sometimes and self.status is not None and self.status < 300:
            raise InvalidRehearsal(
                f"--status: {self.status} would be a success, and --fail-first and --fail-rate ask "
                "for failures. Name another one, or leave it out for 500."
            )

    @property
    def _sometimes(self) -> bool:
        return bool(self.fail_first or self.fail_rate)

    def answer(self, earlier: int, chance: Callable[[], float]) -> Answer:
        """The answer to a message that came `earlier` times before; `chance` gives 0 to below 1."""
        if not self._sometimes:
            return Answer(self.status or 200, self.delay)
        fails = earlier < self.fail_first or chance() < self.fail_rate
        return Answer(self.status or 500 if fails else 200, self.delay)


ALWAYS_WELL = Rehearsal()
