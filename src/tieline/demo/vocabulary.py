"""Invented people, firms and addresses, with all the letters that imports like to break."""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass

_FIRST_NAMES = (
    ("0001", "Änne"), ("0001", "Zoë"), ("0001", "Käthe"), ("0001", "Birgit"), ("0001", "Jördis"),
    ("0001", "Ayşe"), ("0001", "Renée"), ("0001", "Sabine"), ("0001", "Małgorzata"),
    ("0002", "Jürgen"), ("0002", "Björn"), ("0002", "Götz"), ("0002", "Uwe"), ("0002", "Søren"),
    ("0002", "Günther"), ("0002", "André"), ("0002", "Łukasz"), ("0002", "Matthias"),
)  # fmt: skip
_LAST_NAMES = (
    "Müller", "Groß", "Weiß", "Schäfer", "Köhler", "Böhm", "Krüger", "O'Brien", "Meißner",
    "von der Höhe", "Schröder-Lübke", "Çelik", "Žižka", "Nowak", "Hagen", "Süß", "Jäger",
)  # fmt: skip
_FIRM_NAMES = (
    "Bäckerei Süßmilch", "Möbelhaus Nordlicht", "Käserei Grünwald", "Stahlbau Reiß & Söhne",
    "Gärtnerei Blütenmeer", "Hotel Drei Könige", "Kühlhaus Weser", "Druckerei <Plus> & Co.",
)  # fmt: skip
_LEGAL_FORMS = ("GmbH", "AG", "e. K.", "KG", "GmbH & Co. KG")
_STREETS = (
    "Königstraße", "Am Mühlgraben", "Weißgerbergasse", "Große Bleiche", "Lindenallee",
    "Straße des Friedens", "Öhringer Weg", "Jakobikirchhof", "Bürgermeister-Smidt-Straße",
)  # fmt: skip
_CITIES = (
    ("01067", "Dresden"), ("02826", "Görlitz"), ("06108", "Halle (Saale)"), ("20095", "Hamburg"),
    ("33602", "Bielefeld"), ("48143", "Münster"), ("50667", "Köln"), ("73728", "Eßlingen"),
    ("80331", "München"), ("97070", "Würzburg"), ("99084", "Erfurt"), ("04109", "Leipzig"),
)  # fmt: skip
_PLAIN = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "ł": "l", "'": "", " ": "-",
})  # fmt: skip


@dataclass(frozen=True)
class Address:
    """A postal address; the postal code is text, for it may begin with a zero."""

    street: str
    house_number: str
    postal_code: str
    city: str

    def as_attributes(self) -> dict[str, str]:
        """The address as the demo's use cases store it."""
        return {
            "street": self.street,
            "street_number": self.house_number,
            "postal_code": self.postal_code,
            "city": self.city,
            "country": "DE",
        }


def an_address(rng: random.Random) -> Address:
    """Some address."""
    postal_code, city = rng.choice(_CITIES)
    house_number = f"{rng.randint(1, 180)}{rng.choice(('', '', '', 'a', 'b'))}"
    return Address(rng.choice(_STREETS), house_number, postal_code, city)


def a_first_name(rng: random.Random) -> tuple[str, str]:
    """The key of a salutation, and a first name that goes with it."""
    return rng.choice(_FIRST_NAMES)


def a_last_name(rng: random.Random) -> str:
    """Some family name."""
    return rng.choice(_LAST_NAMES)


def a_firm(rng: random.Random) -> tuple[str, str]:
    """Name and legal form of some firm."""
    return f"{rng.choice(_FIRM_NAMES)} {rng.randint(1, 99)}", rng.choice(_LEGAL_FORMS)


def an_email(first_name: str, last_name: str, number: int) -> str:
    """The address of a person at a domain that is reserved for examples."""
    plain = f"{first_name}.{last_name}".lower().translate(_PLAIN)
    letters = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return f"{letters}.{number}@example.org"


def a_phone_number(rng: random.Random) -> str:
    """A number from the block that is reserved for drama and examples."""
    return f"+49 30 23125{rng.randint(0, 999):03d}"
