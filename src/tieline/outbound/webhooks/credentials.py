"""What requests to a webhook are made with: resolved headers, proof of who calls, secrets.

To send a thousand messages a second nobody can read secrets for each of them. What was read is
used for a few seconds, or until the webhook changes.
"""

from __future__ import annotations

import asyncio
import base64
import contextvars
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tieline.database import Database, OrgTransaction
from tieline.egress.tokens import Parameter, ParameterPlace, TokenRequest
from tieline.kit.secrecy import names_a_secret
from tieline.outbound.webhooks.addresses import is_header_value
from tieline.outbound.webhooks.auth_secrets import AuthSecrets
from tieline.outbound.webhooks.authentication import METHODS, AuthType
from tieline.outbound.webhooks.directory import WebhookDirectory
from tieline.outbound.webhooks.errors import InvalidHeaderValue, WebhookAuthIncomplete
from tieline.outbound.webhooks.models import SignatureScheme, Webhook
from tieline.outbound.webhooks.signing import Header
from tieline.outbound.webhooks.signing_keys import SigningKeys
from tieline.outbound.webhooks.signing_secrets import SigningSecret, SigningSecrets
from tieline.secrets.references import Variables, references_in, resolve
from tieline.secrets.store import SecretStore

SECONDS_REMEMBERED = 5.0
_REMEMBERED = 10_000
_AUTHORIZATION = "authorization"

_Key = tuple[str, UUID, int]


@dataclass(frozen=True)
class Credentials:
    """Everything secret and everything resolved that a request to a webhook needs.

    `headers` are those of the webhook, with that by which the receiver knows who calls unless it is
    a token, which `token` asks for. `secret_headers` are the names, in lower case, of those that
    nobody is shown.
    """

    headers: Sequence[Header] = field(repr=False)
    secret_headers: frozenset[str]
    token: TokenRequest | None = None
    secrets: Sequence[SigningSecret] = ()
    key: Ed25519PrivateKey | None = field(default=None, repr=False)


class CredentialSource:
    """The credentials of webhooks. Nothing is remembered while changes cannot be heard of.

    A changed variable, and a secret that somebody replaced in the vault, are used within
    `SECONDS_REMEMBERED`; a change of the webhook itself at once.
    """

    def __init__(
        self,
        database: Database,
        secrets: SecretStore,
        variables: Variables,
        directory: WebhookDirectory,
        keys: SigningKeys,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._variables = variables
        self._directory = directory
        self._keys = keys
        self._signing = SigningSecrets(secrets)
        self._auth = AuthSecrets(secrets)
        self._monotonic = monotonic
        self._known: OrderedDict[_Key, tuple[float, Credentials]] = OrderedDict()
        self._reading: dict[tuple[_Key, int], asyncio.Task[Credentials]] = {}
        directory.tell(self._forget)

    async def of(self, webhook: Webhook) -> Credentials:
        """The credentials of a webhook.

        Raises `UnresolvedVariable`, `WebhookSecretMissing`, `WebhookAuthIncomplete`,
        `InvalidHeaderValue`, and what the store of secrets raises.
        """
        generation = self._directory.generation
        if generation is None or self._database.inside_request():
            return await self._read(webhook)
        key = (webhook.org_id, webhook.id, webhook.version)
        known = self._known.get(key)
        if known is not None and self._monotonic() < known[0]:
            return known[1]
        # Of many messages for one webhook the first reads for all.
        reading = self._reading.get((key, generation))
        if reading is None:
            # In a context of its own: it may outlast the request of whoever was first.
            reading = asyncio.create_task(
                self._read_and_remember(key, generation, webhook), context=contextvars.Context()
            )
            self._reading[(key, generation)] = reading
            reading.add_done_callback(lambda _: self._reading.pop((key, generation), None))
        return await asyncio.shield(reading)

    async def _read_and_remember(self, key: _Key, generation: int, webhook: Webhook) -> Credentials:
        found = await self._read(webhook)
        if generation == self._directory.generation:
            self._known[key] = (self._monotonic() + SECONDS_REMEMBERED, found)
            self._known.move_to_end(key)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return found

    def _forget(self, org_id: str | None) -> None:
        self._keys.forget(org_id)
        for key in [key for key in self._known if org_id in (None, key[0])]:
            del self._known[key]

    async def _read(self, webhook: Webhook) -> Credentials:
        async with self._database.reading(webhook.org_id) as tx:
            secrets = await self._signing.read(tx, webhook) if webhook.signs else ()
            auth, headers = await self._resolved(tx, webhook)
        standard = webhook.signature_scheme is SignatureScheme.STANDARD_WEBHOOKS
        own, token = _told(webhook, auth)
        _check(own)
        hidden = {
            name.lower()
            for name, value in webhook.headers.items()
            if names_a_secret(name) or references_in(value)
        }
        return Credentials(
            headers=(*((name.lower(), value) for name, value in headers.items()), *own),
            secret_headers=frozenset({*hidden, *(name for name, _ in own), _AUTHORIZATION}),
            token=token,
            secrets=secrets,
            key=await self._keys.private_key(webhook.org_id) if standard else None,
        )

    async def _resolved(
        self, tx: OrgTransaction, webhook: Webhook
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """The part of `auth` with its secret, and the headers, all variables resolved."""
        method = METHODS.get(AuthType(webhook.auth["authType"]))
        part: dict[str, Any] = {}
        if method is not None:
            part = {**webhook.auth[method.section], method.secret: None}
            secret = await self._auth.read(tx, webhook)
            part[method.secret] = secret
        named = {"auth": {method.section: part} if method else {}, "headers": dict(webhook.headers)}
        found = (await resolve(self._variables, tx, named)).value
        _check(found["headers"].items())
        return (found["auth"][method.section] if method else {}), found["headers"]


def _told(webhook: Webhook, part: Mapping[str, Any]) -> tuple[list[Header], TokenRequest | None]:
    """The headers by which the receiver knows who calls, or what to ask a token with."""
    match AuthType(webhook.auth["authType"]):
        case AuthType.NONE:
            return [], None
        case AuthType.BASIC:
            pair = f"{part['username']}:{part['password'] or ''}".encode()
            return [(_AUTHORIZATION, f"Basic {base64.b64encode(pair).decode()}")], None
        case AuthType.API_KEY:
            if not part["keyValue"]:
                raise WebhookAuthIncomplete
            return [(part["keyName"].lower(), part["keyValue"])], None
        case AuthType.OAUTH_CLIENT_CREDENTIALS:
            return [], _token_request(webhook, part)


def _token_request(webhook: Webhook, part: Mapping[str, Any]) -> TokenRequest:
    parameters = [
        Parameter(ParameterPlace(each["type"]), each["key"], each["value"])
        for each in part.get("customParameterList", ())
    ]
    return TokenRequest(
        url=part["endpoint"],
        client_id=part["clientId"],
        client_secret=part["clientSecret"] or "",
        method=part["httpMethod"],
        parameters=tuple(parameters),
        through_proxy=webhook.through_proxy,
    )


def _check(headers: Any) -> None:
    for name, value in headers:
        if not is_header_value(value):
            raise InvalidHeaderValue(
                f"The header {name} has, with its variables, characters that no header can carry, "
                "or spaces at an end. Correct the variable."
            )
