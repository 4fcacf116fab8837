"""`tieline trigger` beside a running server: an event happens, and its deliveries are followed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.components.http_protocol import Reply
from tests.components.sink import Sink
from tests.conftest import LiveServer

TIELINE = Path(sys.executable).parent / "tieline"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("TIELINE_")}
ROOT = Path(__file__).parents[2]
EVENT = "OnDemandSyncContractRequested"


class Installation:
    """A running server, its API, and the command."""

    def __init__(self, server: LiveServer) -> None:
        self._place = ("--data-dir", str(server.data_dir))
        self.client = httpx.Client(
            base_url=server.url, headers={"authorization": f"Bearer {server.key}"}, timeout=30
        )

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self.client.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def trigger(self, *arguments: str, code: int = 0) -> str:
        """Run `tieline trigger`; what it printed, to the one or the other output."""
        done = subprocess.run(
            [TIELINE, "trigger", *arguments, *self._place],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            timeout=60,
            check=False,
        )
        assert done.returncode == code, (done.stdout, done.stderr)
        return done.stderr if code == 2 else done.stdout


@pytest.fixture(scope="module")
def installation(live_server: LiveServer) -> Iterator[Installation]:
    running = Installation(live_server)
    yield running
    running.client.close()


@pytest.fixture(scope="module")
def contract(installation: Installation) -> str:
    """The id of a contract."""
    body = {"contract_number": "V-4711"}
    return str(installation.post("/entity/v1/entity/contract", body)["_id"])


@pytest.fixture
def webhook(installation: Installation, sink: Sink) -> Iterator[str]:
    """The name of a webhook that takes the event to the test's sink."""
    body = {"name": f"ERP at {sink.port}", "eventName": EVENT, "url": sink.at("/erp")}
    created = installation.post("/webhooks/v1/webhooks/configs", body)
    yield created["name"]
    installation.client.delete(f"/webhooks/v1/webhooks/configs/{created['id']}")


def test_an_event_is_triggered_and_its_delivery_awaited(
    installation: Installation, contract: str, webhook: str, sink: Sink
) -> None:
    shown = installation.trigger(EVENT, "--entity", contract, "--wait", "30")

    [request] = sink.received("/erp")
    body = request.json()
    assert shown.startswith(f"{EVENT} happened: event {body['_event_id']}.\n")
    assert body["contract_number"] == "V-4711"
    assert body["_trigger_source"].startswith("command:")
    assert [line.split()[-3:] for line in shown.splitlines() if webhook in line] == [
        ["succeeded", "1", "200"]
    ]


def test_a_delivery_that_has_not_arrived_by_then_fails_the_command(
    installation: Installation, contract: str, webhook: str, sink: Sink
) -> None:
    sink.answer("/erp", Reply(503, headers={"retry-after": "3600"}))

    shown = json.loads(
        installation.trigger(EVENT, "--entity", contract, "--wait", "2", "--json", code=1)
    )

    [delivery] = [each for each in shown["deliveries"] if each["webhook_name"] == webhook]
    assert (delivery["status"], delivery["status_code"]) == ("in_progress", 503)
    assert "503" in delivery["reason"]
    assert delivery["waiting"] == "retry"


def test_what_is_not_sent_says_why(
    installation: Installation, contract: str, webhook: str, sink: Sink
) -> None:
    configured = installation.client.get("/webhooks/v1/webhooks/configs").json()
    [hook] = [each["id"] for each in configured if each["name"] == webhook]
    installation.post(f"/webhooks/v1/webhooks/configs/{hook}/pause", {})

    shown = installation.trigger(EVENT, "--entity", contract, "--wait", "0", code=1)

    [line] = [line for line in shown.splitlines() if webhook in line]
    assert "The webhook is paused since" in line
    assert "Resume it" in line
    assert not sink.received("/erp")


def test_without_waiting_it_ends_at_once(
    installation: Installation, contract: str, webhook: str, sink: Sink
) -> None:
    shown = installation.trigger(EVENT, "--entity", contract, "--node", "contract")

    assert webhook in shown
    assert len(sink.wait(1, "/erp")) == 1


def test_fields_come_from_a_file_and_one_by_one(
    installation: Installation, sink: Sink, tmp_path: Path
) -> None:
    name = f"PriceListPublished{sink.port}"
    text = {"json_schema": {"type": "string"}, "required": True}
    fields = {"title": text, "number": {"json_schema": {"type": "integer"}}}
    body = {"event_name": name, "event_title": "Prices", "schema_fields": fields}
    installation.post("/event-catalog/v1/events", body)
    installation.post(f"/event-catalog/v1/events/{name}:publish", {})
    hook = {"name": "Prices", "eventName": name, "url": sink.at("/prices")}
    installation.post("/webhooks/v1/webhooks/configs", hook)
    (tmp_path / "fields.yaml").write_text("title: Old\nnumber: 1\n")

    installation.trigger(
        *(name, "--data", str(tmp_path / "fields.yaml"), "--field", "title=Prices 2027"),
        *("--field", "number=2", "--wait", "30"),
    )

    [request] = sink.received("/prices")
    assert (request.json()["title"], request.json()["number"]) == ("Prices 2027", 2)


def test_the_webhook_of_the_quickstart_sends_what_the_quickstart_shows(
    installation: Installation, sink: Sink
) -> None:
    text = (ROOT / "docs" / "quickstart.md").read_text("utf-8")
    integration, events, webhook = map(json.loads, re.findall(r"```json\n(.*?)```", text, re.S))
    (shown,) = re.findall(r"-> 200\n(    \{.*?\n    \})\n", text, re.S)
    created = installation.post("/webhooks/v1/webhooks/configs", webhook | {"url": sink.at("/q")})
    created_integration = installation.post("/erp-integration/v2/integrations", integration)
    events["integration_id"] = created_integration["id"]
    [event] = events["events"]

    for kwh, deduplication_id in (("2950", "contract-4711-1"), ("3100", "contract-4711-2")):
        event["payload"]["kwh"] = kwh
        event["deduplication_id"] = deduplication_id
        sent = installation.post("/erp-integration/v3/erp/updates/events", events)
        assert sent["results"][0]["status"] == "success"

    [request] = sink.wait(1, "/q")
    assert request.json() == json.loads(shown)
    installation.client.delete(f"/webhooks/v1/webhooks/configs/{created['id']}")


def test_an_event_that_nobody_takes_says_so(installation: Installation) -> None:
    contact = installation.post("/entity/v1/entity/contact", {"first_name": "Zoë"})["_id"]
    shown = installation.trigger("OnDemandSyncCustomerRequested", "--entity", contact)

    assert "Nothing is sent: no enabled outbound use case and no webhook takes it." in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("NoSuchEvent",), "The catalogue has no event of this name"),
        ((EVENT,), "--entity: OnDemandSyncContractRequested is about an entity"),
        ((EVENT, "--node", "contract"), "--node: says where"),
        ((EVENT, "--entity", "4711"), "--entity: '4711' is no id of an entity"),
        ((EVENT, "--entity", "01a207be-6fc2-7e79-96bb-0d8e67ed7d41"), "has no such entity"),
        ((EVENT, "--field", "novalue"), "--field: 'novalue' has no name and value"),
        ((EVENT, "--data", "/no/such.json"), "/no/such.json: No such file"),
        ((EVENT, "--wait", "-1"), "--wait: must be"),
        (("FileCreated", "--org", "nobody"), "There is no organisation 'nobody'"),
    ],
)
def test_what_cannot_happen_is_named(
    installation: Installation, arguments: tuple[str, ...], words: str
) -> None:
    assert words in installation.trigger(*arguments, code=2)


def test_an_entity_of_another_schema_and_an_unknown_field_are_named(
    installation: Installation, contract: str
) -> None:
    named = installation.trigger("MeterReadingAdded", "--entity", contract, "--field=x=1", code=2)
    assert "fields.x: no field of the event" in named
    named = installation.trigger("OnDemandSyncCustomerRequested", "--entity", contract, code=2)
    assert "fields.customer_id is required and has no value" in named
    account = installation.post("/entity/v1/entity/account", {"name": "GmbH"})["_id"]
    named = installation.trigger(EVENT, "--entity", account, code=2)
    assert "of the schema account, and the event has these nodes: contract (contract)" in named
