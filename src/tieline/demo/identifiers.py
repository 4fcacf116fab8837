"""Numbers of the German energy market and of its banks, each with its right check digits."""

from __future__ import annotations

_BANK_CODE = "99999999"  # assigned to no bank


def market_location_id(number: int) -> str:
    """The 11-digit id of a market location (MaLo) for a running number up to 9 digits.

    The check digit follows the rule of the German energy association: the digits at odd places
    plus twice those at even places, filled up to the next multiple of ten.
    """
    digits = f"5{number:09d}"
    total = sum(int(d) for d in digits[0::2]) + 2 * sum(int(d) for d in digits[1::2])
    return f"{digits}{-total % 10}"


def iban(account: int) -> str:
    """A German IBAN of an invented bank, check digits by ISO 7064, in groups of four."""
    basic = f"{_BANK_CODE}{account:010d}"
    check = 98 - int(f"{basic}131400") % 97
    text = f"DE{check:02d}{basic}"
    return " ".join(text[start : start + 4] for start in range(0, len(text), 4))


def meter_number(number: int) -> str:
    """A manufacturer-independent meter id (DIN 43863-5): medium, maker, year and running number."""
    return f"1TIE{60 + number % 8}{number:08d}"
