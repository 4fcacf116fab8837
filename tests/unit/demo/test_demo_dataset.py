from __future__ import annotations

from collections import Counter

import pytest

from tieline.demo import faults
from tieline.demo.dataset import generate
from tieline.demo.identifiers import iban, market_location_id, meter_number
from tieline.demo.models import Dataset
from tieline.demo.tariff_changes import TariffChange, tariff_changes
from tieline.demo.vocabulary import an_email


def test_the_same_seed_gives_the_same_events(dataset: Dataset) -> None:
    assert generate() == dataset


def test_another_seed_gives_other_people(dataset: Dataset) -> None:
    assert next(generate(seed=8).events()) != next(dataset.events())


def test_about_three_thousand_events_in_requests_of_at_most_a_hundred(dataset: Dataset) -> None:
    assert 2_900 <= len(dataset) <= 3_300
    assert all(1 <= len(batch.events) <= 100 for batch in dataset.batches)
    assert {event.format for event in dataset.events()} == {"json", "xml"}


def test_each_deduplication_id_is_new_unless_the_event_is_a_duplicate(dataset: Dataset) -> None:
    seen: set[str] = set()
    duplicates = 0
    for event in dataset.events():
        repeated = event.deduplication_id in seen
        assert repeated == (event.ending == faults.DUPLICATE)
        duplicates += repeated
        seen.add(event.deduplication_id)
    assert duplicates > 50


def test_relations_often_name_what_comes_later(dataset: Dataset) -> None:
    assert dataset.expectation.stubs_created > 300
    assert dataset.expectation.stubs_left == 3


def test_the_last_event_changes_a_tariff_and_others_do_so_before(dataset: Dataset) -> None:
    changes = list(tariff_changes(dataset.events()))

    number, _ = dataset.showcase_key
    assert changes[-1] == TariffChange(number, "Grundversorgung", "Musterstrom Öko 24")
    assert dataset.batches[-1].events == (dataset.showcase,)
    assert len(changes) > 80


def test_entities_are_counted_without_the_ended_and_the_erased() -> None:
    small = generate(customers=200).expectation
    assert small.entities["billing_account"] == 200
    # Of 200 partners 15 are erased.
    assert small.entities["contact"] + small.entities["account"] == 185
    # Every fourth customer has two contracts; 20 end, of which 8 are reinstated.
    assert small.entities["contract"] == 250 - 20 + 8
    assert small.entities["meter"] == small.entities["delivery_point"] == 250


def test_names_and_streets_hold_the_letters_that_imports_break(dataset: Dataset) -> None:
    text = "".join(str(event.payload) for event in dataset.events())
    assert set("äöüßÄÖÇøłéŽ&<>'") <= set(text)


# The first one is an example that the energy association publishes.
@pytest.mark.parametrize(
    ("digits", "check"), [("4137355924", "1"), ("5123869678", "1"), ("5000000001", "3")]
)
def test_check_digits_of_market_locations(digits: str, check: str) -> None:
    odd = sum(int(d) for d in digits[0::2])
    even = sum(int(d) for d in digits[1::2])
    assert (odd + 2 * even + int(check)) % 10 == 0
    if digits.startswith("5"):
        assert market_location_id(int(digits[1:])) == digits + check


def test_market_locations_have_eleven_digits(dataset: Dataset) -> None:
    locations = [s.value for s in dataset.expectation.samples if s.schema == "delivery_point"]
    assert len(locations) > 15
    assert all(len(location) == 11 and location[0] != "0" for location in locations)


def test_an_iban_passes_the_check_of_iso_13616() -> None:
    for account in (1, 4711, 9_999_999_999):
        text = iban(account).replace(" ", "")
        rearranged = text[4:] + str(int(text[0], 36)) + str(int(text[1], 36)) + text[2:4]
        assert len(text) == 22
        assert int(rearranged) % 97 == 1


def test_meter_numbers_differ() -> None:
    assert max(Counter(meter_number(n) for n in range(1_000)).values()) == 1


def test_an_email_address_is_plain_ascii() -> None:
    assert an_email("Søren", "Çelik-O'Brien", 3) == "soeren.celik-obrien.3@example.org"
    assert an_email("Götz", "von der Höhe", 4) == "goetz.von-der-hoehe.4@example.org"
