"""Whether secrets can be read: the master key fits, or the vault answers."""

from __future__ import annotations

from tieline.database import Database
from tieline.doctor.models import Finding, failed, passed, warned
from tieline.kit.errors import TielineError
from tieline.secrets.status import TableStatus, VaultStatus, examine_table, examine_vault
from tieline.settings import Settings

_NAME = "secrets"


async def check_secrets(settings: Settings, database: Database) -> Finding:
    """What a start of the server would find. Changes nothing and asks for no secret."""
    try:
        if settings.secrets_in_vault:
            return judge_vault(await examine_vault(settings, database))
        return judge_table(await examine_table(settings, database))
    except TielineError as error:
        return failed(_NAME, error.message, "Correct the setting: no process starts with it.")


def judge_table(status: TableStatus) -> Finding:
    """Whether the master key opens what the database holds."""
    if status.master_key is None and status.keys:
        return failed(
            _NAME,
            "There is no master key for the secrets in the database.",
            "Restore master.key from a backup, or name the key in TIELINE_MASTER_KEY_FILE.",
        )
    if not status.master_key_fits:
        return failed(
            _NAME,
            f"The master key in {status.master_key} does not open the secrets in the database.",
            "Name the right one in TIELINE_MASTER_KEY_FILE or TIELINE_MASTER_KEY.",
        )
    if status.master_key is None:
        return passed(_NAME, "There are none yet; the first start makes the master key.")
    return passed(_NAME, f"The master key in {status.master_key} opens them.")


def judge_vault(status: VaultStatus) -> Finding:
    """Whether the vault answers; events are accepted and applied without it."""
    if status.answers:
        return passed(_NAME, f"The vault at {status.url} answers.")
    return warned(
        _NAME,
        f"The vault at {status.url} does not answer.",
        "What needs a secret is refused until it does. Start or unseal it, or correct "
        "TIELINE_VAULT_URL.",
    )
