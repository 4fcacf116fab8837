"""The base path `/access-token`."""

from tieline.http.access_token import tokens, well_known

routers = [well_known.router, tokens.router]

__all__ = ["routers"]
