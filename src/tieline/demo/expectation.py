"""What must be found after the last event: worked out from the events, not from Tieline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tieline.demo.models import Batch, Change, Effect, Expectation, Key, Sample
from tieline.demo.population import COMPANY_CODE, PERSON, Household, Partner

_Identity = tuple[str, Key]


def expect(
    batches: Sequence[Batch], everyone: Sequence[Household], erased: Sequence[Partner]
) -> Expectation:
    """Replay the effects of all events in their order."""
    world = _World()
    expectation = Expectation()
    for batch in batches:
        for event in batch.events:
            expectation.endings[event.ending] += 1
            for effect in event.effects:
                world.apply(effect)
    for schema, _ in world.live:
        expectation.entities[schema] += 1
    expectation.stubs_created = world.stubs_created
    expectation.stubs_left = len(world.stubs)
    expectation.samples = list(_samples(everyone, erased, world))
    return expectation


class _World:
    """Which entities exist, and which of them are only known by name."""

    def __init__(self) -> None:
        self.live: set[_Identity] = set()
        self.stubs: set[_Identity] = set()
        self.recycle_bin: set[_Identity] = set()
        self.stubs_created = 0

    def apply(self, effect: Effect) -> None:
        """Do to this world what an event does to Tieline."""
        identity = (effect.schema, effect.key)
        match effect.change:
            case Change.WRITE:
                self.stubs.discard(identity)
                self.recycle_bin.discard(identity)
                self.live.add(identity)
            case Change.REFER:
                if identity not in self.live and identity not in self.recycle_bin:
                    self.live.add(identity)
                    self.stubs.add(identity)
                    self.stubs_created += 1
            case Change.DELETE:
                self.live.discard(identity)
                self.recycle_bin.add(identity)
            case Change.PURGE:
                self.live.discard(identity)
                self.stubs.discard(identity)
                self.recycle_bin.discard(identity)


def _samples(
    everyone: Sequence[Household], erased: Sequence[Partner], world: _World
) -> Iterator[Sample]:
    """A few entities of each kind, every thirtieth customer."""
    for household in everyone[2:-3:30]:
        if household.account.partner not in erased:
            yield _partner(household.account.partner)
        yield _account(household)
        contract = household.contracts[0]
        if ("contract", (contract.number, COMPANY_CODE)) in world.live:
            yield _contract(household)
        yield _delivery_point(household)
        yield _meter(household)


def _partner(partner: Partner) -> Sample:
    attributes: dict[str, Any] = {
        "email": [{"email": partner.email}],
        "phone": [{"phone": partner.phone}],
        "address": [partner.address.as_attributes()],
        "source": "ERP",
    }
    if partner.category == PERSON:
        attributes |= {
            "first_name": partner.first_name,
            "last_name": partner.last_name,
            "salutation": "Ms." if partner.salutation == "0001" else "Mr.",
            "customer_since": int(partner.customer_since[:4]),
        }
        if partner.birth_date is not None:
            attributes["birthdate"] = partner.birth_date
    else:
        attributes["name"] = f"{partner.firm}, {partner.legal_form}"
    return Sample(partner.schema, "customer_number", partner.number, attributes)


def _account(household: Household) -> Sample:
    account = household.account
    return Sample(
        "billing_account",
        "external_id",
        account.number,
        {
            "iban": account.iban.replace(" ", ""),
            "payment_method": {"D": "direct_debit", "U": "bank_transfer"}[account.payment_method],
            "balance": account.balance,
            "document_number": account.document_number,
            "currency": "EUR",
        },
        ("customer", account.partner.schema, "customer_number", account.partner.number),
    )


def _contract(household: Household) -> Sample:
    contract = household.contracts[0]
    return Sample(
        "contract",
        "contract_number",
        contract.number,
        {
            "company_code": COMPANY_CODE,
            "division": "power",
            "tariff": contract.tariff,
            "start_date": contract.start,
            "yearly_consumption": contract.consumption,
        },
        ("billing_account", "billing_account", "external_id", household.account.number),
    )


def _delivery_point(household: Household) -> Sample:
    point = household.points[0]
    return Sample(
        "delivery_point",
        "malo_id",
        point.malo,
        {
            "address": [point.address.as_attributes()],
            "voltage_level": "low" if point.voltage == "NS" else "medium",
            "country": {"code": "DE", "name": "Deutschland"},
        },
    )


def _meter(household: Household) -> Sample:
    meter = household.meters[0]
    return Sample(
        "meter",
        "meter_number",
        meter.number,
        {"year_of_manufacture": meter.built, "phases": meter.phases},
        ("delivery_point", "delivery_point", "malo_id", meter.delivery_point),
    )
