"""`tieline listen` as somebody uses it who writes or rehearses a receiver."""

from __future__ import annotations

import base64
import hmac
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.components.http_protocol import Reply
from tests.components.sink import Sink

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}
PRIVATE = Ed25519PrivateKey.generate()
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


class Listener:
    """A running `tieline listen`."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [TIELINE, "listen", "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )
        notes = self.process.stderr if "--json" in options else self.process.stdout
        assert notes is not None
        self.greeting = notes.readline() + notes.readline()
        (self.url,) = re.findall(r"http://[\d.]+:\d+", self.greeting)

    def deliver(
        self, content: Any, secret: bytes, message_id: str = "msg_1", attempt: int = 1
    ) -> int:
        """Send a delivery as Tieline does; how it was answered."""
        body = json.dumps(content).encode()
        stamp = str(int(time.time()))
        signed = f"{message_id}.{stamp}.".encode() + body
        asymmetric = base64.b64encode(PRIVATE.sign(signed)).decode()
        symmetric = base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1a,{asymmetric} v1,{symmetric}",
            "x-webhook-attempt": str(attempt),
        }
        return httpx.post(f"{self.url}/hooks", content=body, headers=headers).status_code

    def end(self, code: int) -> tuple[str, str]:
        """Wait for its end; what else it wrote."""
        output, notes = self.process.communicate(timeout=20)
        assert self.process.returncode == code, (output, notes)
        return output, notes


@pytest.fixture
def secret(tmp_path: Path) -> bytes:
    made = secrets.token_bytes(32)
    (tmp_path / "secret").write_text(f"whsec_{base64.b64encode(made).decode()}\n")
    return made


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    (tmp_path / "key.pem").write_text(PEM)
    running = Listener(
        *("--secret", f"@{tmp_path / 'secret'}", "--public-key", str(tmp_path / "key.pem"))
    )
    yield running
    running.process.kill()
    running.process.wait()


def test_it_shows_deliveries_and_says_at_the_end_what_came(
    secret: bytes, listener: Listener
) -> None:
    assert "Signatures are checked." in listener.greeting
    assert listener.deliver({"_event_name": "OrderSubmission", "city": "Köln"}, secret) == 200
    assert listener.deliver({"n": 2}, b"another secret", "msg_2") == 200
    listener.process.send_signal(signal.SIGINT)

    output, _ = listener.end(1)

    assert re.search(
        r"\d\d:\d\d:\d\d\.\d{3}  OrderSubmission  msg_1  attempt 1  verified \(v1a, v1\)  -> 200\n"
        r'    \{\n      "_event_name": "OrderSubmission",\n      "city": "K\\u00f6ln"\n    \}\n',
        output,
    ), output
    assert "POST /hooks  msg_2  attempt 1  NOT VERIFIED: no signature of v1 fits" in output
    assert output.endswith(
        "2 deliveries of 2 messages: 1 verified, 1 NOT VERIFIED. Answered: 200 x 2.\n"
    )


def test_failures_are_rehearsed_and_programs_read_json(secret: bytes) -> None:
    text = f"whsec_{base64.b64encode(secret).decode()}"
    with Sink().running() as published:
        url = published.answer("/key", Reply.of({"public_key": PEM, "algorithm": "ed25519"}))
        listener = Listener(
            *("--json", "--count", "3", "--fail-first", "2", "--status", "503"),
            *("--secret", text, "--key-url", url),
        )
    statuses = [listener.deliver({"n": 1}, secret, attempt=n) for n in (1, 2, 3)]

    output, notes = listener.end(0)

    shown = [json.loads(line) for line in output.splitlines()]
    assert statuses == [503, 503, 200]
    assert [each["attempt"] for each in shown] == [1, 2, 3]
    assert [each["status"] for each in shown] == statuses
    assert {each["verification"] for each in shown} == {"verified"}
    assert shown[2]["body"] == {"n": 1}
    assert shown[2]["earlier"] == 2
    assert "3 deliveries of 1 message: 3 verified. Answered: 200 x 1, 503 x 2." in notes
    assert text not in notes + output


def test_it_ends_when_nobody_reads_on() -> None:
    listener = Listener()
    assert listener.process.stdout is not None
    listener.process.stdout.close()

    httpx.post(listener.url, json={})

    assert listener.process.wait(20) == 1
    assert listener.process.stderr is not None
    assert listener.process.stderr.read() == ""


def test_without_a_key_nothing_is_checked() -> None:
    listener = Listener("--once")
    httpx.post(listener.url, json={})

    output, _ = listener.end(0)

    assert "No signature is checked" in listener.greeting
    assert "not checked: it is not signed" in output


def refused(*arguments: str) -> str:
    done = subprocess.run(
        [TIELINE, "listen", *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2, (done.stdout, done.stderr)
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--secret", "whsec_%"), "This is no signing secret"),
        (("--secret", "@/no/such/file"), "/no/such/file: No such file"),
        (("--public-key", "/"), "Is a directory"),
        (("--status", "99"), "--status: must be"),
        (("--fail-rate", "2"), "--fail-rate: must be"),
        (("--count", "0"), "--count: must be"),
        (("--port", "99999"), "--port: there is no port 99999"),
        (("--port", "-1"), "no port -1"),
        (("--host", "256.1.1.1"), "is no address"),
        (("--key-url", "ftp://x/y"), "http:// and https://"),
    ],
)
def test_what_cannot_be_used_is_named(arguments: tuple[str, ...], words: str) -> None:
    assert words in refused(*arguments)


def test_a_key_that_is_not_published_is_an_error() -> None:
    with Sink().running() as nobody:
        missing = nobody.answer("/key", Reply(404))
        assert "answers 404 instead of a public key" in refused("--key-url", missing)


def test_a_port_that_is_taken_is_named() -> None:
    with Sink().running() as other:
        assert f"Port {other.port} of 127.0.0.1 is in use" in refused("--port", str(other.port))
