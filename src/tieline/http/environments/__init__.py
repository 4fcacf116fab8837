"""The base path `/environments`."""

from tieline.http.environments import groups, variables

# The paths of groups come first: `groups` would be the key of a variable otherwise.
routers = [groups.router, variables.router]

__all__ = ["routers"]
