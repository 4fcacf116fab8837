"""Says on each request whom a token of an OIDC issuer stands for.

A verified token is remembered by its SHA-256 for a minute, and not beyond its end. What changes
about users and applications anywhere makes every process forget at once.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import structlog

from tieline.database import Database
from tieline.database.notifications import ChangeListener
from tieline.egress.client import EgressClient
from tieline.identity.applications.errors import ApplicationSuspended
from tieline.identity.applications.models import APPLICATIONS, Application
from tieline.identity.changes import CHANNEL, Change
from tieline.identity.models import CallerKind, Principal
from tieline.identity.oidc import claims as meaning
from tieline.identity.oidc.errors import InvalidToken
from tieline.identity.oidc.issuers import Issuers
from tieline.identity.oidc.keys import IssuerKeys
from tieline.identity.oidc.tokens import Token, is_signed_by, read_token
from tieline.identity.roles import scopes_of_roles
from tieline.identity.users.models import Sighting, User
from tieline.identity.users.service import UserService
from tieline.kit.time import Clock, utc_now
from tieline.settings import OidcIssuer

log = structlog.get_logger(__name__)

_CACHED_TOKENS = 10_000
_CACHE_SECONDS = 60.0


class Applications(Protocol):
    """What knows the application of an OAuth client."""

    async def find_by_client_id(self, org_id: str, client_id: str) -> Application | None:
        """The organisation's application with that `oauth_client_id`, whatever its status."""
        ...


@dataclass(frozen=True, slots=True)
class _Verified:
    until: float
    ends_at: datetime
    principal: Principal


class OidcVerifier:
    """The callers of all configured issuers. `seconds` counts what caches go by."""

    def __init__(
        self,
        database: Database,
        configured: Sequence[OidcIssuer],
        egress: EgressClient,
        users: UserService,
        applications: Applications,
        *,
        clock: Clock = utc_now,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuers = Issuers(configured)
        self._keys = {url: IssuerKeys(url, egress, seconds) for url in self._issuers.urls}
        self._users = users
        self._applications = applications
        self._clock = clock
        self._seconds = seconds
        self._verified: OrderedDict[bytes, _Verified] = OrderedDict()
        self._changes = 0
        self._listener = ChangeListener(
            database, CHANNEL, lambda payload: self.forget(Change.heard(payload))
        )

    async def authenticate(self, token: str) -> Principal:
        """The caller that a token stands for.

        A person becomes a user at the first sight of a token; a client's own token speaks for the
        application with that client in the organisation of the token. Raises `InvalidToken` with
        the reason in words, `UserDisabled`, `ApplicationSuspended`, and `IssuerUnavailable` when
        the keys to check it by cannot be had. No message repeats any of the token.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._verified.get(digest)
        if known is not None and self._seconds() < known.until and self._clock() < known.ends_at:
            self._note_use(known.principal)
            return known.principal
        changes = self._changes
        read = read_token(token)
        issuer = await self._checked(read)
        lifetime = meaning.lifetime(read.claims, self._clock(), issuer.clock_skew_seconds)
        if meaning.is_of_machine(read.claims, issuer):
            principal = await self._application(read, issuer)
        else:
            principal = _person(await self._user(read, issuer, lifetime.issued_at))
        # What was read before a change must not be remembered after it.
        if changes == self._changes and self._listener.alive:
            until = self._seconds() + _CACHE_SECONDS
            self._verified[digest] = _Verified(until, lifetime.ends_at, principal)
            if len(self._verified) > _CACHED_TOKENS:
                self._verified.popitem(last=False)
        self._note_use(principal)
        return principal

    async def start(self) -> None:
        """Listen for changes and note who was seen, if any issuer is configured."""
        if self._issuers:
            for url in self._issuers.readable_by_others:
                log.warning("oidc.issuer_without_tls", issuer=url)
            await self._listener.start()
            await self._users.last_seen.start()

    async def stop(self) -> None:
        """End all that `start` and the calls have begun."""
        await self._listener.stop()
        await self._users.last_seen.stop()
        for keys in self._keys.values():
            await keys.stop()

    def forget(self, changed: Change | None = None) -> None:
        """Verify again the tokens of an organisation where something has changed; all for None."""
        if changed is None:
            self._verified.clear()
        elif changed.is_of_a_key:
            return
        else:
            known = self._verified.items()
            for digest in [each for each, it in known if it.principal.org_id == changed.org_id]:
                del self._verified[digest]
        self._changes += 1

    async def _checked(self, token: Token) -> OidcIssuer:
        """The issuer of a token that it has really signed, for us, by an allowed algorithm."""
        keys = self._keys.get(token.issuer)
        if keys is None:
            raise InvalidToken(
                "The token is of an issuer that is not configured (TIELINE_OIDC_ISSUERS)."
            )
        issuer = self._issuers.find(token.issuer, meaning.audiences_of(token.claims))
        if issuer is None:
            raise InvalidToken(
                "The token is meant for somebody else: none of its audiences (aud) is configured "
                "for its issuer."
            )
        if token.algorithm not in issuer.algorithms:
            raise InvalidToken(
                f"The token is signed by an algorithm that is not allowed. Allowed are "
                f"{', '.join(issuer.algorithms)}."
            )
        candidates = await keys.find(token.algorithm, token.key_id)
        if not any(is_signed_by(token, key) for key in candidates):
            raise InvalidToken("The signature of the token is wrong.")
        return issuer

    async def _user(self, token: Token, issuer: OidcIssuer, issued_at: datetime) -> User:
        claims = token.claims
        return await self._users.see(
            meaning.organisation_of(claims, issuer),
            Sighting(
                issuer=issuer.issuer,
                subject=meaning.subject_of(claims),
                email=meaning.text_claim(claims, "email"),
                name=meaning.text_claim(claims, "name", "preferred_username"),
                roles=meaning.mapped_roles(claims, issuer) or issuer.default_roles,
                issued_at=issued_at,
            ),
            found_organisation=issuer.organisation is not None,
        )

    async def _application(self, token: Token, issuer: OidcIssuer) -> Principal:
        # The client's name alone decides nothing: it is looked up within the organisation that the
        # issuer speaks for, so that nobody can claim another organisation's client.
        org_id = meaning.organisation_of(token.claims, issuer)
        client = meaning.client_of(token.claims, issuer)
        if client is None:
            raise InvalidToken(
                "The token is a client's own and does not say of which. It is looked for in "
                f"{', '.join(issuer.client_id_claim)}; name the right claim in client_id_claim."
            )
        application = await self._applications.find_by_client_id(org_id, client)
        if application is None:
            raise InvalidToken(
                "The token is a client's own, and no application of the organisation has that "
                "client as its oauth_client_id. Register it."
            )
        if not application.may_act:
            raise ApplicationSuspended
        roles = meaning.mapped_roles(token.claims, issuer)
        return Principal(
            org_id,
            APPLICATIONS.wire_id(application),
            application.display_name or application.slug,
            meaning.granted_scopes(token.claims) | scopes_of_roles(roles),
            kind=CallerKind.APPLICATION,
            app_id=application.slug,
            application_id=str(application.id),
            roles=roles,
        )

    def _note_use(self, principal: Principal) -> None:
        if principal.user_id is not None:
            self._users.last_seen.note(principal.org_id, principal.user_id, self._clock())


def _person(user: User) -> Principal:
    return Principal(
        user.org_id,
        user.id,
        user.name or user.email or user.subject,
        scopes_of_roles(user.roles),
        kind=CallerKind.USER,
        user_id=user.id,
        roles=user.roles,
    )
