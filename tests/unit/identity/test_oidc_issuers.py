"""Issuers as they are configured: what is wrong with them is said at the start."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tieline.identity.oidc.issuers import Issuers, origin_of
from tieline.settings import InvalidSettings, OidcIssuer, load_settings

ISSUER = {"issuer": "https://login.example", "audience": "tieline", "organisation": "acme"}


def configured(**different: object) -> OidcIssuer:
    return OidcIssuer(**{**ISSUER, **different})  # type: ignore[arg-type]


def test_issuers_come_from_the_environment_as_json() -> None:
    settings = load_settings({"TIELINE_OIDC_ISSUERS": json.dumps([ISSUER])})

    (issuer,) = settings.oidc_issuers
    assert (issuer.issuer, issuer.audience) == ("https://login.example", ("tieline",))
    assert issuer.client_id_claim == ("client_id", "azp")
    assert issuer.clock_skew_seconds == 60


def test_issuers_come_from_a_file_as_tables(tmp_path: Path) -> None:
    path = tmp_path / "tieline.toml"
    path.write_text(
        "[[oidc_issuers]]\n"
        'issuer = "https://login.example"\n'
        'audience = ["a", "b"]\n'
        'organisation_claim = "org"\n'
        "[oidc_issuers.role_mapping]\n"
        '"ERP Admins" = "admin"\n'
    )

    (issuer,) = load_settings({}, config=path).oidc_issuers
    assert issuer.audience == ("a", "b")
    assert issuer.role_mapping == {"ERP Admins": "admin"}


@pytest.mark.parametrize(
    ("different", "named"),
    [
        ({"issuer": "login.example"}, "0.issuer"),
        ({"issuer": "https://user:pass@login.example"}, "0.issuer"),
        ({"issuer": "https://login.example?x=y"}, "0.issuer"),
        ({"audience": None}, "0.audience"),
        ({"audience": []}, "0.audience"),
        ({"organisation": None}, "organisation or organisation_claim"),
        ({"organisation_claim": "org"}, "organisation or organisation_claim"),
        ({"organisation": "a/b"}, "0.organisation"),
        ({"algorithms": ["HS256"]}, "0.algorithms.0"),
        ({"algorithms": ["none"]}, "0.algorithms.0"),
        ({"clock_skew_seconds": 3600}, "0.clock_skew_seconds"),
        ({"rolesclaim": "roles"}, "0.rolesclaim"),
    ],
)
def test_a_wrong_issuer_is_named(different: dict[str, object], named: str) -> None:
    text = json.dumps([{**ISSUER, **different}])

    with pytest.raises(InvalidSettings) as refused:
        load_settings({"TIELINE_OIDC_ISSUERS": text})

    assert "TIELINE_OIDC_ISSUERS (set in the environment)" in refused.value.message
    assert named in refused.value.message


@pytest.mark.parametrize("text", ["{", "[1]", "x", "[" * 100_000])
def test_what_is_no_list_of_issuers_is_refused(text: str) -> None:
    with pytest.raises(InvalidSettings, match="TIELINE_OIDC_ISSUERS"):
        load_settings({"TIELINE_OIDC_ISSUERS": text})


@pytest.mark.parametrize(
    "different", [{"default_roles": ["owner"]}, {"role_mapping": {"x": "root"}}]
)
def test_a_role_that_does_not_exist_is_named(different: dict[str, object]) -> None:
    with pytest.raises(InvalidSettings, match=r"(owner|root).*viewer, operator, editor, admin"):
        Issuers([configured(**different)])


def test_an_issuer_is_listed_once_for_each_audience() -> None:
    Issuers([configured(), configured(audience="other", organisation="two")])

    with pytest.raises(InvalidSettings, match="listed twice"):
        Issuers([configured(), configured(audience=["other", "tieline"])])


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://login.example/realms/x", ("login.example", 443)),
        ("http://keycloak:8080/realms/x", ("keycloak", 8080)),
        ("http://keycloak", ("keycloak", 80)),
    ],
)
def test_only_the_issuers_own_origin_is_opened(url: str, place: tuple[str, int]) -> None:
    allowed = origin_of(url)

    assert allowed.permits_host(*place)
    assert not allowed.permits_host(place[0], place[1] + 1)
    assert not allowed.permits_host("localhost", place[1])


def test_issuers_without_encryption_are_known_unless_they_are_here() -> None:
    urls = ("http://keycloak:8080", "https://login.example", "http://127.0.0.1:1", "http://[::1]")
    issuers = Issuers([configured(issuer=url) for url in urls])

    assert issuers.readable_by_others == ("http://keycloak:8080",)


def test_hosts_to_be_reached_come_from_the_environment_with_commas() -> None:
    settings = load_settings({"TIELINE_EGRESS_ALLOW": "erp.local, 10.0.0.0/8"})

    assert settings.egress_allow == ("erp.local", "10.0.0.0/8")


def examples() -> list[str]:
    """The TOML blocks of the documentation."""
    page = Path(__file__).parents[3] / "docs" / "oidc.md"
    return re.findall(r"```toml\n(.*?)```", page.read_text("utf-8"), re.S)


@pytest.mark.parametrize("example", examples())
def test_the_examples_of_the_documentation_are_valid(example: str, tmp_path: Path) -> None:
    path = tmp_path / "tieline.toml"
    path.write_text(example)

    assert Issuers(load_settings({}, config=path).oidc_issuers)


def test_the_table_of_the_documentation_has_every_field() -> None:
    page = (Path(__file__).parents[3] / "docs" / "oidc.md").read_text("utf-8")

    assert [name for name in OidcIssuer.model_fields if f"\n| `{name}` |" not in page] == []
