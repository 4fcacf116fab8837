"""Two server processes on one database: what one does to a key holds in the other."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.conftest import LiveServer, start_server, stop_server

from tieline.identity.keys import new_key
from tieline.identity.models import KeyKind

KEYS = "/api/v1/integration/api-keys"
TOKENS = "/access-token/v1/access-tokens"


@dataclass
class Servers:
    """Two servers, and an admin's client of the first."""

    first: LiveServer
    second: LiveServer
    admin: httpx.Client

    def create(self, **fields: Any) -> dict[str, Any]:
        answer = self.admin.post(KEYS, json=fields)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def at_second(self, key: str, **headers: str) -> httpx.Response:
        return self.get(self.second, key, **headers)

    def get(self, server: LiveServer, key: str, **headers: str) -> httpx.Response:
        return httpx.get(
            f"{server.url}{KEYS}", headers={"authorization": f"Bearer {key}", **headers}
        )

    def seconds_let_in(self, key: str) -> float:
        """For how long from now on requests that begin are let in; slow answers do not count."""
        started = time.monotonic()
        let_in = 0.0
        while (begun := time.monotonic() - started) < 10:
            if self.at_second(key).status_code in (401, 403):
                return let_in
            let_in = begun
        raise AssertionError("The key was not refused within ten seconds.")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Two servers on one data directory; an address may fail three times a minute."""
    data_dir = tmp_path_factory.mktemp("two") / "data"
    first, _ = start_server(data_dir)
    second, _ = start_server(data_dir, TIELINE_FAILED_LOGINS_PER_MINUTE="3")
    with httpx.Client(
        base_url=first.url, headers={"authorization": f"Bearer {first.key}"}
    ) as admin:
        yield Servers(first, second, admin)
    assert stop_server(second) == 0
    assert stop_server(first) == 0


@pytest.mark.parametrize(
    "change", [{"blocked": True}, {"expires_at": "2026-01-01T00:00:00Z"}, {"max_budget_usd": 0.001}]
)
def test_a_changed_key_is_refused_by_the_other_server_within_a_second(
    servers: Servers, change: dict[str, Any]
) -> None:
    key = servers.create(name="changed")
    servers.admin.post(f"{KEYS}/{key['id']}/usage", json={"cost_usd": 1})
    assert servers.at_second(key["key"]).status_code == 200

    answer = servers.admin.patch(f"{KEYS}/{key['id']}", json={"version": 1, **change})

    assert answer.status_code == 200, answer.text
    assert servers.seconds_let_in(key["key"]) < 1


def test_a_revoked_token_is_refused_by_the_other_server_within_a_second(servers: Servers) -> None:
    token = servers.admin.post(TOKENS, json={"name": "token"}).json()
    assert servers.at_second(token["token"]).status_code == 200

    servers.admin.delete(f"{TOKENS}/{token['id']}")

    assert servers.seconds_let_in(token["token"]) < 1


def test_keys_of_a_suspended_application_are_refused_within_a_second(servers: Servers) -> None:
    path = "/api/v1/integration/applications"
    application = servers.admin.post(path, json={"display_name": "CRM"}).json()
    key = servers.create(name="crm", application_id=application["id"])
    assert servers.at_second(key["key"]).status_code == 200

    servers.admin.patch(f"{path}/{application['id']}", json={"version": 1, "status": "suspended"})

    assert servers.seconds_let_in(key["key"]) < 1


def test_a_token_is_valid_at_both_after_the_signing_key_was_made(servers: Servers) -> None:
    token = servers.admin.post(TOKENS, json={"name": "token"}).json()["token"]

    assert servers.get(servers.first, token).status_code == 200
    assert servers.at_second(token).status_code == 200


def test_a_limit_is_exact_over_both(servers: Servers) -> None:
    key = servers.create(name="limited", rpm_limit=20)["key"]
    both = [servers.first, servers.second] * 30

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda server: servers.get(server, key), both))

    assert [answer.status_code for answer in answers].count(200) == 20
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) == 40
    for answer in refused:
        assert answer.json()["code"] == "RATE_LIMITED"
        assert 1 <= int(answer.headers["retry-after"]) <= 120
    passed = next(answer for answer in answers if answer.status_code == 200)
    assert passed.headers["x-ratelimit-limit"] == "20"
    assert int(passed.headers["x-ratelimit-remaining"]) < 20


def test_an_address_that_tries_keys_is_stopped_by_itself(servers: Servers) -> None:
    def attempt(key: str, address: str) -> httpx.Response:
        return servers.at_second(key, **{"x-forwarded-for": address})

    unknown = [attempt(new_key(KeyKind.SERVICE), "203.0.113.7") for _ in range(6)]

    assert [answer.status_code for answer in unknown] == [401] * 3 + [429] * 3
    assert unknown[-1].json()["code"] == "LOGIN_THROTTLED"
    assert int(unknown[-1].headers["retry-after"]) >= 1
    assert attempt(new_key(KeyKind.SERVICE), "203.0.113.8").status_code == 401
    known = servers.create(name="known")["key"]
    assert attempt(known, "203.0.113.8").status_code == 200
    assert attempt(known, "203.0.113.7").status_code == 200  # this process knows it by now
