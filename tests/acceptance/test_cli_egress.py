"""`tieline egress` beside a running server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import LiveServer

from tieline.kit.ids import new_ulid

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}


class Tieline:
    """The commands on the data directory of a running server, about one organisation."""

    def __init__(self, server: LiveServer) -> None:
        self.server = server
        self.org = f"cli-{new_ulid()}"
        self.run("keys", "create", "--org", self.org)

    def run(self, *arguments: str, code: int = 0, **environment: str) -> str:
        done = subprocess.run(
            [TIELINE, *arguments, "--data-dir", str(self.server.data_dir)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**ENVIRONMENT, **environment},
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def tieline(live_server: LiveServer) -> Tieline:
    """The commands beside the session's server."""
    return Tieline(live_server)


def test_an_entry_is_allowed_listed_and_taken_back(tieline: Tieline) -> None:
    org = tieline.org
    assert "public addresses only" in tieline.run("egress", "list", org)

    allowed = tieline.run("egress", "allow", org, "ERP.internal:8443", "--note", "SAP of Acme")
    assert allowed == f"Requests of {org} may reach erp.internal:8443.\n"
    assert "already" in tieline.run("egress", "allow", org, "erp.internal:8443")

    listed = tieline.run("egress", "list", org)
    assert "erp.internal:8443" in listed
    assert "SAP of Acme" in listed
    (document,) = json.loads(tieline.run("egress", "list", org, "--json"))
    assert document["entry"] == "erp.internal:8443"
    assert document["note"] == "SAP of Acme"
    assert set(document) == {"entry", "note", "created_at", "created_by"}

    tieline.run("egress", "remove", org, "erp.internal:8443")
    assert "public addresses only" in tieline.run("egress", "list", org)
    assert "egress_allowance.created" in tieline.run("audit", "list", "--org", org)


def test_what_the_setting_allows_all_is_not_taken_back_from_one(tieline: Tieline) -> None:
    tieline.run("egress", "allow", tieline.org, "10.0.0.7")

    told = tieline.run("egress", "remove", tieline.org, "10.0.0.7", TIELINE_EGRESS_ALLOW="10.0.0.7")
    assert "TIELINE_EGRESS_ALLOW" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("allow", "{org}", "http://erp.internal"), "'http://erp.internal' is no host"),
        (("allow", "{org}", "erp.internal", "--note", "two\nlines"), "--note"),
        (("allow", "nobody", "erp.internal"), "There is no organisation nobody"),
        (("list", "nobody"), "There is no organisation nobody"),
        (("remove", "{org}", "erp.internal"), "is not allowed erp.internal anyway"),
    ],
)
def test_what_cannot_be_done_says_so(
    tieline: Tieline, arguments: tuple[str, ...], told: str
) -> None:
    filled = [argument.format(org=tieline.org) for argument in arguments]

    assert told in tieline.run("egress", *filled, code=2)
