"""`tieline keys`: works while a server runs and while none does."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tieline.cli.database import migrated
from tieline.cli.durations import parse_duration
from tieline.identity.errors import ApiKeyNotFound
from tieline.identity.models import EVERYTHING, ApiKey, KeyKind
from tieline.identity.service import DEFAULT_ORGANISATION, IdentityService
from tieline.kit import json
from tieline.kit.time import to_wire, utc_now
from tieline.settings import Settings


@dataclass(frozen=True)
class KeyRequest:
    """The key that somebody wants; without scopes it gets all of them."""

    org_id: str
    name: str
    kind: str
    scopes: tuple[str, ...] | None
    expires_in: str | None


async def create(settings: Settings, request: KeyRequest, *, as_json: bool) -> None:
    """Create a key; it alone goes to standard output, so that a script can take it from there.

    Raises `InvalidDuration`, `InvalidOrganisation` and `UnknownScope`.
    """
    lifetime = parse_duration(request.expires_in) if request.expires_in else None
    async with migrated(settings) as database:
        key, text = await IdentityService(database).create_key(
            request.org_id,
            name=request.name,
            kind=KeyKind(request.kind),
            scopes=request.scopes or (EVERYTHING,),
            lifetime=lifetime,
        )
    if as_json:
        print(json.dumps_str({**_described(key), "key": text}))
        return
    until = f", valid until {to_wire(key.expires_at)}" if key.expires_at else ""
    print(
        f"Created {key.id} for organisation {key.org_id} with {', '.join(key.scopes)}{until}. "
        "The key is shown only now:",
        file=sys.stderr,
        flush=True,
    )
    print(text)


async def show(settings: Settings, org_id: str, *, as_json: bool) -> None:
    """Print the keys of an organisation."""
    async with migrated(settings) as database:
        found = await IdentityService(database).list_keys(org_id)
    if as_json:
        print(json.dumps_str([_described(key) for key in found]))
    elif found:
        print(_table(found))
    else:
        print(
            f"Organisation {org_id} has no API keys. Create one: tieline keys create{_at(org_id)}"
        )


async def revoke(settings: Settings, org_id: str, key_id: str) -> None:
    """Revoke a key. Raises `ApiKeyNotFound`."""
    async with migrated(settings) as database:
        try:
            await IdentityService(database).revoke_key(org_id, key_id)
        except ApiKeyNotFound:
            raise ApiKeyNotFound(
                f"Organisation {org_id} has no API key {key_id}. "
                f"`tieline keys list{_at(org_id)}` shows those that it has."
            ) from None
    print(f"Revoked {key_id}.")


def _at(org_id: str) -> str:
    """The option that a command needs to be about an organisation."""
    return "" if org_id == DEFAULT_ORGANISATION else f" --org {org_id}"


def _described(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "organisation": key.org_id,
        "name": key.name,
        "kind": key.kind.value,
        "prefix": key.prefix,
        "scopes": list(key.scopes),
        "state": _state(key, utc_now()),
        "created_at": to_wire(key.created_at),
        "expires_at": to_wire(key.expires_at) if key.expires_at else None,
        "revoked_at": to_wire(key.revoked_at) if key.revoked_at else None,
    }


def _state(key: ApiKey, now: datetime) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is not None and key.expires_at <= now:
        return "expired"
    return "valid"


def _table(found: Sequence[ApiKey]) -> str:
    now = utc_now()
    rows = [("ID", "NAME", "KIND", "BEGINS WITH", "SCOPES", "CREATED", "EXPIRES", "STATE")]
    for key in found:
        expires = f"{key.expires_at:%Y-%m-%d %H:%M}" if key.expires_at else "never"
        created = f"{key.created_at:%Y-%m-%d %H:%M}"
        scopes = ",".join(key.scopes)
        row = (key.id, key.name, key.kind.value, key.prefix, scopes, created, expires)
        rows.append((*row, _state(key, now)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
