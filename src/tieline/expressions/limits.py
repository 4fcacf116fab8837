"""How much an untrusted expression may take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a sandbox process imports this module and stays small without the settings
    from tieline.settings import Settings


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one sandbox process and of every expression in it.

    Times are seconds of wall clock, sizes are bytes, lengths count characters or items.
    `task_seconds` bounds a whole task and is enforced from outside by killing the process;
    everything else is enforced inside it and ends as an ordinary error.
    """

    task_seconds: float = 1.0
    evaluation_seconds: float = 0.5
    max_depth: int = 200
    max_steps: int = 5_000_000
    max_array_length: int = 100_000
    max_string_length: int = 1_000_000
    max_result_bytes: int = 5_000_000
    max_source_length: int = 65_536
    memory_bytes: int = 1 << 30


DEFAULT_LIMITS = Limits()


def limits_from(settings: Settings) -> Limits:
    """The limits that an installation is configured to have."""
    return Limits(
        task_seconds=settings.event_seconds,
        evaluation_seconds=settings.expression_seconds,
        memory_bytes=settings.sandbox_memory_bytes,
        max_source_length=settings.max_expression_length,
    )
