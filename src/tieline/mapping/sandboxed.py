"""The handler that maps events inside a sandbox process."""

from __future__ import annotations

from functools import lru_cache

from tieline.expressions.evaluator import Evaluator
from tieline.expressions.limits import Limits
from tieline.kit import json as lossless_json
from tieline.mapping.blocks import InboundConfiguration
from tieline.mapping.check import check_expressions, check_source
from tieline.mapping.configuration import parse_configuration
from tieline.mapping.engine import map_event
from tieline.mapping.errors import InvalidConfiguration, MappingError, ResultTooLarge
from tieline.mapping.models import FileProxyContext, PayloadFormat
from tieline.mapping.payload import parse_payload, without_mark
from tieline.mapping.single import evaluate_source
from tieline.mapping.wire import (
    CheckReply,
    Reply,
    Request,
    decode_request,
    decode_shared,
    encode_reply,
    to_reply,
)


def handle(shared: bytes, body: bytes, limits: Limits) -> bytes:
    """Answer one request: `shared` comes from `encode_shared`, `body` from `encode_request`.

    Whatever is wrong with configuration, payload or expressions is part of the answer.
    """
    try:
        reply = encode_reply(_answer(shared, body, limits))
        if len(reply) > limits.max_result_bytes:
            raise ResultTooLarge(
                f"The mapping produced {len(reply)} bytes; {limits.max_result_bytes} are allowed. "
                "Send less in one event, or map fewer attributes."
            )
    except MappingError as error:
        return encode_reply(to_reply(error))
    return reply


def _answer(shared: bytes, body: bytes, limits: Limits) -> Reply:
    request, payload_format, text = decode_request(body)
    evaluator = _evaluator(limits)
    evaluator.begin_task()
    if request is Request.EVALUATE:
        return evaluate_source(shared.decode(), text, evaluator)
    if request is Request.CHECK_SOURCE:
        return CheckReply(check_source(text.decode(), evaluator))
    configuration, file_proxy = _configuration(shared)
    if request is Request.CHECK:
        return CheckReply(check_expressions(configuration, evaluator))
    text = without_mark(text)
    return map_event(
        configuration,
        parse_payload(text, payload_format),
        evaluator,
        text=text if payload_format is PayloadFormat.JSON else None,
        file_proxy=file_proxy,
        removing=request is Request.REMOVE,
    )


@lru_cache(maxsize=1)
def _evaluator(limits: Limits) -> Evaluator:
    return Evaluator(limits)


@lru_cache(maxsize=256)
def _configuration(shared: bytes) -> tuple[InboundConfiguration, FileProxyContext | None]:
    configuration_json, file_proxy = decode_shared(shared)
    try:
        raw = lossless_json.loads(configuration_json)
    except (lossless_json.InvalidJson, ValueError, RecursionError) as error:
        raise InvalidConfiguration(f"The configuration is not valid JSON: {error}.") from None
    configuration, _ = parse_configuration(raw)
    return configuration, file_proxy
