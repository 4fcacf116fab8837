"""Makes requests of templates. Pure.

Every value is written as its place needs it; secrets come in afterwards, into the gaps that only
the text of the configuration can have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tieline.egress.models import Bounds, OutgoingRequest
from tieline.egress.tokens import Grant, Parameter, ParameterPlace, TokenRequest
from tieline.expressions.templates.escaping import (
    Address,
    Escaping,
    Form,
    HeaderValue,
    JsonText,
    Markup,
    PlainText,
)
from tieline.expressions.templates.models import Template, Text
from tieline.expressions.templates.rendering import render
from tieline.fileproxy.configuration import Auth, NamedTemplates, Step
from tieline.integrations.file_proxy_configuration import ENVIRONMENT, AuthType, ResponseType

_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"
_BEGINNINGS = {"{": _JSON, "[": _JSON, "<": "application/xml"}
_GRANTS = {
    AuthType.CLIENT_CREDENTIALS: Grant.CLIENT_CREDENTIALS,
    AuthType.PASSWORD: Grant.PASSWORD,
}


@dataclass(frozen=True)
class Values:
    """What templates are rendered with: the context, and the environment variables beside it."""

    context: Mapping[str, Any]
    variables: Mapping[str, str] = field(repr=False)

    def text(self, template: Template, escaping: Escaping) -> str:
        """A template, rendered and filled. Raises `TemplateFailed`."""
        gaps = {f"{ENVIRONMENT}.{name}": value for name, value in self.variables.items()}
        return render(template, self.context, escaping).fill(gaps)


def step_request(
    step: Step, values: Values, bounds: Bounds, *, token: str | None, through_proxy: bool
) -> OutgoingRequest:
    """The request of a step. `token` is the value of `Authorization` where the step has none.

    Raises `TemplateFailed`.
    """
    headers = [(name, values.text(value, HeaderValue())) for name, value in step.headers]
    given = {name.lower(): value for name, value in headers}
    if token is not None and not has_authorization(step):
        headers.append(("Authorization", token))
    if "accept" not in given and step.response_type is ResponseType.JSON:
        headers.append(("Accept", _JSON))
    body = b""
    if step.body is not None:
        content_type = given.get("content-type") or _content_type(step.body)
        body = values.text(step.body, _escaping(content_type)).encode()
        if "content-type" not in given:
            headers.append(("Content-Type", content_type))
    url = values.text(step.url, Address()).strip()
    return OutgoingRequest(step.method, url, headers, body, bounds, through_proxy)


def has_authorization(step: Step) -> bool:
    """Whether the step says itself by what it is authorised."""
    return any(name.lower() == "authorization" for name, _ in step.headers)


def token_request(auth: Auth, values: Values, *, through_proxy: bool) -> TokenRequest:
    """What the token is asked for with. Raises `TemplateFailed`."""

    def plain(template: Template) -> str:
        return values.text(template, PlainText())

    def optional(name: str) -> str | None:
        template = auth.optional.get(name)
        return None if template is None else plain(template)

    with_user = auth.type is AuthType.PASSWORD
    return TokenRequest(
        url=values.text(auth.token_url, Address()).strip(),
        client_id=plain(auth.client_id),
        client_secret=plain(auth.client_secret),
        grant=_GRANTS[auth.type],
        username=optional("username") if with_user else None,
        password=optional("password") if with_user else None,
        scope=optional("scope"),
        audience=optional("audience"),
        resource=optional("resource"),
        parameters=(
            *_parameters(auth.body_params, ParameterPlace.BODY, values),
            *_parameters(auth.query_params, ParameterPlace.QUERY, values),
            *_parameters(auth.headers, ParameterPlace.HEADER, values),
        ),
        through_proxy=through_proxy,
    )


def _parameters(named: NamedTemplates, place: ParameterPlace, values: Values) -> list[Parameter]:
    header = place is ParameterPlace.HEADER
    return [
        Parameter(place, name, values.text(template, HeaderValue() if header else PlainText()))
        for name, template in named
    ]


def _content_type(body: Template) -> str:
    """What a body is that does not say so: what it begins like, else plain text."""
    first = body.nodes[0] if body.nodes else None
    begins = first.text.lstrip()[:1] if isinstance(first, Text) else ""
    return _BEGINNINGS.get(begins, "text/plain")


def _escaping(content_type: str) -> Escaping:
    kind = content_type.partition(";")[0].strip().lower()
    if kind == _JSON or kind.endswith("+json"):
        return JsonText()
    if kind == _FORM:
        return Form()
    if kind.endswith(("/xml", "+xml", "/html")):
        return Markup()
    return PlainText()
