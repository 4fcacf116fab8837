"""`tieline keys` and `tieline organisations` beside a running server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import LiveServer

from tieline.kit.ids import new_ulid

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}
KEYS = "/api/v1/integration/api-keys"


class Tieline:
    """The commands on the data directory of a running server, about one organisation."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.org = f"cli-{new_ulid()}"

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [TIELINE, *arguments, "--data-dir", str(self.server.data_dir)],
            capture_output=True,
            text=True,
            timeout=60,
            env=ENVIRONMENT,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    def create(self, *arguments: str) -> dict[str, Any]:
        done = self.run("keys", "create", "--json", "--org", self.org, *arguments)
        created: dict[str, Any] = json.loads(done.stdout)
        return created

    def get(self, key: str, path: str = KEYS) -> httpx.Response:
        url = f"{self.server.url}{path}"
        return httpx.get(url, headers={"authorization": f"Bearer {key}"})


@pytest.fixture
def tieline(live_server: LiveServer) -> Tieline:
    """The commands beside the session's server."""
    return Tieline(live_server)


def test_a_key_with_a_role_may_do_what_the_role_may(tieline: Tieline) -> None:
    key = tieline.create("--role", "viewer", "--rpm", "100")

    assert (key["roles"], key["scopes"], key["rpm_limit"]) == (["viewer"], [], 100)
    assert tieline.get(key["key"], "/erp-integration/v1/integrations").status_code == 200
    assert tieline.get(key["key"]).status_code == 403


def test_a_rotated_key_gives_way_to_its_successor(tieline: Tieline) -> None:
    old = tieline.create("--scope", "key:read")

    done = tieline.run("keys", "rotate", old["id"], "--org", tieline.org, "--overlap", "0")

    (text,) = done.stdout.split()
    assert f"in place of {old['id']}" in done.stderr
    assert tieline.get(text).status_code == 200
    assert tieline.get(old["key"]).status_code == 401


def test_keys_are_named_by_either_form_of_their_id(tieline: Tieline) -> None:
    key = tieline.create()

    tieline.run("keys", "revoke", key["id"].replace("api_", "key_"), "--org", tieline.org)

    assert tieline.get(key["key"]).status_code == 401


def test_the_list_shows_who_is_blocked_and_why(tieline: Tieline) -> None:
    key, admin = tieline.create(), tieline.create()
    wire_id = key["id"].replace("api_", "key_")
    httpx.patch(
        f"{tieline.server.url}{KEYS}/{wire_id}",
        headers={"authorization": f"Bearer {admin['key']}"},
        json={"version": 1, "blocked": True, "blocked_reason": "lost laptop"},
    ).raise_for_status()

    shown = tieline.run("keys", "list", "--org", tieline.org).stdout

    assert "LAST USED" in shown
    assert "blocked: lost laptop" in shown


def test_a_key_of_an_application_is_created_by_its_slug(tieline: Tieline) -> None:
    admin = tieline.create()["key"]
    application = httpx.post(
        f"{tieline.server.url}/api/v1/integration/applications",
        headers={"authorization": f"Bearer {admin}"},
        json={"display_name": "CRM 360"},
    ).json()

    key = tieline.create("--application", "crm-360")

    assert key["application_id"] == application["id"]
    refused = tieline.run("keys", "create", "--org", tieline.org, "--application", "nobody", code=2)
    assert "nobody" in refused.stderr


def test_the_signing_key_is_rotated(tieline: Tieline) -> None:
    said = tieline.run("keys", "rotate-signing-key").stdout

    kid = said.split()[5]
    path = "/access-token/v1/access-tokens/.well-known/jwks.json"
    assert kid in [key["kid"] for key in tieline.get("none", path).json()["keys"]]


def test_an_organisation_is_limited_and_freed_again(tieline: Tieline) -> None:
    key = tieline.create()["key"]
    assert tieline.get(key).status_code == 200

    assert "2" in tieline.run("organisations", "limit", tieline.org, "--rpm", "2").stdout
    limited = [tieline.get(key).status_code for _ in range(3)]
    listed = json.loads(tieline.run("organisations", "list", "--json").stdout)
    tieline.run("organisations", "limit", tieline.org, "--rpm", "none")

    assert limited == [200, 200, 429]
    (shown,) = [each for each in listed if each["id"] == tieline.org]
    assert (shown["usable_keys"], shown["rpm_limit"]) == (1, 2)
    assert tieline.get(key).status_code == 200
    assert tieline.org in tieline.run("organisations", "list").stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["keys", "create", "--role", "king"], "viewer"),
        (["keys", "create", "--rpm", "0"], "rpm_limit"),
        (["keys", "rotate", "api_none"], "tieline keys list"),
        (["organisations", "limit", "nobody", "--rpm", "5"], "tieline organisations list"),
        (["organisations", "limit", "default", "--rpm", "many"], "`none` or `default`"),
    ],
)
def test_what_cannot_be_is_refused(tieline: Tieline, arguments: list[str], expected: str) -> None:
    (line,) = tieline.run(*arguments, code=2).stderr.splitlines()

    assert expected in line
