"""Checks the configuration of a file proxy use case. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tieline.expressions.templates.errors import TemplateInvalid
from tieline.expressions.templates.models import Kept, Template, Text, Value
from tieline.expressions.templates.reading import parse
from tieline.integrations.outbound_configuration import require_switch
from tieline.mapping.models import ConfigurationWarning
from tieline.mapping.reader import Reader

ENVIRONMENT = "env"  # the word before the names of environment variables
# Parameters that a signed link has of its own.
RESERVED_PARAMS = frozenset({"expires_at", "signature"})

_KEYS = {"requires_vpc", "secure_proxy", "auth", "params", "steps", "response"}
_AUTH_TEMPLATES = ("token_url", "client_id", "client_secret")
_AUTH_OPTIONS = ("scope", "audience", "resource", "username", "password")
_AUTH_MAPS = ("body_params", "headers", "query_params")
_AUTH_KEYS = {"type", *_AUTH_TEMPLATES, *_AUTH_OPTIONS, *_AUTH_MAPS}
_SECRETS = ("client_secret", "password")
_STEP_KEYS = {"url", "method", "headers", "body", "response_type"}
_RESPONSE_KEYS = {"body", "encoding", "filename", "content_type"}
_HOST = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^/?#]+[/?#]")


class AuthType(StrEnum):
    """How the proxy gets its token."""

    CLIENT_CREDENTIALS = "oauth2_client_credentials"
    PASSWORD = "oauth2_password"  # noqa: S105 - the name of a grant


class StepMethod(StrEnum):
    """How a step asks."""

    GET = "GET"
    POST = "POST"


class ResponseType(StrEnum):
    """What a step is answered with."""

    JSON = "json"
    BINARY = "binary"


class Encoding(StrEnum):
    """How the file is written in the value that the response expression yields."""

    BASE64 = "base64"
    BINARY = "binary"


def parse_file_proxy(raw: Mapping[str, Any]) -> tuple[dict[str, str], list[ConfigurationWarning]]:
    """The JSONata expressions by their paths, and what has no effect.

    Raises `InvalidConfiguration` for anything that could never work.
    """
    warnings: list[ConfigurationWarning] = []
    reader = Reader(raw, "", warnings)
    reader.warn_unknown(_KEYS)
    if reader.has("requires_vpc"):
        require_switch(reader, "requires_vpc")
    if reader.has("secure_proxy"):
        reader.child("secure_proxy")
        reader.warn("secure_proxy", "is taken for requires_vpc: true. There is one forward proxy.")
    if reader.has("auth"):
        _check_auth(reader.child("auth"))
    _check_params(reader)
    steps = reader.children("steps", required=True)
    if not steps:
        raise reader.fail("steps", "must not be empty. Describe at least one request.")
    for step in steps:
        _check_step(step)
    if not reader.has("response"):
        raise reader.fail("response", "is required. Say where in the answers the file is.")
    return _response_expressions(reader.child("response")), warnings


def _check_auth(auth: Reader) -> None:
    auth.warn_unknown(_AUTH_KEYS)
    auth.required_text("type")
    kind = auth.choice("type", AuthType, AuthType.CLIENT_CREDENTIALS)
    for key in _AUTH_TEMPLATES:
        _check_template(auth, key, auth.required_text(key))
    _warn_of_open_host(auth, "token_url")
    for key in _AUTH_OPTIONS:
        _check_template(auth, key, auth.text(key))
    if kind is AuthType.PASSWORD:
        for key in ("username", "password"):
            auth.required_text(key)
    for key in _AUTH_MAPS:
        _check_templates(auth, key)
    for key in _SECRETS:
        if "{{" not in (auth.text(key) or "{{"):
            auth.warn(key, r"holds a secret that everybody can read. Use \{{env.name}} instead.")


def _check_params(reader: Reader) -> None:
    seen: set[str] = set()
    for param in reader.children("params"):
        param.warn_unknown({"name", "required", "description"})
        name = param.required_text("name")
        if name in seen:
            raise param.fail("name", f'is "{name}" like that of another one. Make it unique.')
        seen.add(name)
        if name in RESERVED_PARAMS:
            param.warn("name", f"is {name}, which each signed link has already. Rename it.")
        require_switch(param, "required")
        param.text("description")


def _check_step(step: Reader) -> None:
    step.warn_unknown(_STEP_KEYS)
    _check_template(step, "url", step.required_text("url"))
    _warn_of_open_host(step, "url")
    step.required_text("method")
    method = step.choice("method", StepMethod, StepMethod.GET)
    step.required_text("response_type")
    step.choice("response_type", ResponseType, ResponseType.JSON)
    _check_templates(step, "headers")
    _check_template(step, "body", step.text("body"))
    if method is StepMethod.GET and step.text("body"):
        step.warn("body", "has no effect, because the method is GET. Use POST or remove it.")


def _response_expressions(response: Reader) -> dict[str, str]:
    response.warn_unknown(_RESPONSE_KEYS)
    response.required_text("encoding")
    response.choice("encoding", Encoding, Encoding.BINARY)
    expressions = {response.at("body"): response.required_text("body")}
    for key in ("filename", "content_type"):
        source = response.text(key)
        if source is not None:
            expressions[response.at(key)] = source
    return expressions


def _check_templates(reader: Reader, key: str) -> None:
    if not reader.has(key):
        return
    child = reader.child(key)
    for name, value in child.raw.items():
        if not isinstance(value, str):
            raise child.fail(name, "must be a text. Correct it.")
        _check_template(child, name, value)


def _check_template(reader: Reader, key: str, source: str | None) -> Template:
    try:
        return parse_template(source or "")
    except TemplateInvalid as error:
        raise reader.fail(key, f"is a template that cannot be read. {error.message}") from None


def parse_template(source: str) -> Template:
    """A template of a file proxy. Raises `TemplateInvalid`."""
    return parse(source, kept=(ENVIRONMENT,))


def _warn_of_open_host(reader: Reader, key: str) -> None:
    """Whoever makes a link would choose where credentials go."""
    before = ""
    for node in _check_template(reader, key, reader.text(key)).nodes:
        match node:
            case Text(text):
                before += text
            case Kept():
                before += "x" if before else "https://x/"
            case Value(path) if path.parts[:1] == ("params",) and not _HOST.match(before):
                reader.warn(
                    key,
                    "lets a parameter of the link decide to which host the request goes, with all "
                    "credentials. Write the host, or take it from the environment.",
                )
                return
            case _:
                before += "x" if before else "https://x/"
