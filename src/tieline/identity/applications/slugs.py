"""Slugs that are made from names. Pure."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 63
_OTHER = re.compile(r"[^a-z0-9]+")


def slug_of(name: str | None, identifier: str) -> str:
    """`crm-360` of `CRM 360`; made from the identifier when the name yields nothing."""
    plain = unicodedata.normalize("NFKD", (name or "").casefold())
    letters = plain.encode("ascii", "ignore").decode()
    return _shortened(_OTHER.sub("-", letters)) or _shortened(_OTHER.sub("-", identifier.lower()))


def distinguished(slug: str, identifier: str) -> str:
    """The slug with the end of the identifier, for a name that is used twice."""
    end = identifier[-6:].lower()
    return f"{_shortened(slug[: _LONGEST - len(end) - 1])}-{end}"


def _shortened(text: str) -> str:
    return text.strip("-")[:_LONGEST].rstrip("-")
