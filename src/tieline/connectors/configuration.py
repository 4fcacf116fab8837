"""A connector's configuration holds no secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tieline.connectors.errors import SecretInConfiguration
from tieline.kit.secrecy import holds_a_secret, names_a_secret

_REFERENCE = re.compile(r"\s*\{\{\s*env\.[A-Za-z0-9_.\-]+\s*\}\}\s*")


def refuse_secrets(config: Any) -> None:
    """Raises `SecretInConfiguration`, naming the place of the first secret.

    A secret is a text or a number under a name that calls it one, at any depth below it, unless it
    is a reference to the environment and nothing else; and what is a secret by its form anywhere,
    such as a private key or an address with a password.
    """
    for place in _secrets(config, "config", secret=False):
        raise SecretInConfiguration(
            f"{place}: looks like a secret. Keep its value as an environment variable and name it "
            "here, as {{env.key}}, or keep it in the vault at vault_path."
        )


def _secrets(value: Any, place: str, *, secret: bool) -> Iterator[str]:
    match value:
        case dict():
            for name, inner in value.items():
                named = secret or names_a_secret(name) or _names_several(name, inner)
                yield from _secrets(inner, f"{place}.{name[:60]}", secret=named)
        case list():
            for index, inner in enumerate(value):
                yield from _secrets(inner, f"{place}[{index}]", secret=secret)
        case str() if secret:
            if value and not _REFERENCE.fullmatch(value):
                yield place
        case str():
            if holds_a_secret(value):
                yield place
        case bool() | None:
            return
        case _ if secret:
            yield place


def _names_several(name: str, value: Any) -> bool:
    """Whether secrets stand under a name in the plural; a number there only counts something."""
    return isinstance(value, dict | list | str) and names_a_secret(name.removesuffix("s"))
