"""What the claims of a verified token mean: pure, from claims and configuration to an identity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tieline.identity.models import Scope
from tieline.identity.oidc.errors import InvalidToken
from tieline.identity.roles import Role
from tieline.settings import OidcIssuer

Claims = Mapping[str, Any]
_LONGEST_TEXT = 255
_LATEST = 1e11  # seconds, some thousand years from now
# How issuers mark a token that nobody has logged in for.
_MACHINE_MARKS = {"gty": "client-credentials", "grant_type": "client_credentials", "idtyp": "app"}


@dataclass(frozen=True)
class Lifetime:
    """From when a token was issued until when it is accepted."""

    issued_at: datetime
    ends_at: datetime


def lifetime(claims: Claims, now: datetime, skew_seconds: float) -> Lifetime:
    """The lifetime of a token that is valid now. Raises `InvalidToken` when it is not.

    Clocks may differ by `skew_seconds`, both ways.
    """
    ends, begins = _moment(claims, "exp"), _moment(claims, "nbf")
    issued = _moment(claims, "iat")
    if ends is None:
        raise InvalidToken("The token has no end (exp). Have the issuer give it one.")
    seconds = now.timestamp()
    if seconds >= ends + skew_seconds:
        raise InvalidToken("The token has expired. Get a new one.")
    if max(begins or 0, issued or 0) > seconds + skew_seconds:
        raise InvalidToken("The token is not valid yet. Check the clocks of issuer and server.")
    return Lifetime(
        datetime.fromtimestamp(issued if issued is not None else seconds, UTC),
        datetime.fromtimestamp(min(ends + skew_seconds, seconds + 86_400), UTC),
    )


def audiences_of(claims: Claims) -> tuple[str, ...]:
    """For whom the token is meant."""
    return _texts(claims.get("aud"))


def subject_of(claims: Claims) -> str:
    """Whom the token is about, by the issuer's own name for them. Raises `InvalidToken`."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or clean(subject) != subject:
        raise InvalidToken("The token does not say properly whom it is about (sub).")
    return subject


def organisation_of(claims: Claims, issuer: OidcIssuer) -> str:
    """The organisation, as the configuration says or has the issuer say. Raises `InvalidToken`."""
    if issuer.organisation is not None:
        return issuer.organisation
    assert issuer.organisation_claim is not None
    found = _texts(claim(claims, issuer.organisation_claim))
    if len(found) != 1 or clean(found[0]) != found[0]:
        raise InvalidToken(
            f"The token has to name one organisation in its claim {issuer.organisation_claim}."
        )
    return found[0]


def client_of(claims: Claims, issuer: OidcIssuer) -> str | None:
    """The client that the token was issued to, if it says so."""
    for name in issuer.client_id_claim:
        found = claim(claims, name)
        if isinstance(found, str) and found and clean(found) == found:
            return found
    return None


def is_of_machine(claims: Claims, issuer: OidcIssuer) -> bool:
    """Whether the token was issued to a client for itself, without any person.

    Only what the issuer alone decides counts, never a name that a person may choose. Whose token is
    marked so is nobody's, even if it does not say which client it was issued to.
    """
    client = client_of(claims, issuer)
    if client is not None and claims.get("sub") == client:
        return True
    if issuer.machine_claim is not None and claim(claims, issuer.machine_claim) is not None:
        return True
    return any(claims.get(name) == mark for name, mark in _MACHINE_MARKS.items())


def mapped_roles(claims: Claims, issuer: OidcIssuer) -> tuple[str, ...]:
    """The roles that the token gives, least first; without a mapping values name roles."""
    if issuer.roles_claim is None:
        return ()
    values = _texts(claim(claims, issuer.roles_claim))
    mapping = issuer.role_mapping or {role.value: role.value for role in Role}
    given = {mapping[value] for value in values if value in mapping}
    return tuple(role.value for role in Role if role in given)


def granted_scopes(claims: Claims) -> frozenset[str]:
    """The scopes of Tieline that the token names singly; `*` is none that an issuer can give."""
    return frozenset(Scope) & {str(each) for each in _words(claims.get("scope"))}


def claim(claims: Claims, path: str) -> Any:
    """The claim at a path such as `realm_access.roles`, or None.

    A name with dots in it, such as `https://tieline.example/roles`, is found too.
    """
    if path in claims:
        return claims[path]
    for place, character in enumerate(path):
        inner = claims.get(path[:place]) if character == "." else None
        if isinstance(inner, Mapping):
            return claim(inner, path[place + 1 :])
    return None


def text_claim(claims: Claims, *names: str) -> str | None:
    """The first of some claims that is a text, fit to be stored and shown."""
    for name in names:
        found = claims.get(name)
        if isinstance(found, str) and (text := clean(found)):
            return text
    return None


def clean(text: str) -> str:
    """A text of an issuer without line breaks and the like, at most 255 characters of it."""
    return "".join(each for each in text if each.isprintable()).strip()[:_LONGEST_TEXT]


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list):
        return tuple(each for each in value if isinstance(each, str))
    return ()


def _words(value: Any) -> tuple[str, ...]:
    return tuple(value.split()) if isinstance(value, str) else _texts(value)


def _moment(claims: Claims, name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken(f"The claim {name} of the token is no moment.")
    if not 0 <= value < _LATEST:
        raise InvalidToken(f"The claim {name} of the token is no moment.")
    return float(value)
