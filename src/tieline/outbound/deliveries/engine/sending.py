"""Makes one attempt: the request is made, sent, and its answer judged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Protocol
from uuid import UUID

import msgspec
import structlog

from tieline.egress.errors import ResponseTooLarge
from tieline.egress.exchanges import StreamedAnswer
from tieline.egress.models import Bounds, OutgoingRequest
from tieline.kit.errors import NotFound, TielineError
from tieline.kit.time import Clock, utc_now
from tieline.outbound.deliveries.engine.keeping import hidden_values, kept_body, kept_headers
from tieline.outbound.deliveries.engine.models import NOTHING_SENT, Attempt, Exchange, Leased
from tieline.outbound.deliveries.retry import parse_retry_after
from tieline.outbound.deliveries.verdicts import Blame, Outcome, Verdict, of_error, of_status
from tieline.outbound.webhooks.models import Webhook
from tieline.outbound.webhooks.requests import Message

log = structlog.get_logger(__name__)

# Besides what the policy gives to the exchange itself: for a token, for the secrets.
PREPARATION_SECONDS = 10.0

_UNPREPARED = Verdict(
    Outcome.FAILED,
    Blame.OURSELVES,
    "EGRESS_TIMEOUT",
    "Getting what the request needs, such as its token, took too long. Look at the server that "
    "gives tokens.",
)
_UNEXPECTED = Verdict(
    Outcome.FAILED,
    Blame.OURSELVES,
    "INTERNAL_ERROR",
    "The request could not be made. The log of Tieline says why.",
)


class Sender(Protocol):
    """Makes attempts."""

    async def attempt(self, leased: Leased) -> Attempt:
        """Make the attempt that was leased. Raises nothing; only a cancellation ends it early."""
        ...


class Webhooks(Protocol):
    """Knows webhooks, as `WebhookDirectory` does."""

    async def find(self, org_id: str, webhook_id: UUID) -> Webhook | None:
        """A webhook that is not deleted, or None."""
        ...


class Requests(Protocol):
    """Makes requests, as `RequestMaker` does."""

    async def request_for(
        self, webhook: Webhook, message: Message, now: datetime
    ) -> OutgoingRequest:
        """The request for one attempt. Raises classes of `TielineError`."""
        ...

    async def unauthorised(self, webhook: Webhook) -> None:
        """Take note that the receiver answered 401."""
        ...

    def shown_headers(self, request: OutgoingRequest) -> Sequence[tuple[str, str]]:
        """The headers of a request, in the same order, with what is secret in them hidden."""
        ...


class Egress(Protocol):
    """Sends requests, as `EgressClient` does."""

    def stream(
        self, request: OutgoingRequest, *, org_id: str | None = None
    ) -> AbstractAsyncContextManager[StreamedAnswer]:
        """The answer, whatever its status, while it arrives. Raises `EgressError`."""
        ...


class WebhookGone(NotFound):
    """The webhook was deleted while its delivery was about to be sent."""

    code = "WEBHOOK_DELETED"


class WebhookSender:
    """Sends messages to webhooks."""

    def __init__(
        self, webhooks: Webhooks, requests: Requests, egress: Egress, clock: Clock = utc_now
    ) -> None:
        self._webhooks = webhooks
        self._requests = requests
        self._egress = egress
        self._clock = clock

    async def attempt(self, leased: Leased) -> Attempt:
        """Make the attempt that was leased; redirects are not followed."""
        began, started_at = time.perf_counter(), self._clock()
        seconds = leased.policy.timeout.total_seconds()
        exchange, retry_after = NOTHING_SENT, None
        try:
            async with asyncio.timeout(seconds + PREPARATION_SECONDS):
                webhook, request = await self._request(leased, seconds, started_at)
                shown = self._requests.shown_headers(request)
                exchange = _sent(webhook, shown)
                async with self._egress.stream(request, org_id=leased.key.org_id) as answer:
                    body = await _read(answer)
                exchange = _answered(exchange, answer, body, hidden_values(request.headers, shown))
                retry_after = parse_retry_after(answer.header("retry-after"), self._clock())
                if answer.status == HTTPStatus.UNAUTHORIZED:
                    await self._requests.unauthorised(webhook)
        except TielineError as error:
            verdict = of_error(error)
        except TimeoutError:
            verdict = _UNPREPARED
        except Exception:
            log.exception("delivery.crashed", delivery=str(leased.delivery_id))
            verdict = _UNEXPECTED
        else:
            verdict = of_status(answer.status)
        return Attempt(
            lease=leased,
            verdict=verdict,
            started_at=started_at,
            ended_at=self._clock(),
            milliseconds=(time.perf_counter() - began) * 1000,
            exchange=exchange,
            retry_after=retry_after if verdict.blame is Blame.ENDPOINT else None,
        )

    async def _request(
        self, leased: Leased, seconds: float, now: datetime
    ) -> tuple[Webhook, OutgoingRequest]:
        webhook = await self._webhooks.find(*leased.key)
        if webhook is None:
            raise WebhookGone
        message = Message(
            id=leased.message_id,
            body=leased.body,
            content_type=leased.content_type,
            attempt=leased.attempt,
            event_name=leased.event_name,
            delivery_id=leased.delivery_id,
        )
        request = await self._requests.request_for(webhook, message, now)
        connecting = min(request.bounds.connect_seconds, seconds)
        bounds = Bounds(connect_seconds=connecting, total_seconds=seconds)
        return webhook, replace(request, bounds=bounds)


def _sent(webhook: Webhook, shown: Sequence[tuple[str, str]]) -> Exchange:
    return Exchange(url=webhook.url, request_headers={name.lower(): value for name, value in shown})


async def _read(answer: StreamedAnswer) -> bytes:
    """The body of an answer, or the beginning of one that is larger than is read.

    The receiver has said by its status what it did with the message: how much it says besides
    changes nothing about that. A body that breaks off does; then nobody knows whether it is done.
    """
    body = bytearray()
    with contextlib.suppress(ResponseTooLarge):
        async for piece in answer.pieces():
            body += piece
    return bytes(body)


def _answered(
    sent: Exchange, answer: StreamedAnswer, body: bytes, secrets: frozenset[str]
) -> Exchange:
    return msgspec.structs.replace(
        sent,
        address=answer.address,
        status_code=answer.status,
        response_headers=kept_headers(answer.headers, secrets),
        response_body=kept_body(body, secrets),
        response_bytes=len(body),
    )
