"""A meter reading reaches an ERP as an event about its meter."""

from __future__ import annotations

from typing import Any

import httpx
from tests.api.erp_integration.outbound_making import (
    mapping,
    new_integration,
    new_use_case,
    new_webhook,
    outbound,
)
from tests.components.sink import Sink

from tieline.kit import json


async def test_a_message_about_a_reading_is_about_its_meter(
    client: httpx.AsyncClient, place: Any, sink: Sink
) -> None:
    integration_id = await new_integration(client)
    webhook = await new_webhook(client, sink.at("/sap"))
    await new_use_case(
        client, integration_id, outbound(mapping(webhook), event="MeterReadingAdded")
    )

    answer = await client.post("/metering/v1/metering/reading", json=place.reading(value=123.45))

    assert answer.is_success, answer.text
    [request] = await sink.wait_for(1, "/sap")
    message = json.loads(request.body)
    assert message["entity"]["_id"] == place.meter
    assert message["entity"]["meter_number"] == "M1"
    assert message["_event_name"] == "MeterReadingAdded"
