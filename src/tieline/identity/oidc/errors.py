"""What can be wrong with a token of an OIDC issuer."""

from tieline.kit.errors import Unauthenticated, Unavailable


class InvalidToken(Unauthenticated):
    """The token is not valid here. Get a new one from an issuer that is configured."""

    code = "INVALID_TOKEN"


class IssuerUnavailable(Unavailable):
    """The issuer of the token does not give its keys. Try again in a moment."""

    code = "OIDC_ISSUER_UNAVAILABLE"
