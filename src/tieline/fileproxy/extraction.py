"""Finds the file, its name and its type in the answers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tieline.fileproxy.answers import Binary, Marks
from tieline.fileproxy.configuration import Expression, Response, with_variables, without_marks
from tieline.fileproxy.errors import FileExtractionFailed
from tieline.fileproxy.models import DEFAULT_CONTENT_TYPE, DEFAULT_FILENAME
from tieline.fileproxy.steps import Answers
from tieline.integrations.file_proxy_configuration import Encoding
from tieline.kit import json
from tieline.mapping.errors import MappingError
from tieline.mapping.mapper import Evaluation, Mapper

_LONGEST_NAME = 255
_LONGEST_TYPE = 255
_DATA_ADDRESS = re.compile(r"\s*data:[^,]{0,1000},")
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_WHITESPACE = b" \t\r\n"
_CONTENT_TYPE = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]+/[A-Za-z0-9!#$&^_.+-]+"
    r"(?:\s*;\s*[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$%&'*+.^_`|~-]+|\"[\x20\x21\x23-\x5b\x5d-\x7e]*\"))*"
)


@dataclass(frozen=True)
class Found:
    """The file: its bytes, or None for the body of the last step, which is still on its way."""

    content: bytes | None
    filename: str
    content_type: str


class Extraction:
    """Evaluates the expressions of a response part in the sandbox."""

    def __init__(self, mapper: Mapper) -> None:
        self._mapper = mapper

    async def find(
        self,
        response: Response,
        params: Mapping[str, str],
        answers: Answers,
        variables: Mapping[str, str],
    ) -> Found:
        """The file. Raises `FileExtractionFailed`."""
        marks = Marks()
        text = await asyncio.to_thread(lambda: json.dumps(marks.context(params, answers.steps)))
        expressions = response.expressions()
        results = await self._mapper.evaluate(
            [Evaluation(expression.source, text) for expression in expressions]
        )
        by_expression = dict(zip(map(id, expressions), results, strict=True))

        def result(expression: Expression | None, place: str) -> Any:
            if expression is None:
                return None
            found = by_expression[id(expression)]
            if isinstance(found, MappingError):
                message = marks.hidden(without_marks(found.message))
                raise _failed(f"response.{place}: {message}")
            value = None if found is None else json.loads(found)
            return with_variables(value, variables) if isinstance(value, str) else value

        body = _behind(marks, result(response.body, "body"))
        return Found(
            await _content(body, response.encoding),
            _filename(result(response.filename, "filename")),
            _content_type(result(response.content_type, "content_type")),
        )


def _behind(marks: Marks, value: Any) -> Any:
    if value is None:
        raise _failed("response.body: the expression finds nothing in the answers.")
    try:
        return marks.behind(value) if isinstance(value, str) else value
    except ValueError as error:
        raise _failed(f"response.body: {error}.") from None


async def _content(body: Any, encoding: Encoding) -> bytes | None:
    if isinstance(body, Binary):
        if body.content is None or encoding is Encoding.BINARY:
            return body.content
        return await asyncio.to_thread(decoded, body.content)
    if encoding is Encoding.BINARY:
        return body.encode() if isinstance(body, str) else json.dumps(body)
    if not isinstance(body, str):
        raise _failed("response.body: what the expression finds is no text in Base64.")
    return await asyncio.to_thread(decoded, body.encode())


def decoded(text: bytes) -> bytes:
    """The bytes that a text in Base64 stands for: of either alphabet, with or without padding and
    line breaks, and with or without `data:...,` before it. Raises `FileExtractionFailed`.
    """
    prefix = _DATA_ADDRESS.match(text[:1_100].decode("latin-1"))
    plain = text[prefix.end() if prefix else 0 :].translate(_TO_STANDARD, _WHITESPACE).rstrip(b"=")
    try:
        return base64.b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise _failed("response.body: what the expression finds is not Base64.") from None


def _filename(value: Any) -> str:
    if value is None:
        return DEFAULT_FILENAME
    text = value if isinstance(value, str) else json.dumps_str(value)
    # A name, not a path, and without characters that could do anything in a header or a terminal.
    name = re.split(r"[/\\]", text)[-1]
    name = "".join(char for char in name if char.isprintable()).strip(" .")
    return _shortened(name) or DEFAULT_FILENAME


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    kept = f"{dot}{extension}" if dot and len(extension) <= 20 else ""
    return f"{(stem if kept else name)[: _LONGEST_NAME - len(kept)]}{kept}"


def _content_type(value: Any) -> str:
    text = value.strip() if isinstance(value, str) else ""
    fits = len(text) <= _LONGEST_TYPE and _CONTENT_TYPE.fullmatch(text)
    return text if fits else DEFAULT_CONTENT_TYPE


def _failed(detail: str) -> FileExtractionFailed:
    return FileExtractionFailed(detail=detail)
