"""`tieline proxy-url` beside a running server, and what its links bring over a real connection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.components.http_protocol import Fault, Reply
from tests.components.sink import Sink
from tests.conftest import LiveServer

from tieline.kit.ids import new_ulid

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}
ERP = "/erp-integration/v1"


class Archive:
    """An integration of a running server with a file proxy, and the command about it."""

    def __init__(self, server: LiveServer, client: httpx.Client, address: str) -> None:
        self._server = server
        self.client = client
        self.name = f"Archive {new_ulid()}"
        created = client.post(f"{ERP}/integrations", json={"name": self.name})
        self.id = created.json()["id"]
        for slug in ("documents", "letters"):
            self.add(slug, address)

    def add(self, slug: str, address: str) -> None:
        step = {"url": f"{address}/{{{{params.id}}}}", "method": "GET", "response_type": "binary"}
        body = {
            "name": f"The {slug}",
            "slug": slug,
            "type": "file_proxy",
            "enabled": True,
            "configuration": {
                "params": [{"name": "id", "required": True}],
                "steps": [step],
                "response": {"body": "steps[0].body", "encoding": "binary"},
            },
        }
        answer = self.client.post(f"{ERP}/integrations/{self.id}/use-cases", json=body)
        assert answer.status_code == 201, answer.text

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [TIELINE, "proxy-url", *arguments, "--data-dir", str(self._server.data_dir)],
            capture_output=True,
            text=True,
            timeout=60,
            env={**ENVIRONMENT, "TIELINE_PUBLIC_URL": self._server.url},
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done

    def link(self, *arguments: str) -> str:
        return self.run("--integration", self.name, *arguments).stdout.strip()

    def downloads(self, count: int) -> list[dict[str, Any]]:
        """The list of downloads, once it has that many: an entry is made when all is over."""
        place = f"{ERP}/integrations/{self.id}/monitoring/file-downloads"
        until = time.monotonic() + 20
        while True:
            found: list[dict[str, Any]] = self.client.post(place, json={}).json()["data"]
            if len(found) >= count:
                return found
            assert time.monotonic() < until, found


@pytest.fixture
def archive(live_server: LiveServer, sink: Sink) -> Iterator[Archive]:
    headers = {"authorization": f"Bearer {live_server.key}"}
    with httpx.Client(base_url=live_server.url, headers=headers, timeout=30) as client:
        yield Archive(live_server, client, sink.at(""))


def test_a_link_is_made_and_brings_the_file(archive: Archive, sink: Sink) -> None:
    content = bytes(range(256)) * 20_000
    sink.answer("/4711", Reply(200, content))

    link = archive.link("--use-case", "documents", "--param", "id=4711")

    answer = httpx.get(link)
    assert answer.status_code == 200, answer.text
    assert answer.content == content
    head = httpx.head(link)
    assert head.headers["content-length"] == str(len(content))
    assert [entry["bytes"] for entry in archive.downloads(2)] == [0, len(content)]


def test_a_stored_address_is_enough(archive: Archive, sink: Sink) -> None:
    sink.answer("/7", Reply(200, b"the file"))
    stored = archive.link("--use-case", "letters", "--param", "id=7").partition("&expires_at=")[0]

    done = archive.run(stored, "--json", "--expires-in", "2h")

    made = json.loads(done.stdout)
    assert httpx.get(made["url"]).text == "the file"
    until = int(parse_qs(urlsplit(made["url"]).query)["expires_at"][0]) / 1000
    assert 7_000 < until - time.time() <= 7_200


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--param", "id=1"), "documents, letters"),
        (("--use-case", "other", "--param", "id=1"), "documents, letters"),
        (("--use-case", "letters"), "id: is missing"),
        (("--use-case", "letters", "--param", "id"), "Write name=value"),
        (("--use-case", "letters", "--param", "id=1", "--expires-in", "8d"), "7 days"),
    ],
)
def test_what_is_missing_is_said(archive: Archive, arguments: tuple[str, ...], words: str) -> None:
    done = archive.run("--integration", archive.name, *arguments, code=2)

    assert words in done.stderr
    assert done.stdout == ""


def test_a_file_that_breaks_off_is_not_taken_for_the_whole(archive: Archive, sink: Sink) -> None:
    sink.answer("/4711", Reply(200, b"half of it", fault=Fault.TRUNCATE))
    link = archive.link("--use-case", "documents", "--param", "id=4711")

    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(link)

    [entry] = archive.downloads(1)
    assert entry["code"] == "EXTERNAL_API_ERROR"
    assert "breaks off" in entry["message"]


def test_whoever_goes_away_ends_the_download(archive: Archive, sink: Sink) -> None:
    sink.answer("/4711", Reply(fault=Fault.ENDLESS_BODY))
    link = archive.link("--use-case", "documents", "--param", "id=4711")

    with httpx.stream("GET", link) as answer:
        next(answer.iter_raw())

    [entry] = archive.downloads(1)
    assert entry["code"] == "FILE_PROXY_ABORTED"
    assert entry["bytes"] > 0


def test_the_signature_is_in_no_log(archive: Archive, live_server: LiveServer, sink: Sink) -> None:
    sink.answer("/4711", Reply(200, b"x"))
    link = archive.link("--use-case", "documents", "--param", "id=4711")
    assert httpx.get(link).status_code == 200

    [signature] = parse_qs(urlsplit(link).query)["signature"]

    log = live_server.data_dir.parent / f"{live_server.data_dir.name}.log"
    assert "erp-integration/download" in log.read_text()
    assert signature not in log.read_text()
