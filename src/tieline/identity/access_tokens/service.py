"""API keys by the name of access tokens: signed texts that others can check as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tieline.identity.access_tokens.claims import Claims
from tieline.identity.access_tokens.errors import AccessTokenNotFound, InvalidAssignment
from tieline.identity.access_tokens.lifetimes import parse_lifetime
from tieline.identity.access_tokens.signing import TokenSigner
from tieline.identity.api_keys.errors import ApiKeyNotFound
from tieline.identity.api_keys.models import ApiKey, CreatedKey, TokenType
from tieline.identity.api_keys.service import KeyService
from tieline.identity.models import KeyKind, Principal
from tieline.identity.roles import Role, scopes_of_roles
from tieline.kit.ids import new_ulid
from tieline.kit.time import Clock, utc_now

# Held by pages in a browser: anybody can read them, so they allow nothing by themselves.
PUBLIC_TYPES = frozenset({TokenType.JOURNEY, TokenType.PORTAL})
_ASSUMED_FOR = timedelta(hours=1)
_PATH = "/access-token/v1/access-tokens"


@dataclass(frozen=True)
class TokenWish:
    """The access token that somebody wants.

    Without `assignments` it may do what its creator may. `expires_in` is seconds or a text.
    """

    name: str
    token_type: TokenType = TokenType.API
    assignments: Sequence[str] | None = None
    expires_in: int | str | None = None
    journey_id: str | None = None
    portal_id: str | None = None


class AccessTokens:
    """Access tokens of all organisations; each is an API key whose text is signed."""

    def __init__(
        self, keys: KeyService, signer: TokenSigner, public_address: str, clock: Clock = utc_now
    ) -> None:
        self._keys = keys
        self._signer = signer
        self._address = f"{public_address}{_PATH}"
        self._clock = clock

    def issuer(self, *, public: bool = False) -> str:
        """What stands in tokens as their issuer; `public` for those of journeys and portals."""
        return f"{self._address}/public" if public else self._address

    async def create(self, creator: Principal, wish: TokenWish) -> CreatedKey:
        """A new token. Its text cannot be read again.

        Raises `InvalidLifetime`, `InvalidAssignment` and what `KeyService.create` raises.
        """
        lifetime = _ASSUMED_FOR if wish.token_type is TokenType.ASSUME else None
        if wish.expires_in is not None:
            lifetime = parse_lifetime(wish.expires_in)
        fields = {
            "name": wish.name,
            "kind": KeyKind.USER if wish.token_type is TokenType.ASSUME else KeyKind.SERVICE,
            "token_type": wish.token_type,
            "journey_id": wish.journey_id,
            "portal_id": wish.portal_id,
            "expires_at": self._clock() + lifetime if lifetime else None,
            **_rights(creator, wish),
        }
        issuer = self.issuer(public=wish.token_type in PUBLIC_TYPES)

        async def issue(key: ApiKey) -> str:
            return await self._signer.sign(
                Claims(issuer, key.id, key.org_id, key.created_at, key.expires_at, new_ulid())
            )

        return await self._keys.create(creator, fields, issue=issue)

    async def list_tokens(
        self, caller: Principal, types: Sequence[TokenType] | None = None
    ) -> list[ApiKey]:
        """The keys that can be used, newest first."""
        return await self._keys.list_usable(caller, types)

    async def revoke(self, caller: Principal, token_id: str) -> ApiKey:
        """Revoke a token, which every process hears of. Raises `AccessTokenNotFound`."""
        try:
            return await self._keys.revoke(caller, token_id)
        except ApiKeyNotFound:
            raise AccessTokenNotFound from None

    async def rotate_signing_key(self) -> str:
        """Sign with a new key from now on; its id. Tokens that exist stay valid."""
        return await self._signer.rotate()

    async def published_keys(self) -> list[dict[str, Any]]:
        """The public keys with which others check tokens."""
        return await self._signer.published()


def assignments_of(key: ApiKey) -> list[str]:
    """The roles of a key as the ids of assignments."""
    return [f"{key.org_id}:{role}" for role in key.roles]


def _rights(creator: Principal, wish: TokenWish) -> dict[str, Any]:
    if wish.token_type in PUBLIC_TYPES:
        return {"scopes": (), "roles": ()}
    if wish.assignments is None:
        single = creator.scopes - scopes_of_roles(creator.roles)
        return {"scopes": tuple(sorted(single)), "roles": creator.roles}
    return {"scopes": (), "roles": tuple(_role(each, creator.org_id) for each in wish.assignments)}


def _role(assignment: str, org_id: str) -> str:
    organisation, _, role = assignment.rpartition(":")
    if organisation != org_id:
        raise InvalidAssignment(
            f"assignments: {assignment!r} is not of this organisation. Write {org_id}:<role>."
        )
    if role not in set(Role):
        raise InvalidAssignment(f"assignments: there is no role {role!r}. Use {', '.join(Role)}.")
    return role
