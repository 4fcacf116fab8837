"""What a key's scopes allow."""

import pytest

from tieline.identity.models import EVERYTHING, Principal, Scope


def principal(*scopes: str) -> Principal:
    return Principal("default", "api_1", "test", frozenset(scopes))


@pytest.mark.parametrize("scope", list(Scope))
def test_a_star_allows_everything(scope: Scope) -> None:
    assert principal(EVERYTHING).may(scope)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_scope_allows_itself_and_nothing_else(scope: Scope) -> None:
    caller = principal(scope)

    assert [other for other in Scope if caller.may(other)] == [scope]


@pytest.mark.parametrize("scope", list(Scope))
def test_without_scopes_nothing_is_allowed(scope: Scope) -> None:
    assert not principal().may(scope)
