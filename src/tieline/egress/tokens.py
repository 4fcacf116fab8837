"""OAuth access tokens of other servers, asked for once and used as long as they are good."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import astuple, dataclass

from tieline.egress.client import EgressClient
from tieline.egress.errors import EgressError
from tieline.egress.models import Answer
from tieline.egress.token_answers import Token, failure_of, token_in
from tieline.egress.token_requests import (
    ClientAuthentication,
    Grant,
    Parameter,
    ParameterPlace,
    TokenRequest,
    http_request,
)

__all__ = [
    "ClientAuthentication",
    "Grant",
    "Parameter",
    "ParameterPlace",
    "Token",
    "TokenRequest",
    "TokenSource",
]

_MOST_KEPT = 10_000
_UNSTATED_SECONDS = 300.0
_LONGEST_SECONDS = 86_400.0
_MARGIN_SECONDS = 60.0  # but never more than a fifth


@dataclass(frozen=True, slots=True)
class _Kept:
    token: Token
    until: float


class TokenSource:
    """Tokens by organisation and by what they are asked for with. `clock` counts seconds.

    What they are kept under is a keyed hash: credentials are in memory only while they are sent.
    Callers who want the same token at once wait for one request.
    """

    def __init__(self, egress: EgressClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._egress = egress
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Token]] = {}

    async def token(self, request: TokenRequest, *, org_id: str) -> Token:
        """A token that is good for a while.

        Raises `TokenFailure` for whatever is in the way, with a reason that holds no secret.
        """
        name = self._name(request, org_id)
        kept = self._kept.get(name)
        if kept is not None and self._clock() < kept.until:
            self._kept.move_to_end(name)
            return kept.token
        task = self._asking.get(name)
        if task is None:
            # In a context of its own: it may outlast the request, and whatever that holds open.
            task = asyncio.create_task(
                self._ask(name, request, org_id), context=contextvars.Context()
            )
            self._asking[name] = task
        # Shielded: whoever gives up waiting must not take it away from the others.
        return await asyncio.shield(task)

    def forget(self, request: TokenRequest, token: Token | None = None, *, org_id: str) -> None:
        """Ask anew next time, since the token was refused.

        When it is said which token that was, a newer one, which somebody else has got meanwhile,
        is kept.
        """
        name = self._name(request, org_id)
        kept = self._kept.get(name)
        if kept is not None and (token is None or kept.token == token):
            del self._kept[name]

    async def close(self) -> None:
        """End what is under way."""
        tasks = [*self._asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self, name: bytes, request: TokenRequest, org_id: str) -> Token:
        try:
            asked_at = self._clock()
            token = token_in(request, await self._answer(request, org_id))
            self._keep(name, token, asked_at)
            return token
        finally:
            del self._asking[name]

    async def _answer(self, request: TokenRequest, org_id: str) -> Answer:
        try:
            return await self._egress.send(http_request(request), org_id=org_id)
        except EgressError as error:
            raise failure_of(request, error.message) from error
        except UnicodeError:
            raise failure_of(request, "what is to be sent is no valid text.") from None

    def _keep(self, name: bytes, token: Token, asked_at: float) -> None:
        stated = _UNSTATED_SECONDS if token.expires_in is None else token.expires_in
        good_for = stated - min(_MARGIN_SECONDS, stated / 5)
        if good_for <= 0:
            return
        self._kept[name] = _Kept(token, asked_at + min(good_for, _LONGEST_SECONDS))
        if len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)

    def _name(self, request: TokenRequest, org_id: str) -> bytes:
        text = repr((org_id, astuple(request))).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, hashlib.sha256)
