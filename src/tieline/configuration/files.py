"""The files themselves: found and read, written and tidied."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from tieline.configuration.errors import UnusableConfigurationFiles
from tieline.configuration.models import Fault
from tieline.configuration.reading import Source
from tieline.configuration.writing import HEADER

_SUFFIXES = (".yaml", ".yml")
MAX_FILES = 10_000
MAX_BYTES = 64_000_000  # of all files together


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """Say which file the system refuses to read or to write."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise _refusal(Path(str(error.filename or "-")), reason) from None


@_refusals()
def read_files(path: Path) -> list[Source]:
    """The file, or all YAML files below the directory but hidden ones, in the order of names.

    Raises `UnusableConfigurationFiles` when there is nothing to read, or too much of it, or when
    the system refuses.
    """
    if not path.exists():
        raise _refusal(path, "there is no such file or directory")
    found = [path] if path.is_file() else sorted(_below(path))
    if not found:
        raise _refusal(path, "there is no YAML file in it")
    if len(found) > MAX_FILES:
        raise _refusal(path, f"has {len(found):,} files; {MAX_FILES:,} are allowed")
    size = sum(file.stat().st_size for file in found)
    if size > MAX_BYTES:
        raise _refusal(path, f"has {size:,} bytes; {MAX_BYTES:,} are allowed")
    named = [(str(file.relative_to(path) if file != path else file), file) for file in found]
    return [Source(name, file.read_bytes()) for name, file in named]


@_refusals()
def read_stream(stream: BinaryIO) -> Source:
    """What is left of a stream. Raises `UnusableConfigurationFiles` when that is too much."""
    content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _refusal(Path("-"), f"has more than {MAX_BYTES:,} bytes")
    return Source("-", content)


def _below(directory: Path) -> Iterable[Path]:
    for file in directory.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(directory).parts)
        if not hidden and file.suffix in _SUFFIXES and file.is_file():
            yield file


def _refusal(path: Path, message: str) -> UnusableConfigurationFiles:
    return UnusableConfigurationFiles([Fault(str(path), 0, "", f"{message}.")])


@_refusals()
def write_files(directory: Path, files: Mapping[str, str], groups: Iterable[str]) -> list[str]:
    """Write files, by their names in the directory; the names of those that were removed.

    Earlier exports of the same groups are removed where nothing takes their place: files of their
    names or directories that begin with the header of an export. Nobody sees half a file. Raises
    `UnusableConfigurationFiles` when the system refuses.
    """
    for name, text in files.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        _replace(file, text)
    stale = [name for name in _exported(directory, groups) if name not in files]
    for name in stale:
        (directory / name).unlink()
    return stale


def _exported(directory: Path, groups: Iterable[str]) -> list[str]:
    header = HEADER.encode()
    found: list[str] = []
    for group in groups:
        for file in (directory / f"{group}.yaml", *sorted((directory / group).glob("*.yaml"))):
            if file.is_file():
                with file.open("rb") as opened:
                    if opened.read(len(header)) == header:
                        found.append(str(file.relative_to(directory)))
    return found


def _replace(file: Path, text: str) -> None:
    if file.is_file() and file.read_bytes() == text.encode():
        return
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(text.encode())
        mode = file.stat().st_mode & 0o777 if file.exists() else 0o666 & ~_umask()
        Path(name).chmod(mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
