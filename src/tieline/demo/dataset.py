"""The data set of the demo: a year's start at a small utility, the same for the same seed."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from decimal import Decimal

from tieline.demo import faults, vocabulary
from tieline.demo.expectation import expect
from tieline.demo.models import Batch, Dataset, DemoEvent, Ending, System
from tieline.demo.population import COMPANY_CODE, PERSON, Household, Partner, households
from tieline.demo.senders import Sender, groups

SEED = 7
CUSTOMERS = 600
_BATCH_SIZES = (100, 100, 64, 100, 37)
_SHOWCASE = 7  # the household whose contract the report follows


def generate(seed: int = SEED, customers: int = CUSTOMERS) -> Dataset:
    """All events for that many customers (at least 150), and what must come of them."""
    rng = random.Random(seed)  # repeatable on purpose
    everyone = households(rng, customers)
    couples = _let_couples_share_an_address(everyone)
    # The grid reports and the billing program bills before the CRM speaks: relations then name
    # entities that do not exist yet.
    billing = _billing(rng, everyone)
    erased = _partners_to_erase(everyone)
    senders = (billing, _grid(everyone), _crm(rng, everyone, couples, erased))
    batches = _interleave([_with_duplicates(rng, sender) for sender in senders])
    batches.append(_showcase(billing, everyone[_SHOWCASE]))
    contract = everyone[_SHOWCASE].contracts[0]
    return Dataset(
        tuple(batches), expect(batches, everyone, erased), (contract.number, COMPANY_CODE)
    )


def _showcase(billing: Sender, household: Household) -> Batch:
    """A request on its own: a customer has chosen another tariff."""
    household.contracts[0].tariff = "Musterstrom Öko 24"
    household.contracts[0].consumption += 250
    changed = billing.contracts(household, household.contracts)
    return Batch(System.BILLING, f"demo-{System.BILLING}-last", (changed,))


def _let_couples_share_an_address(everyone: Sequence[Household]) -> list[Partner]:
    partners = [household.account.partner for household in everyone]
    couples = []
    for first, second in zip(partners[0:40:10], partners[1:41:10], strict=True):
        second.last_name, second.address, second.email = (
            first.last_name,
            first.address,
            first.email,
        )
        couples.append(second)
    return couples


def _partners_to_erase(everyone: Sequence[Household]) -> list[Partner]:
    # The last ones: the billing program sends nothing about them after their accounts.
    return [household.account.partner for household in everyone[-20:-5]]


def _billing(rng: random.Random, everyone: Sequence[Household]) -> Sender:
    sender = Sender(System.BILLING)
    for household in everyone:
        sender.account(household.account)
    for index, household in enumerate(everyone):
        sender.contracts(household, household.contracts)
        if index % 200 == 50:
            faults.truncated_json(sender, household.account)
        if index % 40 == 20:
            faults.dunning_notice(sender, household.account)
    active = everyone[40:-20]
    for household in rng.sample(active, len(everyone) * 2 // 5):
        household.account.balance += Decimal(rng.randint(-20_000, 20_000)).scaleb(-2)
        household.account.payment_method = rng.choice("DU")
        sender.account(household.account)
    for household in rng.sample(active, len(everyone) // 5):
        household.contracts[0].tariff = "Musterstrom Flex"
        sender.contracts(household, household.contracts[:1])
    ending = rng.sample(active, len(everyone) // 10)
    for household in ending:
        sender.contract_end(household.contracts[0])
    for household in ending[:8]:  # the move was called off
        sender.contracts(household, household.contracts[:1], faults.RESTORED)
    return sender


def _grid(everyone: Sequence[Household]) -> Sender:
    sender = Sender(System.GRID)
    points = [point for household in everyone for point in household.points]
    meters = [meter for household in everyone for meter in household.meters]
    for document, some_points in enumerate(groups(points, (3, 4, 6, 1, 5)), start=100_001):
        sender.delivery_points(some_points, document)
        if document % 60 == 0:
            faults.unclosed_xml(sender, points[0])
    faults.xml_with_entities(sender)
    for document, some_meters in enumerate(groups(meters, (5, 2, 1, 7)), start=200_001):
        sender.devices(some_meters, document)
    return sender


def _crm(
    rng: random.Random,
    everyone: Sequence[Household],
    couples: Sequence[Partner],
    erased: Sequence[Partner],
) -> Sender:
    sender = Sender(System.CRM)
    # The CRM never learns of the last three: what others say of them stays a stub.
    known = [household.account.partner for household in everyone[:-3]]
    for index, partner in enumerate(known):
        sender.partner(partner)
        if index % 30 == 15:
            faults.unknown_event(sender, index)
    for partner in known[5:200:60]:
        faults.without_number(sender, partner)
    faults.unreadable_year(sender, known[0])
    faults.unreadable_year(sender, known[1])
    persons = [
        partner for partner in known[45:] if partner.category == PERSON and partner not in erased
    ]
    for partner in rng.sample(persons, len(everyone) // 3):
        partner.address = vocabulary.an_address(rng)
        partner.phone = vocabulary.a_phone_number(rng)
        sender.partner(partner)
    for partner in rng.sample(persons, len(everyone) // 10):
        partner.last_name = vocabulary.a_last_name(rng)
        sender.partner(partner)
    for partner in rng.sample(persons, len(everyone) // 4):
        sender.consent(partner)
    for partner in couples:
        faults.ambiguous_consent(sender, partner)
    for partner in erased:
        sender.erasure(partner)
    return sender


def _with_duplicates(rng: random.Random, sender: Sender) -> list[DemoEvent]:
    """The sender's events, of which some are sent twice, as after a lost answer."""
    events = list(sender.events)
    applied = [place for place, event in enumerate(events[:-40]) if event.ending == Ending()]
    for place in sorted(rng.sample(applied, len(events) // 50), reverse=True):
        again = dataclasses.replace(events[place], effects=(), ending=faults.DUPLICATE)
        events.insert(place + rng.randint(1, 40), again)
    return events


def _interleave(streams: Sequence[Sequence[DemoEvent]]) -> list[Batch]:
    """Requests that take turns between the systems, each keeping its own order."""
    cut = [groups(events, _BATCH_SIZES) for events in streams]
    batches = []
    for turn in range(max(len(pieces) for pieces in cut)):
        for pieces in cut:
            if turn < len(pieces):
                system = pieces[turn][0].system
                correlation_id = f"demo-{system}-{turn + 1:03d}"
                batches.append(Batch(system, correlation_id, tuple(pieces[turn])))
    return batches
