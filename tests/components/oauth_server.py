"""A token endpoint of OAuth 2.0: client credentials and password grants, and its failures."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlencode

from tests.components.http_protocol import Received, Reply
from tests.components.sink import Sink


@dataclass(frozen=True, slots=True)
class Issued:
    """A token, and what it was issued for."""

    token: str
    until: float
    grant: str
    client_id: str
    parameters: Mapping[str, str]


@dataclass
class TokenServer:
    """Issues tokens at `url` of a sink, which keeps the requests.

    Credentials may come in the body or as Basic authentication. Parameters of the query and of the
    body are kept with each token; those of the body may be a form or JSON.
    """

    sink: Sink
    path: str = "/oauth/token"
    clients: dict[str, str] = field(default_factory=lambda: {"tieline": "client-secret-4711"})
    users: dict[str, str] = field(default_factory=lambda: {"kim": "password-of-kim-4711"})
    expires_in: int | None = 3600  # seconds; None: not told
    as_form: bool = False  # answers in place of JSON
    failing: list[Reply] = field(default_factory=list)  # answered first, each once
    issued: list[Issued] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sink.answer(self.path, self._answer)

    @property
    def url(self) -> str:
        """The address of the endpoint."""
        return self.sink.at(self.path)

    @property
    def requests(self) -> list[Received]:
        """The requests for tokens, refused ones too."""
        return self.sink.received(self.path)

    def accepts(self, request: Received) -> bool:
        """Whether a request carries a token that is valid at this moment."""
        scheme, _, token = (request.header("authorization") or "").partition(" ")
        return scheme.lower() == "bearer" and any(
            each.token == token and each.until > time.time() for each in self.issued
        )

    def revoke_all(self) -> None:
        """Have every token that was issued refused from now on."""
        self.issued.clear()

    def guard(self, path: str, reply: Reply) -> str:
        """Have a path answer with `reply` whoever has a valid token, and others with 401."""
        refusal = Reply.of({"error": "invalid_token"}, 401)
        return self.sink.answer(path, lambda request: reply if self.accepts(request) else refusal)

    def _answer(self, request: Received) -> Reply:
        if self.failing:
            return self.failing.pop(0)
        if request.method not in ("GET", "POST"):
            return Reply.of({"error": "invalid_request"}, 405)
        given = {**request.query, **_body(request)}
        client_id, client_secret = _credentials(request, given)
        if not client_secret or self.clients.get(client_id) != client_secret:
            return Reply.of({"error": "invalid_client"}, 401)
        grant = given.get("grant_type", "")
        if grant not in ("client_credentials", "password"):
            return Reply.of({"error": "unsupported_grant_type"}, 400)
        if grant == "password" and self.users.get(given.get("username", "")) != given.get(
            "password"
        ):
            return Reply.of({"error": "invalid_grant"}, 400)
        return self._issue(grant, client_id, given)

    def _issue(self, grant: str, client_id: str, given: Mapping[str, str]) -> Reply:
        token = f"token-{secrets.token_urlsafe(24)}"
        until = time.time() + (3600 if self.expires_in is None else self.expires_in)
        self.issued.append(Issued(token, until, grant, client_id, dict(given)))
        content: dict[str, object] = {"access_token": token, "token_type": "Bearer"}
        if self.expires_in is not None:
            content["expires_in"] = self.expires_in
        if self.as_form:
            kind = {"content-type": "application/x-www-form-urlencoded"}
            return Reply(200, urlencode(content).encode(), kind)
        return Reply.of(content)


def _body(request: Received) -> dict[str, str]:
    if not request.body:
        return {}
    if "json" in (request.header("content-type") or ""):
        content: dict[str, str] = request.json()
        return content
    return request.form()


def _credentials(request: Received, given: Mapping[str, str]) -> tuple[str, str]:
    """The client's id and secret (RFC 6749, section 2.3.1)."""
    scheme, _, encoded = (request.header("authorization") or "").partition(" ")
    if scheme.lower() == "basic":
        client_id, _, client_secret = base64.b64decode(encoded).decode().partition(":")
        return unquote(client_id), unquote(client_secret)
    return given.get("client_id", ""), given.get("client_secret", "")
