"""How Tieline shows a vault who it is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hvac.exceptions import Forbidden

from tieline.secrets.vault_access import AppRole, vault_access
from tieline.settings import InvalidSettings, load_settings


class Vault:
    """The calls that a login makes, with what a vault would answer."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.lease = 60
        self.renewable = True
        self.token = ""
        self.auth = SimpleNamespace(approle=self, token=SimpleNamespace(renew_self=self.renew))

    def login(self, role_id: str, secret_id: str, **more: Any) -> dict[str, Any]:
        assert (role_id, secret_id, more["mount_point"]) == ("role", "secret", "machines")
        assert self.token == ""
        self.made.append("login")
        token = f"token-{len(self.made)}"
        return {"auth": {"client_token": token, "lease_duration": self.lease}}

    def renew(self) -> dict[str, Any]:
        self.made.append("renew")
        if not self.renewable:
            raise Forbidden
        return {"auth": {"client_token": self.token, "lease_duration": self.lease}}


@pytest.fixture
def vault() -> Vault:
    return Vault()


@pytest.fixture
def now() -> list[float]:
    return [1_000.0]


@pytest.fixture
def role(now: list[float]) -> AppRole:
    return AppRole("role", lambda: "secret", "machines", clock=lambda: now[0])


def test_a_role_logs_in_once(vault: Vault, role: AppRole) -> None:
    assert [role.token(vault) for _ in range(3)] == ["token-1"] * 3
    assert vault.made == ["login"]


def test_a_token_is_renewed_before_it_ends(vault: Vault, role: AppRole, now: list[float]) -> None:
    role.token(vault)
    now[0] += 41

    assert role.token(vault) == "token-1"
    now[0] += 39
    assert role.token(vault) == "token-1"
    assert vault.made == ["login", "renew"]


def test_a_token_that_is_not_renewed_is_replaced(
    vault: Vault, role: AppRole, now: list[float]
) -> None:
    role.token(vault)
    now[0] += 41
    vault.renewable = False

    assert role.token(vault) == "token-3"
    assert vault.made == ["login", "renew", "login"]


def test_a_token_near_its_greatest_age_is_replaced(
    vault: Vault, role: AppRole, now: list[float]
) -> None:
    role.token(vault)
    now[0] += 41
    vault.lease = 10

    assert role.token(vault) == "token-3"
    assert vault.made == ["login", "renew", "login"]


def test_a_token_for_ever_is_kept(vault: Vault, role: AppRole, now: list[float]) -> None:
    vault.lease = 0
    role.token(vault)
    now[0] += 1e9

    assert role.token(vault) == "token-1"


def test_after_a_refusal_a_role_logs_in_again(vault: Vault, role: AppRole) -> None:
    role.token(vault)

    assert role.refused()
    assert role.token(vault) == "token-2"


def access(**more: str) -> Any:
    named = {f"TIELINE_{name.upper()}": value for name, value in more.items()}
    return vault_access(load_settings(named))


def test_a_token_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    login = access(vault_url="http://vault", vault_token_file=str(file)).login
    first = login.token(None)
    file.write_text("two\n")

    assert (first, login.token(None)) == ("one", "two")


def test_the_secret_of_a_role_may_be_in_a_file(vault: Vault, tmp_path: Path) -> None:
    file = tmp_path / "secret-id"
    file.write_text(" secret\n")
    role = access(
        vault_url="http://vault",
        vault_role_id="role",
        vault_secret_id_file=str(file),
        vault_approle_mount="machines",
    ).login

    assert role.token(vault) == "token-1"


def test_a_file_of_other_bytes_holds_no_credential(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(b"\xff\xfe")

    with pytest.raises(InvalidSettings, match="holds no credential"):
        access(vault_url="http://vault", vault_token_file=str(file))


def test_a_given_token_is_all_there_is() -> None:
    login = access(vault_url="http://vault", vault_token="one").login

    assert login.token(None) == "one"
    assert not login.refused()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, "TIELINE_VAULT_URL"),
        ({"vault_url": "http://vault"}, "set one of them"),
        ({"vault_url": "http://vault", "vault_token": "a", "vault_role_id": "b"}, "SECRET_ID"),
        (
            {"vault_url": "http://v", "vault_token": "a", "vault_token_file": "/dev/null"},
            "no credential",
        ),
        ({"vault_url": "http://vault", "vault_token_file": "/no/such"}, "cannot be read"),
        ({"vault_url": "http://vault", "vault_role_id": "b"}, "TIELINE_VAULT_SECRET_ID"),
    ],
)
def test_what_is_not_enough_is_named(given: dict[str, str], named: str) -> None:
    with pytest.raises(InvalidSettings, match=named):
        access(**given)
