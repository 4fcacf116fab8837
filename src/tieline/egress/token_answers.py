"""What a token endpoint answers: a token, or a reason that can be told."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

from tieline.egress.errors import EgressError, TokenFailure
from tieline.egress.models import Answer
from tieline.egress.targets import Target
from tieline.egress.token_requests import TokenRequest
from tieline.kit import json
from tieline.kit.secrecy import hide_secrets

_HIDDEN = "[hidden]"
_LONGEST_REASON = 200
_TOKEN = re.compile(r"[\x21-\x7e]+")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,40}")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\uffff]+")


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. Printed, it shows nothing of it.

    `expires_in` are the seconds that the server gives it, None when it does not say.
    """

    value: str = field(repr=False)
    kind: str = "Bearer"
    expires_in: float | None = None

    @property
    def authorization(self) -> str:
        """What the header `Authorization` says."""
        return f"{self.kind} {self.value}"


def token_in(request: TokenRequest, answer: Answer) -> Token:
    """The token in an answer, which may be JSON or a form. Raises `TokenFailure`."""
    found = _fields(answer)
    if not 200 <= answer.status < 300:
        raise failure_of(request, _refusal(answer.status, found))
    value = found.get("access_token")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise failure_of(request, f"it answers {answer.status} without a usable access_token.")
    return Token(value, _kind(found.get("token_type")), _seconds(found.get("expires_in")))


def failure_of(request: TokenRequest, reason: str) -> TokenFailure:
    """Why there is no token, without any secret of the request."""
    try:
        place = Target.parse(request.url).place
    except EgressError:
        place = "The token endpoint"
    return TokenFailure(f"{place} gave no access token: {_safe(request, reason)}")


def _refusal(status: int, found: Mapping[str, Any]) -> str:
    said = [found.get("error"), found.get("error_description")]
    words = ": ".join(text for text in said if isinstance(text, str) and text)
    return f"it answers {status}" + (f", {words}" if words else ".")


def _safe(request: TokenRequest, reason: str) -> str:
    for secret in request.secrets():
        for form in (
            secret,
            quote(secret, safe="", errors="replace"),
            quote_plus(secret, errors="replace"),
        ):
            reason = reason.replace(form, _HIDDEN)
    text = _UNPRINTABLE.sub(" ", hide_secrets(reason[: 10 * _LONGEST_REASON], _HIDDEN))
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."


def _fields(answer: Answer) -> Mapping[str, Any]:
    try:
        found = json.loads(answer.body)
    except (json.InvalidJson, UnicodeDecodeError, RecursionError):
        return dict(parse_qsl(answer.body.decode("utf-8", "replace"), max_num_fields=None))
    return found if isinstance(found, dict) else {}


def _kind(text: object) -> str:
    if not isinstance(text, str) or not _KIND.fullmatch(text) or text.lower() == "bearer":
        return "Bearer"
    return text


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        seconds = float(value)
    except (ValueError, OverflowError):
        return None
    return seconds if math.isfinite(seconds) else None
