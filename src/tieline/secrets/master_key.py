"""The master key: where it comes from, and the file that holds it where nothing else is said."""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

from tieline.secrets.errors import InvalidMasterKey
from tieline.secrets.sealing import KEY_BYTES, SealingKey
from tieline.settings import Settings

DEFAULT_FILE = "master.key"
_READABLE_BY_OTHERS = 0o077
_LONGEST_FILE = 1_000

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class MasterKey:
    """The key that wraps all data keys, and where it was found."""

    key: SealingKey
    origin: str


def default_file(settings: Settings) -> Path:
    """The file that is used, and made, where no setting names a master key."""
    return settings.data_dir / DEFAULT_FILE


def find_master_key(settings: Settings) -> MasterKey | None:
    """The configured master key, else that of the data directory, else None.

    Raises `InvalidMasterKey` when it is no key or its file cannot be read.
    """
    if settings.master_key is not None and settings.master_key_file is not None:
        raise InvalidMasterKey("TIELINE_MASTER_KEY and TIELINE_MASTER_KEY_FILE: set one of them.")
    if settings.master_key is not None:
        origin = "TIELINE_MASTER_KEY"
        return MasterKey(_decoded(settings.master_key.get_secret_value(), origin), origin)
    if settings.master_key_file is not None:
        return read_key_file(settings.master_key_file)
    return read_if_any(default_file(settings))


def read_key_file(path: Path) -> MasterKey:
    """The master key in a file. Raises `InvalidMasterKey` when there is none in it."""
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST_FILE).decode("ascii", "replace")
            mode = os.fstat(file.fileno()).st_mode
    except OSError as error:
        raise InvalidMasterKey(
            f"The master key file {path} cannot be read ({error.strerror}). Let this account read "
            "it, or name another one in TIELINE_MASTER_KEY_FILE."
        ) from None
    if mode & _READABLE_BY_OTHERS:
        log.warning("master_key.readable_by_others", file=str(path), next_step="chmod 600")
    return MasterKey(_decoded(text, str(path)), str(path))


def read_if_any(path: Path) -> MasterKey | None:
    """The master key in a file, or None when there is no file. Raises `InvalidMasterKey`."""
    return read_key_file(path) if path.exists() else None


def make_key_file(path: Path) -> MasterKey:
    """A new master key in a new file, which appears complete and durable or not at all.

    When somebody else makes the file at the same moment, theirs is the key. Raises
    `InvalidMasterKey` when it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write_new(path, base64.b64encode(SealingKey.random().reveal()) + b"\n")
    except OSError as error:
        raise InvalidMasterKey(
            f"The master key file {path} cannot be written ({error.strerror}). Let this account "
            "write there, or name another file."
        ) from None
    return read_key_file(path)


def _write_new(path: Path, text: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        Path(temporary).unlink()
    _flush_directory(path.parent)


def _flush_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _decoded(text: str, origin: str) -> SealingKey:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidMasterKey(
            f"The master key in {origin} is not {KEY_BYTES} bytes in base64. "
            "`openssl rand -base64 32` makes one; for secrets that exist, give the one they have."
        )
    return SealingKey(key)
