"""`tieline secrets`: the keys that secrets depend on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tieline.cli.database import migrated
from tieline.database import Database
from tieline.kit import json
from tieline.kit.time import to_wire
from tieline.secrets.errors import NothingToRotate
from tieline.secrets.master_key import MasterKey, make_key_file, read_if_any
from tieline.secrets.models import KeyUse
from tieline.secrets.opening import open_keyring
from tieline.secrets.rotation import KeyRotation, Rotation
from tieline.secrets.status import (
    TableStatus,
    VaultStatus,
    examine_table,
    examine_vault,
    opens_all,
)
from tieline.settings import Settings


async def rotate(settings: Settings, new_master_key_file: Path | None) -> int:
    """Give all secrets a new data key, or all data keys a new master key; the exit code.

    Raises `NothingToRotate`, `WrongMasterKey`, `MasterKeyMissing` and `InvalidMasterKey`.
    """
    if settings.secrets_in_vault:
        raise NothingToRotate
    async with migrated(settings) as database:
        if new_master_key_file is not None:
            await _replace_master_key(settings, database, new_master_key_file)
            return 0
        keyring = await open_keyring(settings, database)
        rotation = await KeyRotation(database, keyring).rotate()
    print(_told(rotation))
    return 1 if rotation.unreadable else 0


async def show_status(settings: Settings, *, as_json: bool) -> int:
    """Print where secrets are kept and with which keys; 1 if they cannot be read, else 0."""
    async with migrated(settings) as database:
        if settings.secrets_in_vault:
            vault = await examine_vault(settings, database)
            print(json.dumps_str(_vault_document(vault)) if as_json else _vault_text(vault))
            return 0 if vault.answers else 1
        table = await examine_table(settings, database)
    print(json.dumps_str(_table_document(table)) if as_json else _table_text(table))
    return 0 if table.master_key_fits else 1


async def _replace_master_key(settings: Settings, database: Database, path: Path) -> None:
    new = read_if_any(path)
    if new is None or not await opens_all(database, new.key):
        keyring = await open_keyring(settings, database)
        new = new or make_key_file(path)
        await KeyRotation(database, keyring).replace_master_key(new.key)
    print(_next_setting(settings, new))


def _next_setting(settings: Settings, new: MasterKey) -> str:
    instead = (
        "Set TIELINE_MASTER_KEY_FILE to it and remove TIELINE_MASTER_KEY"
        if settings.master_key is not None
        else f"Set TIELINE_MASTER_KEY_FILE={new.origin}"
    )
    return (
        f"All data keys now depend on the master key in {new.origin}.\n"
        f"{instead} before the next start of any process.\n"
        "Those that run go on with the data keys that they have used. Restart them soon, and in "
        "any case before the next `tieline secrets rotate`.\n"
        "Keep a copy of the file where the backups of the database are not."
    )


def _told(rotation: Rotation) -> str:
    deleted = ", ".join(map(str, rotation.deleted_versions)) or "none"
    lines = [
        f"Sealed {rotation.resealed} secret{'' if rotation.resealed == 1 else 's'} with data key "
        f"{rotation.version}. Older data keys deleted: {deleted}."
    ]
    lines += [
        f"{name} does not open and was left as it is. Set its value again."
        for name in rotation.unreadable
    ]
    return "\n".join(lines)


def _table_text(status: TableStatus) -> str:
    lines = ["Secrets are sealed in the database."]
    if status.master_key is None:
        lines.append("There is no master key" + (" yet." if not status.keys else "."))
    else:
        fits = "opens" if status.master_key_fits else "does NOT open"
        lines.append(f"The master key in {status.master_key} {fits} the data keys.")
    if not status.master_key_fits:
        lines.append("Name the right one in TIELINE_MASTER_KEY_FILE or TIELINE_MASTER_KEY.")
    return "\n".join([*lines, *_key_lines(status.keys)])


def _key_lines(keys: Sequence[KeyUse]) -> list[str]:
    return [
        f"Data key {key.version} of {key.created_at:%Y-%m-%d %H:%M} seals {key.secrets} "
        f"secret{'' if key.secrets == 1 else 's'}."
        for key in keys
    ]


def _table_document(status: TableStatus) -> dict[str, object]:
    return {
        "backend": "table",
        "master_key": status.master_key,
        "master_key_fits": status.master_key_fits,
        "data_keys": [
            {
                "version": key.version,
                "created_at": to_wire(key.created_at),
                "secrets": key.secrets,
            }
            for key in status.keys
        ],
    }


def _vault_text(status: VaultStatus) -> str:
    state = "answers" if status.answers else "does NOT answer"
    return (
        f"Secrets are kept in the vault at {status.url}, below {status.below}. It {state}.\n"
        f"Deleted and not yet removed from it: {status.waiting}."
    )


def _vault_document(status: VaultStatus) -> dict[str, object]:
    return {
        "backend": "vault",
        "url": status.url,
        "below": status.below,
        "answers": status.answers,
        "waiting": status.waiting,
    }
