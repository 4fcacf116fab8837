"""The keys that sign access tokens, when what made them is undone."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

from tieline.database import Database
from tieline.http.services import Services
from tieline.identity.access_tokens.claims import Claims
from tieline.identity.access_tokens.signing import TokenSigner
from tieline.kit.ids import new_ulid
from tieline.secrets.store import SYSTEM_ORGANISATION


class Undone(Exception):
    """Whatever ends a request in the middle."""


def claims(org: str) -> Claims:
    return Claims("https://here", f"api_{new_ulid()}", org, datetime.now(UTC), None, new_ulid())


async def test_a_signing_key_that_was_never_stored_signs_nothing_afterwards(
    database: Database, services: Services, org: str
) -> None:
    signer = TokenSigner(database, services.secrets)
    kid = await signer.rotate()
    async with database.organisation(SYSTEM_ORGANISATION) as tx:
        await services.secrets.delete(tx, f"access-tokens/signing-keys/{kid}")

    with contextlib.suppress(Undone):
        async with database.request():
            await signer.sign(claims(org))  # makes a key, which goes with the transaction
            raise Undone
    token = await signer.sign(claims(org))

    await TokenSigner(database, services.secrets).check(token)
