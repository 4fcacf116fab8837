"""Settings come from a file, the environment and the command line; a wrong one is named."""

from pathlib import Path

import pytest

from tieline.settings import InvalidSettings, Settings, load_settings


def test_without_anything_set_all_defaults_hold() -> None:
    settings = load_settings({})

    assert settings == Settings()
    assert settings.host == "127.0.0.1"
    assert settings.database_url is None


def test_the_default_data_directory_follows_the_xdg_convention(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert load_settings({}).data_dir == tmp_path / "tieline"


def test_without_xdg_the_data_directory_is_in_the_home_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert load_settings({}).data_dir == tmp_path / ".local" / "share" / "tieline"


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    config = tmp_path / "tieline.toml"
    config.write_text('port = 1001\nhost = "file"\nbatch_size = 7\n')
    environment = {"TIELINE_CONFIG": str(config), "TIELINE_PORT": "1002", "TIELINE_HOST": "env"}

    settings = load_settings(environment, port=1003)

    assert (settings.batch_size, settings.host, settings.port) == (7, "env", 1003)


def test_a_file_named_on_the_command_line_replaces_that_of_the_environment(tmp_path: Path) -> None:
    named = tmp_path / "named.toml"
    named.write_text("port = 1001")

    settings = load_settings({"TIELINE_CONFIG": str(tmp_path / "absent.toml")}, config=named)

    assert settings.port == 1001


def test_an_override_that_is_none_changes_nothing() -> None:
    assert load_settings({"TIELINE_PORT": "1002"}, port=None, data_dir=None).port == 1002


def test_variables_of_other_programs_are_ignored() -> None:
    assert load_settings({"PORT": "1", "PATH": "/bin"}) == Settings()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"TIELINE_PORT": "70000"}, "TIELINE_PORT (set in the environment) is '70000'"),
        ({"TIELINE_PROT": "8080"}, "TIELINE_PROT (set in the environment) is no setting"),
        ({"TIELINE_LOG_LEVEL": "loud"}, "TIELINE_LOG_LEVEL (set in the environment) is 'loud'"),
    ],
)
def test_a_wrong_setting_is_named_with_its_place(
    environment: dict[str, str], expected: str
) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings(environment)

    assert caught.value.message.startswith(expected)


def test_every_wrong_setting_has_a_line() -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings({"TIELINE_PORT": "x"}, batch_size=0)

    lines = caught.value.message.splitlines()
    assert len(lines) == 2
    assert any("TIELINE_BATCH_SIZE (set on the command line)" in line for line in lines)


def test_a_wrong_setting_in_a_file_names_the_file(tmp_path: Path) -> None:
    config = tmp_path / "tieline.toml"
    config.write_text('port = "many"')

    with pytest.raises(InvalidSettings, match=r"tieline\.toml"):
        load_settings({}, config=config)


def test_a_password_in_a_wrong_database_url_is_not_repeated() -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings({"TIELINE_DATABASE_URL": "mysql://me:hunter2@host/db"})

    assert "hunter2" not in caught.value.message
    assert "must start with postgresql://" in caught.value.message


@pytest.mark.parametrize("url", ["postgresql://h/d", "postgres://u:p@h:5432/d"])
def test_both_spellings_of_a_postgresql_address_are_accepted(url: str) -> None:
    assert load_settings({"TIELINE_DATABASE_URL": url}).database_url == url


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"TIELINE_HOST": "::1", "TIELINE_PORT": "99"}, "http://[::1]:99"),
        ({"TIELINE_PUBLIC_URL": "https://hub.example"}, "https://hub.example"),
        ({"TIELINE_PUBLIC_URL": "https://hub.example:8443/erp/"}, "https://hub.example:8443/erp"),
    ],
)
def test_the_public_address_is_the_configured_one_or_made_of_host_and_port(
    environment: dict[str, str], address: str
) -> None:
    assert load_settings(environment).public_address == address


@pytest.mark.parametrize(
    "url", ["hub.example", "ftp://hub.example", "https://", "https:///x", "https://h?x=1"]
)
def test_a_public_address_that_cannot_be_one_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings, match="TIELINE_PUBLIC_URL"):
        load_settings({"TIELINE_PUBLIC_URL": url})


def test_an_absent_file_is_refused_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="Name an existing TOML file"):
        load_settings({}, config=tmp_path / "absent.toml")


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe"])
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    config = tmp_path / "tieline.toml"
    config.write_bytes(content)

    with pytest.raises(InvalidSettings, match="is not valid TOML"):
        load_settings({}, config=config)


def test_settings_cannot_be_changed_later() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1  # type: ignore[misc]


def test_an_empty_variable_is_as_good_as_none():
    assert load_settings({"TIELINE_DATA_DIR": "", "TIELINE_PORT": ""}) == load_settings({})


def test_the_case_of_a_variable_does_not_matter():
    assert load_settings({"tieline_port": "99"}).port == 99


def test_proxies_are_addresses_and_networks() -> None:
    settings = load_settings({"TIELINE_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.7"})

    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.7")
    with pytest.raises(InvalidSettings, match="'everyone' is neither an address nor a network"):
        load_settings({"TIELINE_TRUSTED_PROXIES": "everyone"})


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("TIELINE_TRUSTED_PROXIES", "x", "0: 'x' is neither an address nor a network."),
        ("TIELINE_OIDC_ISSUERS", "x", "'x': is not valid JSON. Write a list of objects."),
    ],
)
def test_a_reason_is_told_without_words_of_the_library(name: str, value: str, words: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        load_settings({name: value})

    assert str(refused.value).endswith(words)
