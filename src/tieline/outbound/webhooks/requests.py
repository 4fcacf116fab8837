"""What is sent to a webhook: address, headers, proof of who calls, signature."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from tieline import __version__
from tieline.egress.models import Bounds, OutgoingRequest
from tieline.egress.tokens import Token, TokenSource
from tieline.outbound.webhooks.credentials import Credentials, CredentialSource
from tieline.outbound.webhooks.errors import WebhookIncomplete, WebhookWithoutOAuth
from tieline.outbound.webhooks.models import HttpMethod, SignatureScheme, Webhook
from tieline.outbound.webhooks.signing import (
    Header,
    body_signature,
    identification,
    standard_signature,
)
from tieline.secrets.material import HIDDEN

USER_AGENT = f"Tieline/{__version__}"
_WITHOUT_BODY = frozenset({HttpMethod.GET, HttpMethod.HEAD})
# A receiver that refuses every token must not make us ask for a new one each time.
_SECONDS_BETWEEN_NEW_TOKENS = 60.0
_REMEMBERED = 10_000
_SECRET_ANYWAY = frozenset({"authorization", "cookie", "x-api-key"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A rendered message that is to be sent, for the time `attempt` (the first is 1).

    `id` is the idempotency id, which stays the same for all attempts.
    """

    id: str
    body: bytes
    content_type: str
    attempt: int
    event_name: str
    delivery_id: UUID


@dataclass(frozen=True, slots=True)
class WebhookRequest(OutgoingRequest):
    """A request to a webhook; `secret_headers` are those, in lower case, that nobody is shown."""

    secret_headers: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return f"WebhookRequest({self.method} {self.url})"


class RequestMaker:
    """Makes the requests that carry messages to webhooks."""

    def __init__(
        self,
        credentials: CredentialSource,
        tokens: TokenSource,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._tokens = tokens
        self._monotonic = monotonic
        self._renewed: OrderedDict[tuple[str, UUID], float] = OrderedDict()

    async def request_for(
        self, webhook: Webhook, message: Message, now: datetime
    ) -> OutgoingRequest:
        """The request for one attempt.

        Secrets and variables are resolved, an OAuth token is asked for if the webhook needs one.
        Raises classes of `TielineError`, whose codes say why there can be no request now.
        """
        if webhook.url is None:
            raise WebhookIncomplete
        credentials = await self._credentials.of(webhook)
        headers = list(credentials.headers)
        if credentials.token is not None:
            token = await self._tokens.token(credentials.token, org_id=webhook.org_id)
            headers.append(("authorization", token.authorization))
        body = b"" if webhook.http_method in _WITHOUT_BODY else message.body
        if webhook.http_method not in _WITHOUT_BODY:
            headers.append(("content-type", message.content_type))
        seconds = webhook.retry_policy["timeoutMs"] / 1000
        return WebhookRequest(
            method=webhook.http_method.value,
            url=webhook.url,
            headers=(
                *headers,
                ("user-agent", USER_AGENT),
                *_signed(webhook, credentials, message, body, now),
            ),
            body=body,
            bounds=Bounds(
                connect_seconds=min(Bounds().connect_seconds, seconds), total_seconds=seconds
            ),
            through_proxy=webhook.through_proxy,
            secret_headers=credentials.secret_headers,
        )

    async def signature_for(
        self, webhook: Webhook, message: Message, now: datetime
    ) -> list[Header]:
        """The headers of a push that concern the message alone: what it is, and its signature."""
        credentials = await self._credentials.of(webhook)
        return _signed(webhook, credentials, message, message.body, now)

    async def new_token(self, webhook: Webhook) -> Token:
        """A new OAuth token with which to call a webhook.

        Raises `WebhookWithoutOAuth`, `TokenFailure`, and what `request_for` raises.
        """
        request = (await self._credentials.of(webhook)).token
        if request is None:
            raise WebhookWithoutOAuth
        self._tokens.forget(request, org_id=webhook.org_id)
        return await self._tokens.token(request, org_id=webhook.org_id)

    async def unauthorised(self, webhook: Webhook) -> None:
        """Take note that the receiver answered 401: the next attempt gets a new OAuth token."""
        token = (await self._credentials.of(webhook)).token
        if token is None:
            return
        key, now = (webhook.org_id, webhook.id), self._monotonic()
        if now < self._renewed.get(key, now):
            return
        self._renewed[key] = now + _SECONDS_BETWEEN_NEW_TOKENS
        self._renewed.move_to_end(key)
        if len(self._renewed) > _REMEMBERED:
            self._renewed.popitem(last=False)
        self._tokens.forget(token, org_id=webhook.org_id)

    @staticmethod
    def shown_headers(request: OutgoingRequest) -> list[Header]:
        """The headers of a request with what is secret in them hidden, for the log."""
        secret = _SECRET_ANYWAY
        if isinstance(request, WebhookRequest):
            secret = secret | request.secret_headers
        return [
            (name, HIDDEN if name.lower() in secret else value) for name, value in request.headers
        ]


def _signed(
    webhook: Webhook, credentials: Credentials, message: Message, body: bytes, now: datetime
) -> list[Header]:
    headers = identification(message.id, message.attempt, now)
    valid = [each.text for each in credentials.secrets if each.until is None or now < each.until]
    match webhook.signature_scheme:
        case SignatureScheme.STANDARD_WEBHOOKS:
            assert credentials.key is not None
            headers.append(
                standard_signature(message.id, now, body, key=credentials.key, secrets=valid)
            )
        case SignatureScheme.HMAC_SHA256:
            headers.append(body_signature(body, valid[0]))
        case SignatureScheme.NONE:
            pass
    return headers
