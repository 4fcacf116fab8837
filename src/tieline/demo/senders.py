"""What each program of the utility sends, in its own order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tieline.demo import documents
from tieline.demo.models import Change, DemoEvent, Effect, Ending, System
from tieline.demo.population import (
    COMPANY_CODE,
    Account,
    Contract,
    DeliveryPoint,
    Household,
    Meter,
    Partner,
)

_START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
_T = TypeVar("_T")


class Sender:
    """Collects the events of one program and numbers them."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.events: list[DemoEvent] = []

    @property
    def next_id(self) -> str:
        """The deduplication id of the event that is sent next."""
        return f"{self.system}-{len(self.events) + 1:06d}"

    def send(
        self,
        route: Mapping[str, str],
        payload: str | Mapping[str, Any],
        *effects: Effect,
        ending: Ending | None = None,
        xml: bool = False,
    ) -> DemoEvent:
        """Append one event and return it."""
        event = DemoEvent(
            system=self.system,
            route=route,
            payload=payload,
            format="xml" if xml else "json",
            timestamp=_START + timedelta(seconds=len(self.events)),
            deduplication_id=self.next_id,
            effects=effects,
            ending=ending or Ending(),
        )
        self.events.append(event)
        return event

    def partner(self, partner: Partner) -> DemoEvent:
        """A partner was created or changed."""
        return self.send(
            {"event_name": "BusinessPartner"},
            documents.business_partner(partner, self.next_id),
            Effect(Change.WRITE, partner.schema, (partner.number,)),
        )

    def consent(self, partner: Partner) -> DemoEvent:
        """A person subscribed to the newsletter; only the address says who."""
        return self.send(
            {"use_case_slug": "marketing_consent"},
            {
                "emailAddress": partner.email,
                "channel": "newsletter",
                "grantedAt": "2026-01-05T08:00:00Z",
            },
            Effect(Change.WRITE, "contact", (partner.number,)),
        )

    def erasure(self, partner: Partner) -> DemoEvent:
        """A former customer demands to be forgotten."""
        return self.send(
            {"use_case_slug": "partner_erasure"},
            {"number": partner.number, "category": partner.category},
            Effect(Change.PURGE, partner.schema, (partner.number,)),
        )

    def account(self, account: Account) -> DemoEvent:
        """A contract account was created or changed."""
        return self.send(
            {"use_case_slug": "contract_account"},
            documents.contract_account(account),
            Effect(Change.WRITE, "billing_account", (account.number,)),
            Effect(Change.REFER, account.partner.schema, (account.partner.number,)),
        )

    def contracts(
        self, household: Household, chosen: Sequence[Contract], ending: Ending | None = None
    ) -> DemoEvent:
        """Contracts of one account were created or changed."""
        effects = [Effect(Change.REFER, "billing_account", (household.account.number,))]
        for contract in chosen:
            effects.append(Effect(Change.WRITE, "contract", (contract.number, COMPANY_CODE)))
            effects.append(Effect(Change.REFER, "delivery_point", (contract.delivery_point,)))
        return self.send(
            {"use_case_slug": "contract", "event_name": "Contract"},
            documents.contracts(household, chosen),
            *effects,
            ending=ending,
        )

    def contract_end(self, contract: Contract) -> DemoEvent:
        """A contract ended."""
        return self.send(
            {"use_case_slug": "contract_end"},
            {"number": contract.number, "companyCode": COMPANY_CODE, "endDate": "2026-01-31"},
            Effect(Change.DELETE, "contract", (contract.number, COMPANY_CODE)),
        )

    def delivery_points(self, points: Sequence[DeliveryPoint], document: int) -> DemoEvent:
        """The grid operator reports delivery points."""
        return self.send(
            {"event_name": "DeliveryPoint"},
            documents.delivery_points(points, document),
            *(Effect(Change.WRITE, "delivery_point", (point.malo,)) for point in points),
            xml=True,
        )

    def devices(self, meters: Sequence[Meter], document: int) -> DemoEvent:
        """The grid operator reports meters and their registers."""
        effects: list[Effect] = []
        for meter in meters:
            effects.append(Effect(Change.WRITE, "meter", (meter.number,)))
            effects.append(Effect(Change.REFER, "delivery_point", (meter.delivery_point,)))
            effects.extend(
                Effect(Change.WRITE, "meter_counter", (meter.number, obis))
                for obis, _ in meter.registers
            )
        return self.send(
            {"use_case_slug": "device"}, documents.devices(meters, document), *effects, xml=True
        )


def groups(items: Sequence[_T], sizes: Sequence[int]) -> list[Sequence[_T]]:
    """The items cut into pieces whose sizes repeat the given ones."""
    pieces: list[Sequence[_T]] = []
    start = 0
    while start < len(items):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(items[start : start + size])
        start += size
    return pieces
