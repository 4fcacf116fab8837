"""How a receiver is told who calls, and what of that is secret. Pure.

What is stored of it in the row of a webhook holds no secret. Where a secret is a reference such as
`{{env.key}}`, the reference itself is there; any other text goes to the store of secrets, and the
row says only that there is one (`passwordIsSet`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tieline.kit.secrecy import refers_to_environment
from tieline.secrets.material import SecretText

_ONLY_A_REFERENCE = re.compile(r"\{\{\s*env\.[A-Za-z0-9_.\-]+\s*\}\}")


class AuthType(StrEnum):
    """How it is told."""

    BASIC = "BASIC"
    OAUTH_CLIENT_CREDENTIALS = "OAUTH_CLIENT_CREDENTIALS"
    API_KEY = "API_KEY"
    NONE = "NONE"


class ParameterPlace(StrEnum):
    """Where a token request carries a further parameter."""

    BODY = "body"
    QUERY = "query"
    HEADER = "header"


@dataclass(frozen=True)
class Method:
    """What a way of telling is called on the wire: its part of `auth`, and the secret in that."""

    section: str
    secret: str

    @property
    def is_set(self) -> str:
        """The name of the switch that says whether there is a secret."""
        return f"{self.secret}IsSet"

    @property
    def is_variable(self) -> str:
        """The name of the switch that says whether the secret refers to a variable."""
        return f"{self.secret}IsEnvVar"


METHODS: Mapping[AuthType, Method] = {
    AuthType.BASIC: Method("basicAuthConfig", "password"),
    AuthType.OAUTH_CLIENT_CREDENTIALS: Method("oauthConfig", "clientSecret"),
    AuthType.API_KEY: Method("apiKeyConfig", "keyValue"),
}


@dataclass(frozen=True)
class StatedAuth:
    """What somebody has said: the open part in its wire form, and of the secret what was said.

    Without `secret_stated` the secret stays as it is; None removes it.
    """

    type: AuthType
    open_part: Mapping[str, Any]
    secret_stated: bool
    secret: SecretText | None


@dataclass(frozen=True)
class SettledAuth:
    """What becomes of it: the document of the row, and the text that the store has to have.

    With `keeps_stored` the store is left as it is; otherwise it has `stored`, or nothing.
    """

    document: Mapping[str, Any]
    stored: SecretText | None
    keeps_stored: bool


def settled(before: Mapping[str, Any] | None, stated: StatedAuth) -> SettledAuth:
    """What a webhook, whose row had the document `before`, has after somebody has said this."""
    method = METHODS.get(stated.type)
    if method is None:
        return SettledAuth({"authType": stated.type.value}, None, keeps_stored=False)
    if not stated.secret_stated and before is not None and before["authType"] == stated.type:
        kept = _secret_part(before[method.section], method)
        return SettledAuth(
            _document(stated, method, kept), None, keeps_stored=method.secret not in kept
        )
    text = stated.secret.reveal() if stated.secret is not None else None
    part: dict[str, Any] = {method.is_set: text is not None}
    if text is not None:
        part[method.is_variable] = "{{" in text and refers_to_environment(text)
    reference = text is not None and is_mere_reference(text)
    if reference:
        part[method.secret] = text
    stored = SecretText(text) if text is not None and not reference else None
    return SettledAuth(_document(stated, method, part), stored, keeps_stored=False)


def is_mere_reference(text: str) -> bool:
    """Whether a secret is nothing but the name of a variable, which may be shown."""
    return _ONLY_A_REFERENCE.fullmatch(text) is not None


def secret_reference(document: Mapping[str, Any]) -> str | None:
    """The reference that stands in place of the secret, if one does."""
    method = METHODS.get(AuthType(document["authType"]))
    return None if method is None else document[method.section].get(method.secret)


def has_stored_secret(document: Mapping[str, Any]) -> bool:
    """Whether the secret is in the store of secrets."""
    method = METHODS.get(AuthType(document["authType"]))
    if method is None:
        return False
    part = document[method.section]
    return bool(part[method.is_set]) and method.secret not in part


def key_header(document: Mapping[str, Any]) -> str | None:
    """The header that carries the API key, in lower case, if there is one."""
    if document["authType"] != AuthType.API_KEY:
        return None
    name: str = document[METHODS[AuthType.API_KEY].section]["keyName"]
    return name.lower()


def without_switches(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document without what only tells how its secret is kept: as somebody could write it."""
    method = METHODS.get(AuthType(document["authType"]))
    if method is None:
        return dict(document)
    part = {
        name: value
        for name, value in document[method.section].items()
        if name not in (method.is_set, method.is_variable)
    }
    return {**document, method.section: part}


def _secret_part(section: Mapping[str, Any], method: Method) -> dict[str, Any]:
    names = (method.secret, method.is_set, method.is_variable)
    return {name: section[name] for name in names if name in section}


def _document(stated: StatedAuth, method: Method, part: Mapping[str, Any]) -> dict[str, Any]:
    return {"authType": stated.type.value, method.section: {**stated.open_part, **part}}
