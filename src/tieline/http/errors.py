"""One place where errors become responses, in the body that each reference prescribes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from tieline.http.responses import reply
from tieline.kit.errors import InvalidInput, TielineError, TooManyRequests

log = structlog.get_logger(__name__)

# A value that no column takes, or one that is too long for an index or too deep for a path.
LOST_RACE = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
REFUSED_BY_DATABASE = (asyncpg.DataError, asyncpg.ProgramLimitExceededError)
# What the handlers below answer besides `TielineError`; anything else is a fault of Tieline.
ANSWERED = (RequestValidationError, *REFUSED_BY_DATABASE, *LOST_RACE)

ErrorBody = Callable[[int, str, str], dict[str, Any]]


def code_and_message(_status: int, code: str, message: str) -> dict[str, Any]:
    """`{code, message}`: the body of the ERP reference."""
    return {"code": code, "message": message}


def status_and_error(status: int, code: str, message: str) -> dict[str, Any]:
    """`{status, error}` and the code: the body of the entity and automation references."""
    return {"status": status, "error": message, "code": code}


_STATUS_CODES = {
    400: "INVALID_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
}


# What the checks of bodies and parameters call by Python's names.
_WORDS = {
    "missing": "is missing. Send it",
    "extra_forbidden": "is not known here. Check its spelling, or leave it out",
    "string_type": "must be a text",
    "list_type": "must be a list",
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "must be an object"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "must be true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float"), "must be a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "must be a number"),
    **dict.fromkeys(("decimal_type", "decimal_parsing", "finite_number"), "must be a number"),
    **dict.fromkeys(("uuid_type", "uuid_parsing"), "must be a UUID"),
    **dict.fromkeys(("literal_error", "enum"), "must be {expected}"),
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
    "decimal_max_digits": "must have at most {max_digits} digits",
    "decimal_max_places": "must have at most {decimal_places} digits after the point",
    "decimal_whole_digits": "must have at most {whole_digits} digits before the point",
    "too_short": "has too few entries: {min_length} at least",
    "too_long": "has too many entries: {max_length} at most",
    "string_too_short": "has too few characters: {min_length} at least",
    "string_too_long": "has too many characters: {max_length} at most",
    "string_pattern_mismatch": "must match the pattern {pattern}",
}
_MOST_FAULTS = 20
# Where a value may be of several types, the name of one of them is in the path to it.
_ALTERNATIVE = re.compile(r"(?:constrained-)?(?:str|int|float)|bool|(?:dict|list)\[.*\]|\(.*\)")


def install_error_handlers(app: FastAPI, body: ErrorBody) -> None:
    """Answer every error of a surface in its own form, always with the request's id."""

    def answer(
        request: Request,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> Response:
        content = {**body(status, code, message), **(details or {})}
        content["request_id"] = request_id(request)
        headers = {"www-authenticate": "Bearer"} if status == 401 else {}
        if retry_after is not None:
            headers["retry-after"] = str(retry_after)
        return reply(content, status, headers)

    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, TielineError)
        if error.http_status == 500:
            log.error("request.failed", code=error.code, exc_info=error)
        elif error.http_status > 500:
            # Something else is at fault, which says so itself; where it was noticed says nothing.
            log.warning("request.failed", code=error.code, reason=error.message)
        wait = error.retry_after if isinstance(error, TooManyRequests) else None
        return answer(request, error.http_status, error.code, error.message, error.details, wait)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return answer(request, 400, InvalidInput.code, describe(error.errors()))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = error.status_code
        message = str(error.detail)
        if message == HTTPStatus(status).phrase:
            # The framework's own words for a path or method that no route takes.
            message = f"{message}: {request.method} {request.url.path}. GET / names the API pages."
        return answer(request, status, _STATUS_CODES.get(status, "HTTP_ERROR"), message)

    async def unstorable(request: Request, error: Exception) -> Response:
        reason = str(error).partition("\n")[0]
        message = f"The request holds a value that the database refuses: {reason}. Change it."
        return answer(request, 400, "UNSTORABLE_VALUE", message)

    async def overtaken(request: Request, _error: Exception) -> Response:
        message = "Somebody else changed the same things at the same moment. Send it again."
        return answer(request, 409, "CONCURRENT_CHANGE", message)

    async def unknown(request: Request, error: Exception) -> Response:
        log.error("request.crashed", exc_info=error)
        message = "Something went wrong inside Tieline. Look up the request id in its log."
        return answer(request, 500, TielineError.code, message)

    app.add_exception_handler(TielineError, known)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    for refused in REFUSED_BY_DATABASE:
        app.add_exception_handler(refused, unstorable)
    for lost in LOST_RACE:
        app.add_exception_handler(lost, overtaken)
    app.add_exception_handler(Exception, unknown)


def request_id(request: Request) -> str:
    """The id under which this request stands in the log."""
    return str(request.scope.get("tieline.request_id", ""))


def describe(faults: Any) -> str:
    """What is wrong with each field, by its name and in words that need no knowledge of Python."""
    found: dict[str, list[str]] = {}
    for fault in faults:
        # The first word says which part of the request it is; a field may have the same name.
        first, *inner = [str(part) for part in fault["loc"]] or [""]
        place = inner if first in ("body", "query", "path") else [first, *inner]
        # What is not known here has a name that somebody has sent, which may be any text.
        ours = len(place) - (fault["type"] == "extra_forbidden")
        named = [part for part in place[:ours] if not _ALTERNATIVE.fullmatch(part)]
        place = named + place[ours:]
        whole = "The body" if fault["type"] in _WORDS else "The request:"
        name = f"{'.'.join(place)}:" if any(place) else whole
        found.setdefault(name, []).append(in_words(fault).rstrip("."))
    joined = [f"{name} {' or '.join(words)}." for name, words in found.items()]
    if len(joined) > _MOST_FAULTS:
        joined[_MOST_FAULTS:] = [f"There are {len(joined) - _MOST_FAULTS} more faults."]
    return " ".join(joined).replace(" or must be ", " or ")


def in_words(fault: Mapping[str, Any]) -> str:
    """What is wrong with a field, as the end of a sentence that begins with its name."""
    words = _WORDS.get(fault["type"])
    if words is not None:
        return words.format(**fault.get("ctx", {}))
    return str(fault["msg"]).removeprefix("Value error, ")
