"""What travels between the sandbox and its owner, as JSON that loses no digit."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from tieline.kit.json import exact_number
from tieline.mapping.errors import BY_CODE, MappingError
from tieline.mapping.models import FileProxyContext, MappingResult, PayloadFormat


class Request(IntEnum):
    """What the sandbox is asked for."""

    MAP = 0
    REMOVE = 1
    CHECK = 2
    EVALUATE = 3
    CHECK_SOURCE = 4


class ErrorReply(msgspec.Struct, array_like=True, tag="error"):
    """A `MappingError` on its way out of the sandbox."""

    code: str
    message: str
    path: str


class CheckReply(msgspec.Struct, array_like=True, tag="check"):
    """What is wrong with the expressions of a configuration: paths and messages."""

    faults: list[tuple[str, str]]


class ValueReply(msgspec.Struct, array_like=True, tag="value"):
    """What a single expression yields, as JSON; nothing unless it is defined."""

    defined: bool
    json: msgspec.Raw


Reply = MappingResult | ErrorReply | CheckReply | ValueReply

_FORMATS = tuple(PayloadFormat)
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply, float_hook=exact_number)
_context_decoder = msgspec.json.Decoder(FileProxyContext | None)


def encode_shared(configuration_json: bytes, file_proxy: FileProxyContext | None) -> bytes:
    """What all events of a use case have in common: a line of context, then the configuration."""
    return _encoder.encode(file_proxy) + b"\n" + configuration_json


def decode_shared(shared: bytes) -> tuple[bytes, FileProxyContext | None]:
    """The configuration's JSON and the context."""
    context, _, configuration_json = shared.partition(b"\n")
    return configuration_json, _context_decoder.decode(context)


def encode_request(request: Request, payload: bytes, payload_format: PayloadFormat) -> bytes:
    """Two bytes of what and how, then the payload as it came in."""
    return bytes((request, _FORMATS.index(payload_format))) + payload


def decode_request(body: bytes) -> tuple[Request, PayloadFormat, bytes]:
    """The parts of a request."""
    return Request(body[0]), _FORMATS[body[1]], body[2:]


def encode_reply(reply: Reply) -> bytes:
    """The bytes of a reply."""
    return _encoder.encode(reply)


def decode_reply(body: bytes) -> Reply:
    """The reply in some bytes. Raises `msgspec.DecodeError` when it is none."""
    return _decoder.decode(body)


def to_reply(error: MappingError) -> ErrorReply:
    """The error in a form that can travel."""
    return ErrorReply(error.code, error.message, error.path)


def to_error(reply: ErrorReply) -> MappingError:
    """The error that travelled."""
    return BY_CODE.get(reply.code, MappingError)(reply.message, reply.path)
