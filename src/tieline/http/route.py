"""The route class of all surfaces: exact JSON bodies, and `Idempotency-Key` on unsafe calls."""

from __future__ import annotations

import contextlib
import hmac
import re
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, ClassVar

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Scope as AsgiScope

from tieline.database import OrgTransaction
from tieline.http.auth import (
    SCOPE_EXTENSION,
    authenticate,
    bearer_key,
    permitted,
    required_scope,
)
from tieline.http.errors import ANSWERED
from tieline.http.responses import OnceResponse
from tieline.http.services import services
from tieline.identity.models import CallerKind, Principal, Scope
from tieline.kit import json
from tieline.kit.errors import Conflict, InvalidInput, TielineError

_UNSAFE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_KEY_LENGTH = 255
# The name of a parameter with empty brackets after it, which may be escaped.
_BRACKETS = re.compile(rb"(?<![^&])([^=&]+?)(?:\[\]|%5[Bb]%5[Dd])=")

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Turn = Callable[[Request, str], AbstractAsyncContextManager[None]]


class IdempotencyKeyReused(Conflict):
    """This Idempotency-Key was used for another request, or by another caller. Use a new one."""

    code = "IDEMPOTENCY_KEY_REUSED"


class InternalError(TielineError):
    """Something went wrong inside Tieline. Look up the request id in its log, and report it."""


class ExactRequest(Request):
    """A request whose JSON body is read without losing digits, within the depth limit."""

    async def json(self) -> Any:
        """The value of the JSON body. Raises a 400 that says where the JSON is broken."""
        return parse_json(await self.body(), services(self).settings.max_json_depth)


def parse_json(text: bytes, max_depth: int) -> Any:
    """The value of a JSON text. Raises `HTTPException` 400 when it is broken or too deep."""
    if not text.strip():
        raise HTTPException(400, "The body is empty. Send the JSON that the API page describes.")
    if json.deeper_than(text, max_depth):
        raise HTTPException(400, f"The JSON is nested deeper than {max_depth} levels.")
    try:
        return json.loads(text)
    except (json.InvalidJson, UnicodeDecodeError, RecursionError) as error:
        reason = json.explain(text, error)
        raise HTTPException(400, f"The body is not valid JSON: {reason}") from None


class TielineRoute(APIRoute):
    """Reads bodies exactly; runs an unsafe call that carries `Idempotency-Key` at most once.

    The stored answer, and everything that the call changes, commit in one transaction. The page
    says which scope each operation needs.
    """

    runs_once: ClassVar[bool] = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._scope = required_scope(self.dependant)
        if self._scope is not None:
            self.openapi_extra = {SCOPE_EXTENSION: self._scope.value, **(self.openapi_extra or {})}

    def get_route_handler(self) -> Handler:
        """The handler that wraps the route's own one."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            scope = _with_plain_lists(_with_json_type(request.scope))
            exact = ExactRequest(scope, request.receive)
            _refuse_nul(exact)
            key = exact.headers.get("idempotency-key")
            try:
                if key is None or exact.method not in _UNSAFE or not self.runs_once:
                    response = await handler(exact)
                else:
                    response = await _once(exact, key, self._scope, handler, self.turn)
                return await self.finish(exact, response)
            except (TielineError, HTTPException, *ANSWERED):
                raise
            except Exception as error:
                # Turned into an ordinary error here, it is answered and logged just once.
                raise InternalError from error

        return handle

    def turn(self, request: Request, org_id: str) -> AbstractAsyncContextManager[None]:
        """What a call of an organisation waits for before its transaction begins."""
        return contextlib.nullcontext()

    async def finish(self, request: Request, response: Response) -> Response:
        """The answer to a response that was made just now or, for a repetition, stored before.

        Whatever the call has changed is committed by then.
        """
        return response


class AskingRoute(TielineRoute):
    """For calls that only ask: each is answered afresh, with an `Idempotency-Key` too.

    A stored answer would be out of date. Nor may such a call hold a transaction while it waits its
    turn: those whose turn it is may be waiting for the last connection.
    """

    runs_once = False


def _refuse_nul(request: Request) -> None:
    """Refuse what no text of the database can be compared with, before an answer has begun."""
    if b"%00" not in request.scope["query_string"]:
        return
    for name, value in request.query_params.multi_items():
        if "\x00" in name or "\x00" in value:
            shown = name[:60].replace("\x00", "")
            raise InvalidInput(f"{shown}: holds the character U+0000. Remove it.")


def _with_plain_lists(scope: AsgiScope) -> AsgiScope:
    """Take `name[]=a&name[]=b`, as the published client writes a list, for `name=a&name=b`."""
    query: bytes = scope["query_string"]
    if not _BRACKETS.search(query):
        return scope
    return {**scope, "query_string": _BRACKETS.sub(rb"\1=", query)}


def _with_json_type(scope: AsgiScope) -> AsgiScope:
    """Take a body for JSON where its type is missing or is what `curl -d` says of everything.

    Any other type is left to say that it is none of ours.
    """
    given = [value for name, value in scope["headers"] if name == b"content-type"]
    if given and not given[0].startswith((b"application/x-www-form-urlencoded", b"text/plain")):
        return scope
    headers = [pair for pair in scope["headers"] if pair[0] != b"content-type"]
    return {**scope, "headers": [*headers, (b"content-type", b"application/json")]}


async def _once(
    request: Request, key: str, scope: Scope | None, handler: Handler, turn: Turn
) -> Response:
    if not key or len(key) > _KEY_LENGTH:
        raise InvalidInput(f"Idempotency-Key must have 1 to {_KEY_LENGTH} characters.")
    # A stored answer is for nobody who may not get it any more. Who else asks has another hash.
    principal = await (permitted(request, scope) if scope else authenticate(request))
    digest = await _request_hash(request, principal)
    database = services(request).database
    async with turn(request, principal.org_id), database.request() as request_tx:
        tx = OrgTransaction(request_tx.connection, principal.org_id)
        stored = await _claim(tx, key, digest)
        if stored is not None:
            return stored
        response = await handler(request)
        # Refusals are raised and undo the claim. A response with an error status, such as a
        # validation's verdict, is an answer like any other.
        await tx.execute(
            "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5 "
            "WHERE org_id = $1 AND key = $2",
            key,
            response.status_code,
            json.dumps_str({"content-type": response.headers.get("content-type", "")}),
            response.repeatable if isinstance(response, OnceResponse) else bytes(response.body),
        )
        return response


async def _request_hash(request: Request, caller: Principal) -> bytes:
    """What tells the same request of the same caller from any other.

    Keyed with the API key, which is stored nowhere, so that nobody who has a copy of the database
    can try out what a request may have held. A token of an issuer may be a new one at the retry.
    """
    own = bearer_key(request.headers.get("authorization", "")) or ""
    secret = own if caller.kind is CallerKind.KEY else caller.id
    target = (
        f"{request.method} {request.scope['root_path']}{request.url.path}?{request.url.query}\n"
    )
    return hmac.digest(secret.encode(), target.encode() + await request.body(), "sha256")


async def _claim(tx: OrgTransaction, key: str, digest: bytes) -> Response | None:
    """The stored answer of the same request, or None when this request is the first."""
    # Waits here while another request with the same key is still running.
    new = await tx.fetchval(
        "INSERT INTO idempotency_keys (org_id, key, request_hash) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING RETURNING true",
        key,
        digest,
    )
    if new:
        return None
    row = await tx.fetchrow(
        "SELECT request_hash, status, headers, body FROM idempotency_keys "
        "WHERE org_id = $1 AND key = $2",
        key,
    )
    if row is None or row["request_hash"] != digest:
        raise IdempotencyKeyReused
    headers = {**json.loads(row["headers"]), "idempotent-replayed": "true"}
    return Response(row["body"], status_code=row["status"], headers=headers)
