"""The fence around the secrets of each organisation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.secrets.errors import InvalidVaultPath
from tieline.secrets.paths import VaultPaths

PATHS = VaultPaths("secret", "tieline")
SEGMENT = st.from_regex(r"[A-Za-z0-9_~@=-][A-Za-z0-9_.~@=-]{0,20}", fullmatch=True)

ELSEWHERE = [
    "",
    "secret",
    "secret/data/tieline/acme",
    "secret/data/tieline/acme/",
    "secret/data/tieline/other/key",
    "secret/data/tieline/acme2/key",
    "secret/data/tieline/ACME/key",
    "secret/data/other/acme/key",
    "kv/data/tieline/acme/key",
    "secret/metadata/tieline/acme/key",
    "secret/tieline/acme/key",
    "/secret/data/tieline/acme/key",
    "v1/secret/data/tieline/acme/key",
    "secret/data/tieline/acme/../other/key",
    "secret/data/tieline/acme/./key",
    "secret/data/tieline/acme/..",
    "secret/data/tieline/acme//key",
    "secret/data/tieline/acme/key/",
    "secret/data/tieline/acme/%2e%2e/other/key",
    "secret/data/tieline/acme/key%00",
    "secret/data/tieline/acme/ke\x00y",
    "secret/data/tieline/acme/key\n",
    "secret/data/tieline/acme/a b",
    "secret/data/tieline/acme/a?version=1",
    "secret/data/tieline/acme/a#b",
    "secret/data/tieline/acme/a\\..\\b",
    "secret/data/tieline/acme/schl\u00fcssel",
    "secret/data/tieline/acme/" + "a/" * 300 + "a",
    "secret/data/tieline/~tieline/tokens",
]


@pytest.mark.parametrize("path", ELSEWHERE)
def test_a_path_outside_the_own_prefix_is_refused(path: str) -> None:
    with pytest.raises(InvalidVaultPath):
        PATHS.relative_path("acme", path)


@given(st.lists(SEGMENT, min_size=1, max_size=5))
def test_a_path_below_the_own_prefix_comes_back(segments: list[str]) -> None:
    path = "/".join(segments)

    assert PATHS.relative_path("acme", PATHS.vault_path("acme", path)) == path


@given(st.text())
def test_no_text_leads_out_of_the_prefix(text: str) -> None:
    try:
        whole = PATHS.vault_path("acme", text)
    except InvalidVaultPath:
        return
    steps = whole.split("/")
    assert steps[:4] == ["secret", "data", "tieline", "acme"]
    assert not {"", ".", ".."} & set(steps)


@given(st.text())
def test_what_begins_as_it_must_is_still_checked(text: str) -> None:
    own = f"secret/data/tieline/acme/{text}"
    try:
        relative = PATHS.relative_path("acme", own)
    except InvalidVaultPath:
        return
    assert relative == text
    assert not {"", ".", ".."} & set(text.split("/"))


def test_mount_and_prefix_are_those_of_the_settings() -> None:
    paths = VaultPaths("team/kv", "erp")

    assert paths.vault_path("acme", "webhooks/1") == "team/kv/data/erp/acme/webhooks/1"
    assert paths.kv_path("acme", "webhooks/1") == "erp/acme/webhooks/1"
    with pytest.raises(InvalidVaultPath, match=r"must begin with team/kv/data/erp/acme/"):
        paths.relative_path("acme", "secret/data/tieline/acme/webhooks/1")
