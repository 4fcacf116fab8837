"""The invented utility's customers, accounts, contracts, delivery points and meters."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from decimal import Decimal

from tieline.demo import vocabulary
from tieline.demo.identifiers import iban, market_location_id, meter_number
from tieline.demo.vocabulary import Address

COMPANY_CODE = "1000"
PERSON, ORGANISATION = "1", "2"
_TARIFFS = ("Musterstrom Fix", "Musterstrom Öko", "Grundversorgung", "Mustergas Plus")
_BEYOND_DOUBLES = 2**53  # from here on a double cannot tell neighbouring integers apart


@dataclass
class Partner:
    """A business partner: a person or an organisation."""

    number: str
    category: str
    address: Address
    email: str
    phone: str
    salutation: str = ""
    first_name: str = ""
    last_name: str = ""
    firm: str = ""
    legal_form: str = ""
    birth_date: str | None = None
    customer_since: str = "2010-01-01"
    loyal: bool = False

    @property
    def schema(self) -> str:
        """The entity schema that this partner becomes."""
        return "contact" if self.category == PERSON else "account"


@dataclass
class Account:
    """A contract account, over which a partner is billed."""

    number: str
    partner: Partner
    iban: str
    payment_method: str
    balance: Decimal
    document_number: int


@dataclass
class Contract:
    """A supply contract for one delivery point."""

    number: str
    division: str
    tariff: str
    start: str
    consumption: int
    delivery_point: str


@dataclass
class Meter:
    """A meter with one or two registers."""

    number: str
    delivery_point: str
    built: int
    phases: int
    registers: tuple[tuple[str, str], ...]
    """OBIS number and kind (`A` taken from the grid, `E` fed into it) of each register."""


@dataclass(frozen=True)
class DeliveryPoint:
    """A market location and where it lies."""

    malo: str
    address: Address
    voltage: str


@dataclass
class Household:
    """What belongs to one customer: one account, its contracts, their points and meters."""

    account: Account
    contracts: list[Contract] = field(default_factory=list)
    points: list[DeliveryPoint] = field(default_factory=list)
    meters: list[Meter] = field(default_factory=list)


def households(rng: random.Random, count: int) -> list[Household]:
    """That many customers with all they have; every fifth is an organisation."""
    return [_household(rng, index) for index in range(count)]


def _household(rng: random.Random, index: int) -> Household:
    partner = _organisation(rng, index) if index % 5 == 4 else _person(rng, index)
    account = Account(
        number=f"{200_000_000_000 + index}",
        partner=partner,
        iban=iban(10_000 + index),
        payment_method=rng.choice("DU"),
        balance=Decimal(rng.randint(-50_000, 200_000)).scaleb(-2),
        document_number=_BEYOND_DOUBLES + 2 * index + 1,
    )
    household = Household(account)
    for place in range(1 + (index % 4 == 0)):
        number = index * 2 + place
        point = DeliveryPoint(
            market_location_id(100_000 + number),
            partner.address if place == 0 else vocabulary.an_address(rng),
            rng.choice(("NS", "NS", "MS")),
        )
        household.points.append(point)
        household.contracts.append(_contract(rng, number, place, point.malo))
        household.meters.append(_meter(rng, number, point.malo))
    return household


def _person(rng: random.Random, index: int) -> Partner:
    salutation, first_name = vocabulary.a_first_name(rng)
    last_name = vocabulary.a_last_name(rng)
    return Partner(
        number=f"{4_000_000 + index}",
        category=PERSON,
        address=vocabulary.an_address(rng),
        email=vocabulary.an_email(first_name, last_name, index),
        phone=vocabulary.a_phone_number(rng),
        salutation=salutation,
        first_name=first_name,
        last_name=last_name,
        birth_date=_a_date(rng, 1940, 2004) if rng.random() < 0.7 else None,
        customer_since=_a_date(rng, 1995, 2024),
        loyal=rng.random() < 0.3,
    )


def _organisation(rng: random.Random, index: int) -> Partner:
    firm, legal_form = vocabulary.a_firm(rng)
    return Partner(
        number=f"{4_000_000 + index}",
        category=ORGANISATION,
        address=vocabulary.an_address(rng),
        email=f"einkauf.{index}@example.org",
        phone=vocabulary.a_phone_number(rng),
        firm=firm,
        legal_form=legal_form,
        customer_since=_a_date(rng, 1995, 2024),
    )


def _contract(rng: random.Random, number: int, place: int, malo: str) -> Contract:
    return Contract(
        number=f"V{700_000 + number}",
        division="01" if place == 0 else "02",
        tariff=rng.choice(_TARIFFS),
        start=_a_date(rng, 2015, 2025),
        consumption=rng.randint(900, 60_000),
        delivery_point=malo,
    )


def _meter(rng: random.Random, number: int, malo: str) -> Meter:
    registers: tuple[tuple[str, str], ...] = (("1-1:1.8.0", "A"),)
    if number % 3 == 0:
        registers = (*registers, ("1-1:2.8.0", "E"))
    return Meter(meter_number(number), malo, rng.randint(1998, 2024), rng.choice((1, 3)), registers)


def _a_date(rng: random.Random, first_year: int, last_year: int) -> str:
    year = rng.randint(first_year, last_year)
    return f"{year}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"
