"""The way to map from outside: events go through the sandbox, results come back typed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import msgspec

from tieline.expressions.models import Done, FailureReason, Result, Task
from tieline.expressions.sandbox import SandboxPool
from tieline.mapping.errors import ExpressionTimeout, MappingError, SandboxFailed
from tieline.mapping.models import FileProxyContext, MappingResult, PayloadFormat
from tieline.mapping.simulation import render
from tieline.mapping.wire import (
    CheckReply,
    ErrorReply,
    Reply,
    Request,
    ValueReply,
    decode_reply,
    encode_request,
    encode_shared,
    to_error,
)

HANDLER = "tieline.mapping.sandboxed:handle"


class MapRequest(msgspec.Struct, frozen=True):
    """An event to map.

    `configuration_key` must change whenever the configuration or `file_proxy` does. Without
    `file_proxy` addresses of files are left out. `removing`: the event says that all it names is
    gone; see `map_event`.
    """

    configuration_key: str
    configuration_json: bytes
    payload: bytes
    format: str = PayloadFormat.JSON
    file_proxy: FileProxyContext | None = None
    removing: bool = False


class Evaluation(msgspec.Struct, frozen=True):
    """A JSONata expression, and the JSON value that it is evaluated on."""

    source: str
    input: bytes


class Mapper:
    """Maps events in a pool of sandbox processes that run `HANDLER`."""

    def __init__(self, pool: SandboxPool) -> None:
        self._pool = pool

    async def map_batch(self, items: Sequence[MapRequest]) -> list[MappingResult | MappingError]:
        """The result or the error of every event, in order; one that fails costs only itself."""
        shared: dict[str, bytes] = {}
        tasks: list[Task] = []
        for item in items:
            key = item.configuration_key
            if key not in shared:
                shared[key] = encode_shared(item.configuration_json, item.file_proxy)
            request = Request.REMOVE if item.removing else Request.MAP
            body = encode_request(request, item.payload, PayloadFormat(item.format))
            tasks.append(Task(key, body))
        results = await self._pool.run(shared, tasks)
        return [_mapped(_outcome(result)) for result in results]

    async def simulate(
        self,
        configuration_json: bytes,
        payload: bytes,
        payload_format: str = PayloadFormat.JSON,
        *,
        removing: bool = False,
    ) -> dict[str, Any]:
        """The body that the simulation API answers with. Raises `MappingError`."""
        request = Request.REMOVE if removing else Request.MAP
        body = encode_request(request, payload, PayloadFormat(payload_format))
        result = _mapped(await self._ask(configuration_json, body))
        if isinstance(result, MappingError):
            raise result
        return render(result)

    async def check(self, configuration_json: bytes) -> list[tuple[str, str]]:
        """Path and message of every expression that cannot be compiled. Raises `MappingError`."""
        body = encode_request(Request.CHECK, b"", PayloadFormat.JSON)
        match await self._ask(configuration_json, body):
            case CheckReply(faults=faults):
                return faults
            case MappingError() as error:
                raise error
            case _:
                raise SandboxFailed

    async def evaluate(self, items: Sequence[Evaluation]) -> list[bytes | MappingError | None]:
        """What each expression yields as JSON, None where it yields nothing, or why it failed.

        One that fails costs only itself. Its message names no place: who asks knows it.
        """
        shared = {_name_of(item.source): item.source.encode() for item in items}
        tasks = [
            Task(
                _name_of(item.source),
                encode_request(Request.EVALUATE, item.input, PayloadFormat.JSON),
            )
            for item in items
        ]
        return [_value(_outcome(result)) for result in await self._pool.run(shared, tasks)]

    async def check_sources(self, sources: Sequence[str]) -> list[str | None]:
        """What keeps each expression from being compiled, or None where nothing does."""
        tasks = [
            Task("", encode_request(Request.CHECK_SOURCE, source.encode(), PayloadFormat.JSON))
            for source in sources
        ]
        faults: list[str | None] = []
        for result in await self._pool.run({"": b""}, tasks):
            match _outcome(result):
                case CheckReply(faults=found):
                    faults.append(found[0][1] if found else None)
                case MappingError() as error:
                    faults.append(error.message)
                case _:
                    raise SandboxFailed
        return faults

    async def _ask(self, configuration_json: bytes, body: bytes) -> Reply | MappingError:
        key = hashlib.sha256(configuration_json).hexdigest()
        shared = {key: encode_shared(configuration_json, None)}
        [result] = await self._pool.run(shared, [Task(key, body)])
        return _outcome(result)


def _outcome(result: Result) -> Reply | MappingError:
    if isinstance(result, Done):
        try:
            reply = decode_reply(result.body)
        except (msgspec.DecodeError, ValueError):
            return SandboxFailed()
        return to_error(reply) if isinstance(reply, ErrorReply) else reply
    if result.reason is FailureReason.TIMEOUT:
        return ExpressionTimeout(
            f"Mapping the event {result.message}. Simplify its expressions, or send less in one "
            "event."
        )
    return SandboxFailed(
        f"Mapping the event {result.message}. Simplify its expressions and replay the event."
    )


def _name_of(source: str) -> str:
    """What a sandbox process knows an expression by."""
    return f"= {hashlib.sha256(source.encode()).hexdigest()}"


def _value(outcome: Reply | MappingError) -> bytes | MappingError | None:
    if isinstance(outcome, ValueReply):
        return bytes(outcome.json) if outcome.defined else None
    return outcome if isinstance(outcome, MappingError) else SandboxFailed()


def _mapped(outcome: Reply | MappingError) -> MappingResult | MappingError:
    return outcome if isinstance(outcome, MappingResult | MappingError) else SandboxFailed()
