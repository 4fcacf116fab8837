from __future__ import annotations

import fcntl
import socket
from pathlib import Path

import pytest

from tieline.demo.place import MARKER, DemoPlaceTaken, demo_settings, prepare
from tieline.settings import Settings


def test_without_a_directory_the_demo_lives_below_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert demo_settings(Settings()).data_dir == tmp_path / ".tieline" / "demo"


def test_a_directory_that_was_asked_for_is_kept(tmp_path: Path) -> None:
    assert demo_settings(Settings(data_dir=tmp_path)).data_dir == tmp_path


def test_the_demo_never_touches_an_external_database(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, database_url="postgresql://production/db")
    assert demo_settings(settings).database_url is None


def test_a_taken_port_gives_way_to_a_free_one_unless_asked_for(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        in_use = taken.getsockname()[1]

        class TakenByDefault(Settings):
            port: int = in_use

        assert demo_settings(TakenByDefault(data_dir=tmp_path)).port == 0
        with pytest.raises(DemoPlaceTaken, match="--port"):
            demo_settings(Settings(data_dir=tmp_path, port=in_use))


def test_a_free_port_is_kept(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        free = probe.getsockname()[1]
    assert demo_settings(Settings(data_dir=tmp_path, port=free)).port == free


def test_an_older_demo_is_deleted(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    prepare(place)
    (place / "old").write_text("x")
    prepare(place)
    assert [path.name for path in place.iterdir()] == [MARKER]


def test_an_empty_directory_is_used(tmp_path: Path) -> None:
    prepare(tmp_path)
    assert (tmp_path / MARKER).is_file()


def test_a_directory_with_anything_else_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "postgres"
    database.mkdir()
    with pytest.raises(DemoPlaceTaken, match="nothing was changed"):
        prepare(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["postgres"]


def test_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(DemoPlaceTaken, match="no directory"):
        prepare(file)


def test_a_demo_that_still_runs_is_not_deleted(tmp_path: Path) -> None:
    place = tmp_path / "demo"
    prepare(place)
    with (place / "clients.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with pytest.raises(DemoPlaceTaken, match="still running"):
            prepare(place)
    prepare(place)
    assert not (place / "clients.lock").exists()
