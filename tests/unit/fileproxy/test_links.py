from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.fileproxy.errors import LinkInvalid, MissingParameter, NoDownloadAddress
from tieline.fileproxy.links import check_signature, link_from, link_in, signed_address
from tieline.fileproxy.models import Link
from tieline.kit.errors import InvalidInput

NOW = datetime(2026, 1, 31, 8, 0, 0, 123_456, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
KEY, OTHER = b"k" * 32, b"o" * 32
LINK = Link("org", "5f0c2ad5", "documents", None, (("id", "a/b c"), ("page", "")))
NAMES = st.text(min_size=1).filter(
    lambda name: (
        name
        not in ("orgId", "integrationId", "useCaseSlug", "useCaseId", "expires_at", "signature")
        and not name.endswith("[]")
        and "\x00" not in name
    )
)
VALUES = st.text().filter(lambda value: "\x00" not in value)


def pairs_of(address: str) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(address).query, keep_blank_values=True)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_whatever_is_signed_is_found_again(params: dict[str, str]) -> None:
    link = Link("org", "i", None, "u", tuple(params.items()))

    pairs = pairs_of(signed_address("https://t/x", link, LATER, KEY))

    check_signature(pairs, [OTHER, KEY], NOW)
    assert link_from(pairs) == link


@given(st.data())
def test_a_signature_is_good_for_nothing_else(data: st.DataObject) -> None:
    pairs = pairs_of(signed_address("https://t/x", LINK, LATER, KEY))
    index = data.draw(st.integers(0, len(pairs) - 1))
    name, value = pairs[index]
    other = data.draw(
        st.sampled_from(
            [
                pairs[:index] + pairs[index + 1 :],
                [*pairs[:index], (name, f"{value}x"), *pairs[index + 1 :]],
                [*pairs[:index], (f"{name}x", value), *pairs[index + 1 :]],
                [*pairs, ("new", "x")],
                [*pairs, ("new", "")],
            ]
        )
    )

    with pytest.raises(LinkInvalid):
        check_signature(other, [KEY], NOW)


def test_two_ways_to_cut_the_same_text_have_two_signatures() -> None:
    first = Link("org", "i", "s", None, (("a", '","b'), ("c", "d")))
    second = Link("org", "i", "s", None, (("a", ""), ("b", '","c","d')))

    addresses = [signed_address("", link, LATER, KEY) for link in (first, second)]

    assert len({dict(pairs_of(address))["signature"] for address in addresses}) == 2


def test_a_link_is_good_until_its_moment_and_not_in_it() -> None:
    pairs = pairs_of(signed_address("https://t", LINK, LATER, KEY))
    end = LATER.replace(microsecond=123_000)

    check_signature(pairs, [KEY], end - timedelta(milliseconds=1))
    with pytest.raises(LinkInvalid, match="expired at 2026-01-31 08:05:00 UTC"):
        check_signature(pairs, [KEY], end)


def test_without_a_key_no_signature_is_right() -> None:
    with pytest.raises(LinkInvalid, match="not as it was signed"):
        check_signature(pairs_of(signed_address("", LINK, LATER, KEY)), [], NOW)


@pytest.mark.parametrize(
    ("missing", "named"),
    [("orgId", "orgId"), ("integrationId", "integrationId"), ("useCaseSlug", "useCaseSlug or")],
)
def test_a_parameter_that_every_address_has_is_named_if_it_is_missing(
    missing: str, named: str
) -> None:
    with pytest.raises(MissingParameter) as caught:
        link_from([pair for pair in LINK.pairs() if pair[0] != missing])

    assert caught.value.message.startswith(named)


def test_an_address_names_a_file_proxy_once() -> None:
    with pytest.raises(MissingParameter):
        link_from([*LINK.pairs(), ("useCaseId", "u")])


@pytest.mark.parametrize("extra", [("id", "2"), ("x[]", "1"), ("x\x00", "1"), ("x", "\x00")])
def test_parameters_that_could_be_misread_are_refused(extra: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput):
        link_from([*LINK.pairs(), extra])


def test_a_stored_address_is_read_whatever_stands_before_its_path() -> None:
    stored = (
        "http://old.example:8080/erp-integration/download?orgId=org&integrationId=5f0c2ad5"
        "&useCaseSlug=documents&id=a%2Fb%20c&page="
    )

    assert link_in(stored) == LINK
    again = signed_address("https://new.example/erp-integration", LINK, LATER, KEY)
    assert again.startswith(stored.replace("http://old.example:8080", "https://new.example"))
    assert link_in(again) == LINK


@pytest.mark.parametrize(
    "address",
    [
        *("", "x", "ftp://h/download?orgId=1", "https://h/other?orgId=1", "https://[/download"),
        f"https://h/download?orgId={'x' * 9_000}",
        f"https://h/download?{'a=1&' * 100}",
        "https://h/download?orgId=%ff",
    ],
)
def test_what_is_no_download_address_is_refused(address: str) -> None:
    with pytest.raises(NoDownloadAddress):
        link_in(address)
