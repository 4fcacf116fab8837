"""Options that say what a command is about: an integration, its events, entries of a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter

AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
EventIds = Annotated[
    tuple[str, ...] | None,
    Parameter(name="--event", negative="", help="The id of an event; give it once per event."),
]


@Parameter(name="*")
@dataclass(frozen=True)
class Where:
    """The integration that a command is about."""

    org: Annotated[str, Parameter(help="The organisation.")] = "default"
    integration: Annotated[
        str | None,
        Parameter(help="The integration: its id or its name; needed if there are several."),
    ] = None


@Parameter(name="*")
@dataclass(frozen=True)
class Letters:
    """The dead letters that a command is about; what is absent lets all pass."""

    use_case: Annotated[
        str | None, Parameter(help="Events of this use case: its id, its slug or its name.")
    ] = None
    event_name: Annotated[str | None, Parameter(help="Events of this name.")] = None
    code: Annotated[str | None, Parameter(help="Events that failed with this error code.")] = None
    reason: Annotated[
        str | None, Parameter(help="Events that failed for this reason, as `--groups` shows it.")
    ] = None
    since: Annotated[
        str | None, Parameter(help="Events that failed in this time, such as 90m, 12h or 2d.")
    ] = None


@Parameter(name="*")
@dataclass(frozen=True)
class Chosen(Letters):
    """The dead letters that a command acts on: it must be told which."""

    event: EventIds = None
    everything: Annotated[
        bool, Parameter(name="--all", negative="", help="All open dead letters.")
    ] = False


@Parameter(name="*")
@dataclass(frozen=True)
class Entries:
    """Which entries of the audit log are wanted; what is absent lets all pass."""

    org: Annotated[str, Parameter(help="The organisation.")] = "default"
    actor: Annotated[
        str | None, Parameter(help="Done by the key, user or system's user with this id.")
    ] = None
    action: Annotated[str | None, Parameter(help="What was done, such as integration.updated.")] = (
        None
    )
    target_type: Annotated[
        str | None, Parameter(help="Done to things of this type, such as use_case.")
    ] = None
    target_id: Annotated[str | None, Parameter(help="Done to the thing with this id.")] = None
    search: Annotated[
        str | None, Parameter(help="In a name, an id or a document, in any case.")
    ] = None
    from_: Annotated[
        str | None, Parameter(name="--from", help="At this date and time (UTC) or later.")
    ] = None
    to: Annotated[str | None, Parameter(help="At this date and time (UTC) or before.")] = None


DEFAULT_WHERE = Where()
DEFAULT_LETTERS = Letters()
DEFAULT_CHOSEN = Chosen()
DEFAULT_ENTRIES = Entries()
