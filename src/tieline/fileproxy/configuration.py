"""The configuration of a file proxy use case, read and ready to be used. Pure."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tieline.expressions.templates.models import Template
from tieline.integrations.file_proxy_configuration import (
    ENVIRONMENT,
    AuthType,
    Encoding,
    ResponseType,
    StepMethod,
    parse_file_proxy,
    parse_template,
)

NamedTemplates = tuple[tuple[str, Template], ...]

# In a JSONata text a backslash before the braces would have to be doubled, so both forms count.
_REFERENCE = re.compile(r"\\{0,2}\{\{\s*env\.([A-Za-z0-9_.\-]+)\s*\}\}")
# What stands for a variable while an expression is evaluated. Nobody outside knows the number.
_MARK = f"\u2045{secrets.token_hex(16)} "
_MARKED = re.compile(re.escape(_MARK) + r"([A-Za-z0-9_.\-]+)\u2046")


@dataclass(frozen=True)
class Expression:
    """A JSONata expression of the response part.

    Where it names environment variables, `source` has marks instead: a value never gets into the
    sandbox, and what comes from outside and merely looks like a reference stays as it is.
    """

    source: str
    variables: tuple[str, ...] = ()

    @classmethod
    def read(cls, source: str) -> Expression:
        """The expression as it stands in the configuration."""
        names = [match[1] for match in _REFERENCE.finditer(source)]
        marked = _REFERENCE.sub(lambda match: f"{_MARK}{match[1]}\u2046", source)
        return cls(marked, tuple(dict.fromkeys(names)))


def with_variables(result: str, values: Mapping[str, str]) -> str:
    """The result of an expression with the values of the variables that the expression names."""
    return _MARKED.sub(lambda match: values.get(match[1], ""), result)


def without_marks(message: str) -> str:
    """A message about an expression, with references in place of marks."""
    return _MARKED.sub(lambda match: f"{{{{{ENVIRONMENT}.{match[1]}}}}}", message)


@dataclass(frozen=True)
class Auth:
    """How the proxy gets its token."""

    type: AuthType
    token_url: Template
    client_id: Template
    client_secret: Template
    optional: Mapping[str, Template]  # scope, audience, resource, username, password
    body_params: NamedTemplates
    headers: NamedTemplates
    query_params: NamedTemplates

    def templates(self) -> Iterator[Template]:
        """All of them."""
        yield from (self.token_url, self.client_id, self.client_secret)
        yield from self.optional.values()
        for _, template in (*self.body_params, *self.headers, *self.query_params):
            yield template


@dataclass(frozen=True)
class Step:
    """One request."""

    url: Template
    method: StepMethod
    headers: NamedTemplates
    body: Template | None
    response_type: ResponseType

    def templates(self) -> Iterator[Template]:
        """All of them."""
        yield self.url
        for _, template in self.headers:
            yield template
        if self.body is not None:
            yield self.body


@dataclass(frozen=True)
class Response:
    """Where in the answers the file is."""

    body: Expression
    encoding: Encoding
    filename: Expression | None
    content_type: Expression | None

    def expressions(self) -> list[Expression]:
        """All of them; that of the body comes first."""
        found = (self.body, self.filename, self.content_type)
        return [expression for expression in found if expression is not None]


@dataclass(frozen=True)
class Configuration:
    """All that a download needs to know."""

    through_proxy: bool
    auth: Auth | None
    required_params: tuple[str, ...]
    steps: tuple[Step, ...]
    response: Response

    def variables(self) -> list[str]:
        """The environment variables that are named anywhere, each once."""
        templates = [*(self.auth.templates() if self.auth else ())]
        for step in self.steps:
            templates += step.templates()
        named = [name.partition(".")[2] for each in templates for name in each.kept_names()]
        for expression in self.response.expressions():
            named += expression.variables
        return list(dict.fromkeys(named))


def read_configuration(raw: Mapping[str, Any]) -> Configuration:
    """What a stored configuration says.

    Raises `InvalidConfiguration` for one that was stored before it would have been refused.
    """
    parse_file_proxy(raw)
    through_proxy = bool(raw.get("requires_vpc")) or raw.get("secure_proxy") is not None
    auth = raw.get("auth")
    return Configuration(
        through_proxy,
        _auth(auth) if auth else None,
        tuple(each["name"] for each in raw.get("params") or () if each["required"]),
        tuple(map(_step, raw["steps"])),
        _response(raw["response"]),
    )


def _auth(raw: Mapping[str, Any]) -> Auth:
    given = ("scope", "audience", "resource", "username", "password")
    return Auth(
        AuthType(raw["type"]),
        parse_template(raw["token_url"]),
        parse_template(raw["client_id"]),
        parse_template(raw["client_secret"]),
        {name: parse_template(raw[name]) for name in given if (raw.get(name) or "").strip()},
        _named(raw.get("body_params")),
        _named(raw.get("headers")),
        _named(raw.get("query_params")),
    )


def _step(raw: Mapping[str, Any]) -> Step:
    method = StepMethod(raw["method"])
    body = raw.get("body") if method is StepMethod.POST else None
    return Step(
        parse_template(raw["url"]),
        method,
        _named(raw.get("headers")),
        parse_template(body) if body else None,
        ResponseType(raw["response_type"]),
    )


def _response(raw: Mapping[str, Any]) -> Response:
    optional = [
        Expression.read(raw[key]) if (raw.get(key) or "").strip() else None
        for key in ("filename", "content_type")
    ]
    return Response(Expression.read(raw["body"]), Encoding(raw["encoding"]), *optional)


def _named(raw: Mapping[str, str] | None) -> NamedTemplates:
    items: Iterable[tuple[str, str]] = (raw or {}).items()
    return tuple((name, parse_template(text)) for name, text in items)
