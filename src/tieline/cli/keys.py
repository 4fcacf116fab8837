"""`tieline keys`: works while a server runs and while none does."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from tieline.cli.database import migrated
from tieline.cli.durations import parse_duration
from tieline.cli.tables import table
from tieline.database import Database
from tieline.identity.access_tokens.signing import TokenSigner
from tieline.identity.api_keys.errors import ApiKeyNotFound
from tieline.identity.api_keys.models import KEYS, ApiKey
from tieline.identity.applications.errors import ApplicationNotFound
from tieline.identity.applications.models import APPLICATIONS
from tieline.identity.applications.repository import find_by_slug
from tieline.identity.models import KeyKind
from tieline.identity.service import DEFAULT_ORGANISATION, IdentityService
from tieline.kit import json
from tieline.kit.time import to_wire
from tieline.records.identifiers import ACTOR_ID
from tieline.secrets.opening import open_secret_store
from tieline.settings import Settings


@dataclass(frozen=True)
class KeyRequest:
    """The key that somebody wants; without scopes and roles it gets all scopes."""

    org_id: str
    name: str
    kind: str
    scopes: tuple[str, ...] | None
    roles: tuple[str, ...]
    expires_in: str | None
    rpm_limit: int | None
    application: str | None


async def create(settings: Settings, request: KeyRequest, *, as_json: bool) -> None:
    """Create a key; it alone goes to standard output, so that a script can take it from there.

    Raises `InvalidDuration`, `InvalidKey`, `InvalidOrganisation`, `UnknownScope`, `UnknownRole`
    and `ApplicationNotFound`.
    """
    lifetime = parse_duration(request.expires_in) if request.expires_in else None
    async with migrated(settings) as database:
        key, text = await IdentityService(database).create_key(
            request.org_id,
            name=request.name,
            kind=KeyKind(request.kind),
            scopes=request.scopes,
            roles=request.roles,
            lifetime=lifetime,
            rpm_limit=request.rpm_limit,
            application_id=await _application(database, request),
        )
    _hand_over(key, text, f"Created {key.id}", as_json=as_json)


async def rotate(
    settings: Settings, org_id: str, key_id: str, overlap: str, *, as_json: bool
) -> None:
    """Replace a key. Raises `ApiKeyNotFound`, `KeyNotActive`, `InvalidKey`, `InvalidDuration`."""
    length = timedelta(0) if overlap == "0" else parse_duration(overlap)
    async with migrated(settings) as database, _known(org_id, key_id) as stored_id:
        key, text = await IdentityService(database).rotate_key(org_id, stored_id, length)
    _hand_over(key, text, f"Created {key.id} in place of {key_id}", as_json=as_json)


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
    async with migrated(settings) as database, _known(org_id, key_id) as stored_id:
        await IdentityService(database).revoke_key(org_id, stored_id)
    print(f"Revoked {key_id}.")


async def rotate_signing_key(settings: Settings) -> None:
    """Sign access tokens with a new key."""
    async with migrated(settings) as database:
        store = await open_secret_store(settings, database)
        try:
            kid = await TokenSigner(database, store).rotate()
        finally:
            await store.close()
    print(f"Access tokens are signed with {kid} from now on. Those that exist stay valid.")


@contextlib.asynccontextmanager
async def _known(org_id: str, key_id: str) -> AsyncIterator[str]:
    """The stored form of an id, which is listed in one form here and in another by the API."""
    try:
        yield ACTOR_ID.from_wire(key_id)
    except ApiKeyNotFound:
        raise ApiKeyNotFound(
            f"Organisation {org_id} has no API key {key_id}. "
            f"`tieline keys list{_at(org_id)}` shows those that it has."
        ) from None


async def _application(database: Database, request: KeyRequest) -> UUID | None:
    if request.application is None:
        return None
    application_id: UUID | None = APPLICATIONS.id_form.from_wire(request.application)
    if application_id is not None:
        return application_id
    async with database.reading(request.org_id) as tx:
        found = await find_by_slug(tx, request.application)
    if found is None:
        raise ApplicationNotFound(
            f"Organisation {request.org_id} has no application {request.application!r}."
        )
    return found.id


def _at(org_id: str) -> str:
    """The option that a command needs to be about an organisation."""
    return "" if org_id == DEFAULT_ORGANISATION else f" --org {org_id}"


def _hand_over(key: ApiKey, text: str, done: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps_str({**_described(key), "key": text}))
        return
    rights = ", ".join([*key.scopes, *(f"role {role}" for role in key.roles)]) or "no scopes"
    until = f", valid until {to_wire(key.expires_at)}" if key.expires_at else ""
    print(
        f"{done} for organisation {key.org_id} with {rights}{until}. The key is shown only now:",
        file=sys.stderr,
        flush=True,
    )
    print(text)


def _described(key: ApiKey) -> dict[str, Any]:
    document = KEYS.document(key)
    kept = (
        *("name", "kind", "prefix", "scopes", "roles", "status", "blocked", "blocked_reason"),
        *("rpm_limit", "application_id", "created_at", "expires_at", "revoked_at"),
        *("last_used_at", "rotated_from_key_id"),
    )
    shown = {name: document[name] for name in kept}
    return {"id": key.id, "organisation": key.org_id, **shown, "state": _state(key)}


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    if key.blocked:
        return "blocked"
    return "valid" if key.status == "active" else key.status.value


def _table(found: Sequence[ApiKey]) -> str:
    headings = (
        *("ID", "NAME", "KIND", "BEGINS WITH", "SCOPES", "CREATED", "EXPIRES", "LAST USED"),
        "STATE",
    )
    rows = []
    for key in found:
        rights = ",".join([*key.scopes, *(f"role:{role}" for role in key.roles)]) or "none"
        moments = [key.created_at, key.expires_at, key.last_used_at]
        days = [f"{moment:%Y-%m-%d %H:%M}" if moment else "never" for moment in moments]
        state = _state(key)
        if state == "blocked" and key.blocked_reason:
            state = f"blocked: {key.blocked_reason}"
        rows.append((key.id, key.name, key.kind.value, key.key_prefix, rights, *days, state))
    return table(headings, rows)
