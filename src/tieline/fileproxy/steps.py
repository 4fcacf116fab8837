"""Runs the steps of a file proxy, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tieline.egress.client import EgressClient
from tieline.egress.errors import EgressError, TokenFailure
from tieline.egress.exchanges import StreamedAnswer
from tieline.egress.models import Answer, Bounds
from tieline.egress.tokens import Token, TokenRequest, TokenSource
from tieline.expressions.templates.errors import TemplateFailed
from tieline.fileproxy.answers import Binary, StepAnswer, template_context
from tieline.fileproxy.configuration import Configuration, Step
from tieline.fileproxy.errors import ExternalApiError, TokenNotIssued
from tieline.fileproxy.excerpts import excerpt
from tieline.fileproxy.requests import Values, has_authorization, step_request, token_request
from tieline.integrations.file_proxy_configuration import Encoding, ResponseType
from tieline.kit import json

LARGEST_JSON = 32_000_000  # bytes; a file in Base64 takes four thirds of its own
DEEPEST_JSON = 100
MOST_VALUES = 500_000  # in one JSON: small ones take far more memory than text
LONGEST_TRANSFER = 600.0  # seconds
_MOST_REDIRECTS = 5  # document systems like to redirect to their storage
_UNAUTHORISED = 401


@dataclass(frozen=True)
class Reach:
    """By what steps leave, and how much they may take.

    `step_seconds` is for a whole step, and for a silence while a file is streamed; `file_bytes` and
    `file_seconds` are for a streamed file as a whole.
    """

    egress: EgressClient
    tokens: TokenSource
    step_seconds: float = 30.0
    file_bytes: int = 100_000_000
    file_seconds: float = LONGEST_TRANSFER


@dataclass(frozen=True)
class Answers:
    """What all steps were answered; the body of the last may still be on its way in `stream`."""

    steps: list[StepAnswer]
    stream: StreamedAnswer | None = None


class StepRunner:
    """The steps of one download of an organisation. Streams stay open as long as `streams` is."""

    def __init__(
        self,
        reach: Reach,
        org_id: str,
        configuration: Configuration,
        params: Mapping[str, str],
        variables: Mapping[str, str],
        streams: contextlib.AsyncExitStack,
    ) -> None:
        self._reach = reach
        self._org_id = org_id
        self._configuration = configuration
        self._params = params
        self._variables = variables
        self._streams = streams
        self._secrets = [*variables.values()]

    async def run(self) -> Answers:
        """What the steps are answered. Raises `ExternalApiError` and `TokenNotIssued`."""
        answers: list[StepAnswer] = []
        steps = self._configuration.steps
        for number, step in enumerate(steps, 1):
            values = Values(template_context(self._params, answers), self._variables)
            last = number == len(steps)
            with _in_our_words(number):
                answer = await self._good_answer(number, step, values, last=last)
            if isinstance(answer, StreamedAnswer):
                answers.append(StepAnswer(answer.status, _headers(answer), Binary(None)))
                return Answers(answers, answer)
            body = await self._body(number, step, answer)
            answers.append(StepAnswer(answer.status, _headers(answer), body))
        return Answers(answers)

    async def _good_answer(
        self, number: int, step: Step, values: Values, *, last: bool
    ) -> Answer | StreamedAnswer:
        wanted = self._wanted_token(step, values)
        token = await self._token(wanted)
        answer = await self._ask(step, values, token, last=last)
        if answer.status == _UNAUTHORISED and wanted is not None:
            # The token may have been revoked before its time. One that is fresh settles it.
            self._reach.tokens.forget(wanted, token, org_id=self._org_id)
            answer = await self._ask(step, values, await self._token(wanted), last=last)
        if not 200 <= answer.status < 300:
            await self._refuse(number, answer, f"was answered with {answer.status}")
        return answer

    async def _ask(
        self, step: Step, values: Values, token: Token | None, *, last: bool
    ) -> Answer | StreamedAnswer:
        # Base64 is decoded as a whole, so there is nothing to be won by streaming it.
        encoding = self._configuration.response.encoding
        binary = step.response_type is ResponseType.BINARY and encoding is Encoding.BINARY
        streamed = last and binary
        request = step_request(
            step,
            values,
            self._file_bounds() if streamed else self._step_bounds(),
            token=token.authorization if token else None,
            through_proxy=self._configuration.through_proxy,
        )
        egress = self._reach.egress
        if not streamed:
            return await egress.send(request, org_id=self._org_id)
        async with asyncio.timeout(self._reach.step_seconds):
            stream = egress.stream(request, org_id=self._org_id)
            return await self._streams.enter_async_context(stream)

    def _wanted_token(self, step: Step, values: Values) -> TokenRequest | None:
        configuration = self._configuration
        if configuration.auth is None or has_authorization(step):
            return None
        return token_request(configuration.auth, values, through_proxy=configuration.through_proxy)

    async def _token(self, wanted: TokenRequest | None) -> Token | None:
        if wanted is None:
            return None
        token = await self._reach.tokens.token(wanted, org_id=self._org_id)
        self._secrets.append(token.value)
        return token

    async def _body(self, number: int, step: Step, answer: Answer) -> object:
        if step.response_type is ResponseType.BINARY:
            return Binary(answer.body)
        try:
            # In a thread: megabytes take their time, and others are served meanwhile.
            return await asyncio.to_thread(_parsed, answer.body)
        except (json.InvalidJson, UnicodeDecodeError, RecursionError, ValueError):
            return await self._refuse(
                number, answer, "was answered with no JSON of a size to be read"
            )

    async def _refuse(self, number: int, answer: Answer | StreamedAnswer, what: str) -> object:
        said = await excerpt(answer, self._secrets)
        raise ExternalApiError(
            f"Step {number} {what}. The list of downloads says more under the request id.",
            f"Step {number} {what}{f': {said}' if said else '.'}",
            step=number,
            upstream_status=answer.status,
        )

    def _step_bounds(self) -> Bounds:
        return Bounds(
            total_seconds=self._reach.step_seconds,
            max_response_bytes=LARGEST_JSON,
            max_redirects=_MOST_REDIRECTS,
        )

    def _file_bounds(self) -> Bounds:
        return Bounds(
            total_seconds=self._reach.file_seconds,
            max_response_bytes=self._reach.file_bytes,
            max_redirects=_MOST_REDIRECTS,
            idle_seconds=self._reach.step_seconds,
        )


def _parsed(body: bytes) -> object:
    if json.deeper_than(body, DEEPEST_JSON) or body.count(b",") > MOST_VALUES:
        raise ValueError
    return json.loads(body)


def _headers(answer: Answer | StreamedAnswer) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in answer.headers:
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


@contextlib.contextmanager
def _in_our_words(number: int) -> Iterator[None]:
    """The holder of a link learns which step failed; which server did, the operator alone."""
    try:
        yield
    except TokenFailure as error:
        raise TokenNotIssued(
            "The document system issues no access token. The list of downloads says more under "
            "the request id.",
            f"Step {number}: {error.message}",
            step=number,
        ) from error
    except (EgressError, TimeoutError) as error:
        code, message = (
            (error.code, error.message)
            if isinstance(error, EgressError)
            else ("EGRESS_TIMEOUT", "The document system did not begin to answer in time.")
        )
        raise ExternalApiError(
            f"Step {number} failed: the document system could not be asked ({code}). The list of "
            "downloads says more under the request id.",
            f"Step {number}: {message}",
            step=number,
        ) from error
    except TemplateFailed as error:
        raise ExternalApiError(
            f"Step {number} cannot be asked with these values. The list of downloads says more "
            "under the request id.",
            f"Step {number}: {error.message}",
            step=number,
        ) from error
