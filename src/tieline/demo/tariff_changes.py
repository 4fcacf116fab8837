"""What leaves: a changed tariff goes to the sales portal, in the words of the portal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tieline.demo.models import DemoEvent, Status
from tieline.demo.portal import Arrival
from tieline.kit import json
from tieline.receiving.models import Verdict

EVENT = "TariffChange"
MOST_SECONDS = 1.0
"""How long a change may take from the ERP to the portal."""

_EXPRESSION = """{
  "contract": contract.contract_number,
  "company": contract.company_code,
  "tariff": contract.tariff,
  "previousTariff": changed_attributes.updated.tariff,
  "consumption": contract.yearly_consumption,
  "changedAt": _event_time
}"""


@dataclass(frozen=True)
class TariffChange:
    """A contract has another tariff than before."""

    contract: str
    before: str
    after: str


def webhook(url: str) -> dict[str, Any]:
    """The webhook, in the form that `POST /webhooks/v1/webhooks/configs` takes."""
    return {
        "name": "Sales portal",
        "eventName": EVENT,
        "url": url,
        "payloadConfiguration": {"include_changed_attributes": True},
    }


def use_case(webhook_id: str) -> dict[str, Any]:
    """The outbound use case, in the form that `POST /v2/integrations` takes."""
    mapping = {
        "name": "To the sales portal",
        "enabled": True,
        "jsonata_expression": _EXPRESSION,
        "delivery": {"type": "webhook", "webhook_id": webhook_id},
    }
    return {
        "type": "outbound",
        "slug": "tariff_change",
        "name": "TariffChange",
        "enabled": True,
        "configuration": {"event_catalog_event": EVENT, "mappings": [mapping]},
    }


def tariff_changes(events: Iterable[DemoEvent]) -> Iterator[TariffChange]:
    """The changes that events bring about, worked out from them alone."""
    tariffs: dict[str, str] = {}
    for event in events:
        applied = event.ending.status in (Status.SUCCESS, Status.WARNING)
        if not applied or event.route.get("use_case_slug") != "contract":
            continue
        assert not isinstance(event.payload, str)
        for contract in event.payload["contracts"]:
            number, tariff = contract["number"], contract["tariff"]
            before = tariffs.setdefault(number, tariff)
            if before != tariff:
                yield TariffChange(number, before, tariff)
            tariffs[number] = tariff


def lateness(seconds: float, arrival: Arrival | None) -> Iterator[str]:
    """That the last change came late or never, in words."""
    if arrival is None:
        yield "the last change: expected at the sales portal, never came"
    elif seconds > MOST_SECONDS:
        yield f"the last change: expected within {MOST_SECONDS:g} s, came after {seconds:.2f} s"


def differences(arrivals: Iterable[Arrival], expected: Iterable[TariffChange]) -> Iterator[str]:
    """Where what arrived is not what had to, in words. A message may come more than once."""
    messages = {arrival.delivery.message_id: arrival.delivery for arrival in arrivals}
    for delivery in messages.values():
        if delivery.verification.verdict is not Verdict.VERIFIED:
            reason = delivery.verification.reason
            yield f"delivery {delivery.message_id}: expected a right signature, but {reason}"
    found = Counter(_told(delivery.body) for delivery in messages.values())
    wanted = Counter(expected)
    for change in sorted((found | wanted) - (found & wanted), key=repr):
        yield (
            f"tariff of {change.contract}, {change.before!r} to {change.after!r}: "
            f"expected {wanted[change]} deliveries, found {found[change]}"
        )


def _told(body: bytes) -> TariffChange:
    content = json.loads(body)
    names = ("contract", "previousTariff", "tariff")
    return TariffChange(*(str(content.get(name)) for name in names))
