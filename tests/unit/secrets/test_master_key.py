"""Where the master key comes from."""

import base64
import stat
from pathlib import Path

import pytest

from tieline.secrets.errors import InvalidMasterKey
from tieline.secrets.master_key import find_master_key, make_key_file, read_key_file
from tieline.settings import InvalidSettings, Settings, load_settings

KEY = base64.b64encode(bytes(range(32))).decode()


def settings(data_dir: Path, **more: str) -> Settings:
    named = {f"TIELINE_{name.upper()}": value for name, value in more.items()}
    return load_settings(named, data_dir=data_dir)


def test_without_any_there_is_none(tmp_path: Path) -> None:
    assert find_master_key(settings(tmp_path)) is None


def test_it_is_taken_from_the_environment(tmp_path: Path) -> None:
    found = find_master_key(settings(tmp_path, master_key=KEY))

    assert found is not None
    assert (found.key.reveal(), found.origin) == (bytes(range(32)), "TIELINE_MASTER_KEY")
    assert KEY not in repr(found)


def test_it_is_taken_from_the_named_file(tmp_path: Path) -> None:
    file = tmp_path / "named"
    file.write_text(f"  {KEY}\n")

    found = find_master_key(settings(tmp_path, master_key_file=str(file)))

    assert found is not None
    assert (found.key.reveal(), found.origin) == (bytes(range(32)), str(file))


def test_a_file_is_made_readable_by_its_owner_only(tmp_path: Path) -> None:
    made = make_key_file(tmp_path / "master.key")
    found = find_master_key(settings(tmp_path))

    assert found is not None
    assert found.key.reveal() == made.key.reveal()
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_file_that_is_there_is_never_written(tmp_path: Path) -> None:
    first = make_key_file(tmp_path / "master.key")
    content = (tmp_path / "master.key").read_bytes()

    assert make_key_file(tmp_path / "master.key").key.reveal() == first.key.reveal()
    assert (tmp_path / "master.key").read_bytes() == content


@pytest.mark.parametrize("text", ["", "short", KEY[:-2], KEY + "AAAA", "ä" * 44, "\x00" * 44])
def test_what_is_no_key_is_refused_without_being_repeated(tmp_path: Path, text: str) -> None:
    (tmp_path / "master.key").write_text(text, "utf-8")

    with pytest.raises(InvalidMasterKey, match="openssl rand -base64 32") as caught:
        find_master_key(settings(tmp_path))
    assert not text or text not in caught.value.message


def test_two_keys_at_once_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidMasterKey, match="set one of them"):
        find_master_key(settings(tmp_path, master_key=KEY, master_key_file="/x"))


def test_a_file_that_cannot_be_read_or_made_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidMasterKey, match="cannot be read"):
        read_key_file(tmp_path / "none")
    (tmp_path / "no-directory").write_text("")
    (tmp_path / "file").touch()
    with pytest.raises(InvalidMasterKey, match="cannot be written"):
        make_key_file(tmp_path / "file" / "key")


def test_settings_do_not_show_secrets(tmp_path: Path) -> None:
    made = settings(tmp_path, master_key=KEY, vault_token="hvs.secret", vault_secret_id="s.e.c")

    assert not any(text in f"{made} {made!r}" for text in (KEY, "hvs.secret", "s.e.c"))


def test_a_wrong_address_of_a_vault_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="TIELINE_VAULT_URL") as caught:
        settings(tmp_path, vault_url="https://jane:hunter2@vault")
    assert "hunter2" not in caught.value.message
