"""What is sealed opens only where it was sealed, and with the key that sealed it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tieline.secrets.errors import DataKeyUnreadable
from tieline.secrets.keyring import Keyring
from tieline.secrets.sealing import CannotOpen, DataKey, SealingKey, unwrap, wrap

KEY = DataKey(3, SealingKey.random())


@given(st.binary(max_size=200))
def test_what_was_sealed_comes_back(plain: bytes) -> None:
    assert KEY.open("acme", "a/b", *KEY.seal("acme", "a/b", plain)) == plain


@pytest.mark.parametrize(
    ("org_id", "path"), [("other", "a/b"), ("acme", "a/c"), ("acme/a", "b"), ("acm", "ea/b")]
)
def test_in_another_place_it_does_not_open(org_id: str, path: str) -> None:
    nonce, sealed = KEY.seal("acme", "a/b", b"plain")

    with pytest.raises(CannotOpen):
        KEY.open(org_id, path, nonce, sealed)


def test_under_another_version_it_does_not_open() -> None:
    nonce, sealed = KEY.seal("acme", "a/b", b"plain")

    with pytest.raises(CannotOpen):
        DataKey(4, KEY.key).open("acme", "a/b", nonce, sealed)


@pytest.mark.parametrize("place", range(5 + 16))
def test_a_changed_bit_is_noticed(place: int) -> None:
    nonce, sealed = KEY.seal("acme", "a/b", b"plain")
    changed = bytes(byte ^ (at == place) for at, byte in enumerate(sealed))

    with pytest.raises(CannotOpen):
        KEY.open("acme", "a/b", nonce, changed)


def test_the_same_is_never_sealed_alike() -> None:
    sealed = {KEY.seal("acme", "a/b", b"plain") for _ in range(100)}

    assert len({nonce for nonce, _ in sealed}) == 100
    assert len({text for _, text in sealed}) == 100


def test_a_data_key_opens_with_its_master_key_and_number_only() -> None:
    master = SealingKey.random()
    wrapped = wrap(master, KEY)

    assert unwrap(master, 3, wrapped).key.reveal() == KEY.key.reveal()
    with pytest.raises(CannotOpen):
        unwrap(master, 4, wrapped)
    with pytest.raises(CannotOpen):
        unwrap(SealingKey.random(), 3, wrapped)
    with pytest.raises(CannotOpen):
        unwrap(master, 3, b"short")


def test_keys_do_not_show_when_printed() -> None:
    shown = f"{KEY} {KEY.key!r} {KEY.key} {vars(KEY)}"

    assert KEY.key.reveal().hex() not in shown
    assert repr(KEY.key.reveal()) not in shown


def test_a_keyring_goes_on_with_the_keys_that_it_knows() -> None:
    old, new = SealingKey.random(), SealingKey.random()
    keyring = Keyring(old)
    stored = keyring.new_key(1)
    known = keyring.data_key(stored)
    rewrapped = keyring.rewrapped(stored, new)

    assert keyring.data_key(rewrapped) is known
    assert Keyring(new).data_key(rewrapped).key.reveal() == known.key.reveal()
    with pytest.raises(DataKeyUnreadable):
        Keyring(old).data_key(rewrapped)
