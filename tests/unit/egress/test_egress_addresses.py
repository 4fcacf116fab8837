"""Which addresses are public, and what an operator can allow besides."""

from ipaddress import ip_address

import pytest

from tieline.egress.addresses import why_refused
from tieline.egress.allowances import AllowList, normal_entry
from tieline.egress.errors import InvalidEntry
from tieline.settings import InvalidSettings


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.10", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "100.100.100.200", "192.0.0.192", "198.18.0.1"),
        *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "192.0.2.1"),
        *("168.63.129.16", "192.88.99.1"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "2002:7f00:1::", "2002:808:808::"),
        *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2001::1", "2001:db8::1"),
        *("100::1", "5f00::1", "4000::1", "fec0::1", "3fff::1"),
    ],
)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert why_refused(ip_address(address)) is not None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::808:808"]
)
def test_a_public_address_is_not(address: str) -> None:
    assert why_refused(ip_address(address)) is None


@pytest.mark.parametrize(
    ("entry", "address", "port", "permitted"),
    [
        ("10.0.0.7", "10.0.0.7", 80, True),
        ("10.0.0.7", "10.0.0.8", 80, False),
        ("10.0.0.7:443", "10.0.0.7", 443, True),
        ("10.0.0.7:443", "10.0.0.7", 80, False),
        ("10.1.0.0/16", "10.1.255.1", 9, True),
        ("10.1.2.3/16", "10.2.0.1", 9, False),
        ("fd00::7", "fd00::7", 80, True),
        ("[fd00::7]:443", "fd00::7", 443, True),
        ("[fd00::7]:443", "fd00::7", 80, False),
        ("fd00::/8", "fd12::1", 80, True),
        ("127.0.0.1", "::ffff:127.0.0.1", 80, False),
    ],
)
def test_addresses_and_networks_can_be_allowed(
    entry: str, address: str, port: int, permitted: bool
) -> None:
    assert AllowList.parse([entry]).permits_address(ip_address(address), port) is permitted


@pytest.mark.parametrize(
    ("entry", "host", "port", "permitted"),
    [
        ("erp.local", "erp.local", 80, True),
        ("erp.local", "ERP.local.", 8443, True),
        ("ERP.local.", "erp.local", 80, True),
        ("erp.local", "evil.erp.local", 80, False),
        ("erp.local", "erp.local.evil.example", 80, False),
        ("erp.local:8443", "erp.local", 8443, True),
        ("erp.local:8443", "erp.local", 80, False),
        ("my_host", "my_host", 80, True),
    ],
)
def test_hosts_can_be_allowed_by_name(entry: str, host: str, port: int, permitted: bool) -> None:
    assert AllowList.parse([entry]).permits_host(host, port) is permitted


@pytest.mark.parametrize(
    "entry",
    [
        *("", "*", "*.local", "http://erp.local", "erp.local/x", "erp.local:99999", "erp.local:0"),
        *("10.0.0.0/33", "[fd00::1", "fd00:::1", "a b", "ä.local", "erp.local:x", "[zz::1]:1"),
    ],
)
def test_an_entry_that_means_nothing_is_named(entry: str) -> None:
    with pytest.raises(InvalidSettings, match="TIELINE_EGRESS_ALLOW"):
        AllowList.parse([entry])


def test_two_lists_together_allow_what_either_does() -> None:
    both = AllowList.parse(["erp.local"]) | AllowList.parse(["10.0.0.1"])

    assert both.permits_host("erp.local", 1)
    assert both.permits_address(ip_address("10.0.0.1"), 1)


@pytest.mark.parametrize(
    ("entry", "normal"),
    [
        (" ERP.Local. ", "erp.local"),
        ("ERP.local:8443", "erp.local:8443"),
        ("erp.local:08443", "erp.local:8443"),
        ("10.0.0.7", "10.0.0.7"),
        ("10.0.0.7/32", "10.0.0.7"),
        ("10.0.0.7:443", "10.0.0.7:443"),
        ("10.1.2.3/16", "10.1.0.0/16"),
        ("fd00:0::7", "fd00::7"),
        ("[FD00::7]", "fd00::7"),
        ("[fd00:0::7]:443", "[fd00::7]:443"),
        ("fd00::1/8", "fd00::/8"),
    ],
)
def test_there_is_one_way_to_write_an_entry(entry: str, normal: str) -> None:
    assert normal_entry(entry) == normal
    assert normal_entry(normal) == normal
    assert AllowList.of([entry]) == AllowList.of([normal])


def test_an_entry_of_an_organisation_that_means_nothing_is_named() -> None:
    with pytest.raises(InvalidEntry, match="erp/x"):
        normal_entry("erp/x")


def test_nothing_added_is_nothing_more() -> None:
    some = AllowList.parse(["erp.local"])

    assert some | AllowList() == some
    assert AllowList() | some == some
