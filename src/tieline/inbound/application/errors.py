"""Why a mapped event cannot be applied.

EventNotApplicable
├── MultipleMatches          several entities have the unique id
├── EntityAlreadyExists      an event of type CREATE meets its entity
├── EntityReferenceNotFound  no entity has the given `_id`
├── UnusableUniqueId         a unique id that identifies nothing
├── MalformedValue           a value that its attribute cannot hold
├── PruneScopeTooLarge       pruning would have to look at too many entities
├── MeterNotFound            no meter, or no counter, for a reading
└── UnusableReading          a reading breaks a rule for its values
"""

from __future__ import annotations

from typing import ClassVar

from tieline.kit.errors import TielineError
from tieline.monitoring.models import ErrorCategory, SyncType


class EventNotApplicable(TielineError):
    """The event cannot be applied to what is stored. Correct the data and replay it."""

    code = "EVENT_NOT_APPLICABLE"
    http_status = 422
    category: ClassVar[ErrorCategory] = ErrorCategory.VALIDATION
    sync_type: ClassVar[SyncType] = SyncType.ENTITY


class MultipleMatches(EventNotApplicable):
    """Several entities have this unique id. Merge or delete all but one, then replay the event."""

    code = "UNIQUE_ID_MULTIPLE_MATCHES"


class EntityAlreadyExists(EventNotApplicable):
    """An event of type CREATE is about an entity that exists. Send the type UPDATE."""

    code = "ENTITY_ALREADY_EXISTS"


class EntityReferenceNotFound(EventNotApplicable):
    """No entity of this schema has the given `_id`. Correct the reference and replay the event."""

    code = "ENTITY_REFERENCE_NOT_FOUND"


class UnusableUniqueId(EventNotApplicable):
    """A unique id has no usable value. Send it, or correct the field that produces it."""

    code = "MISSING_UNIQUE_IDENTIFIERS"


class MalformedValue(EventNotApplicable):
    """A mapped value does not have the form that its attribute needs. Correct its source."""

    code = "ATTRIBUTE_TYPE_MISMATCH"


class PruneScopeTooLarge(EventNotApplicable):
    """Pruning would have to look at too many entities. Narrow the scope, then replay the event."""

    code = "PRUNE_SCOPE_TOO_LARGE"
    category = ErrorCategory.CONFIGURATION


class MeterNotFound(EventNotApplicable):
    """A reading names a meter or a counter that does not exist. Send that first, then replay."""

    code = "METER_NOT_FOUND"
    sync_type = SyncType.METER_READING


class UnusableReading(EventNotApplicable):
    """A meter reading breaks a rule for its values. Correct the payload or its mapping."""

    code = "INVALID_METER_READING"
    sync_type = SyncType.METER_READING


class StateNotLoaded(Exception):
    """What the event turned out to need was not loaded: it has to be applied in a batch of its own.

    Happens when an event of the same batch changes what identifies a meter or an anchor.
    """
