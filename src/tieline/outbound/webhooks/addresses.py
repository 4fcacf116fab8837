"""Which addresses and headers a webhook may have. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from tieline.kit.secrecy import names_a_secret
from tieline.outbound.webhooks.errors import InvalidWebhookHeader, InvalidWebhookUrl

MAX_HEADER_BYTES = 8_000  # of all headers together

# RFC 9110, section 5: a name is a token, a value has visible characters with spaces between them.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_VALUE = re.compile(r"(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?")
# What belongs to the connection (RFC 9110, section 7.6.1), to the message, to the signature, or
# says who calls; and what proxies and clouds on the way add, which nobody may pretend to be.
_RESERVED = frozenset(
    {
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"),
        *("host", "authorization", "user-agent", "accept-encoding", "date", "via", "forwarded"),
        *("x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip"),
        *("x-http-method-override", "set-cookie"),
    }
)
_RESERVED_BEGINNINGS = (
    *("content-", "proxy-", "webhook-", "x-webhook-", "x-tieline-", "x-forwarded-"),
    *("x-amz-", "x-amzn-", "cf-", "x-envoy-", "sec-", "access-control-"),
)
_REFERENCE = re.compile(r"(?:[A-Za-z][A-Za-z0-9_-]* )?\{\{\s*env\.[A-Za-z0-9_.\-]+\s*\}\}")


def check_url(url: str) -> None:
    """Raises `InvalidWebhookUrl` for an address that cannot be called."""
    if not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidWebhookUrl("url: has spaces or characters that no address has. Encode them.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidWebhookUrl(f"url: is no address: {error}.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InvalidWebhookUrl("url: must be absolute, such as https://erp.example.com/hooks.")
    if "@" in parts.netloc:
        raise InvalidWebhookUrl(
            "url: holds credentials. Send them as a header, with the secret as {{env.key}}."
        )
    if "#" in url:
        raise InvalidWebhookUrl("url: has a fragment (#...), which is never sent. Remove it.")


def is_header_name(text: str) -> bool:
    """Whether a header may be called so."""
    return _NAME.fullmatch(text) is not None


def is_header_value(text: str) -> bool:
    """Whether a header can carry this."""
    return _VALUE.fullmatch(text) is not None


def is_reserved(name: str) -> bool:
    """Whether a header is not for whoever configures a webhook."""
    lower = name.lower()
    return lower in _RESERVED or lower.startswith(_RESERVED_BEGINNINGS)


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `InvalidWebhookHeader` for a header that cannot or must not be sent."""
    seen: set[str] = set()
    for name, value in headers.items():
        lower = name.lower()
        if not is_header_name(name):
            raise InvalidWebhookHeader(f"headers: {name[:60]!r} is no name of a header.")
        if lower == "authorization":
            raise InvalidWebhookHeader(f"headers.{name}: is for auth. Say there who calls.")
        if is_reserved(name):
            raise InvalidWebhookHeader(f"headers.{name}: is set by the delivery itself. Remove it.")
        if lower in seen:
            raise InvalidWebhookHeader(f"headers.{name}: is there twice. Headers ignore case.")
        if not is_header_value(value):
            raise InvalidWebhookHeader(
                f"headers.{name}: has characters that no header can carry, or spaces at an end."
            )
        if names_a_secret(name) and not _REFERENCE.fullmatch(value):
            raise InvalidWebhookHeader(
                f"headers.{name}: carries a secret. Keep it as an environment variable, and send "
                "{{env.key}} or Bearer {{env.key}}."
            )
        seen.add(lower)
    if sum(len(name) + len(value) for name, value in headers.items()) > MAX_HEADER_BYTES:
        raise InvalidWebhookHeader(f"headers: have more than {MAX_HEADER_BYTES:,} characters.")
