"""Identifiers: random UUIDs for entities and integrations, ULIDs where order in time matters.

Their random part makes them unique, not secret: whoever knows an id may do nothing by that.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from asyncpg.pgproto.pgproto import UUID as DriverUUID  # noqa: N811 - there are two of them

_last_tick = 0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_random = random.Random()  # seeded by the system; not the shared one, which anybody may seed
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = [first + second for first in _CROCKFORD for second in _CROCKFORD]
_SHIFTS = range(120, -1, -10)
# `int(text, 32)` knows other digits than Crockford; letters that a ULID has not become no digit.
_TO_BASE_32: dict[int, str | int] = {
    **dict.fromkeys(map(ord, "ILOUWXYZ"), "!"),
    **str.maketrans(_CROCKFORD, "0123456789ABCDEFGHIJKLMNOPQRSTUV"),
}


def new_uuid() -> uuid.UUID:
    """A UUID of version 7, greater than any that this process made before.

    Growing with time keeps index pages warm. Within a millisecond its fraction, to a four
    thousandth, takes the place of random bits (RFC 9562, method 3), and goes on counting when even
    that stands still.
    """
    global _last_tick  # noqa: PLW0603 - what was made last is a fact of the whole process
    _last_tick = max(time.time_ns() * 4096 // 1_000_000, _last_tick + 1)
    milliseconds, fraction = divmod(_last_tick, 4096)
    noise = _random.getrandbits(62)
    value = milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | noise
    # The database driver's class is a `uuid.UUID` whose text costs a tenth, its hash a third.
    identifier: uuid.UUID = DriverUUID(value.to_bytes(16, "big"))
    return identifier


def uuid_time(identifier: uuid.UUID) -> datetime | None:
    """The moment, to the millisecond, that a UUID of version 7 carries; None for any other."""
    if identifier.version != 7:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=identifier.int >> 80)
    except OverflowError:  # after the year 9999
        return None


def new_ulid() -> str:
    """A ULID (26 characters of Crockford's base 32): 48 bits of milliseconds, 80 random bits."""
    return _crockford(time.time_ns() // 1_000_000 << 80 | _random.getrandbits(80))


def ulids_at(moments: Sequence[datetime]) -> list[str]:
    """A ULID for each moment; among those of one millisecond the later ones are the greater."""
    first = _random.getrandbits(79)
    milliseconds = [round(moment.timestamp() * 1000) for moment in moments]
    return [_crockford(each << 80 | first + n) for n, each in enumerate(milliseconds)]


def _crockford(value: int) -> str:
    return "".join([_PAIRS[value >> shift & 1023] for shift in _SHIFTS])


def parse_uuid(text: str) -> uuid.UUID | None:
    """The UUID written in `text` in its usual form, or None when it is none."""
    if len(text) != 36:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def ulid_time(ulid: str) -> datetime:
    """The moment, to the millisecond, that a ULID carries. Raises `ValueError` when it is none."""
    milliseconds = int(ulid[:10].upper().translate(_TO_BASE_32), 32)
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
