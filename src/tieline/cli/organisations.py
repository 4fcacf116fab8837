"""`tieline organisations`: works while a server runs and while none does."""

from __future__ import annotations

import re

from tieline.cli.database import migrated
from tieline.cli.errors import InvalidLimit
from tieline.cli.tables import table
from tieline.identity.errors import OrganisationNotFound
from tieline.identity.repository import Organisation
from tieline.identity.service import IdentityService
from tieline.kit import json
from tieline.settings import Settings

_WORDS = {"none": 0, "default": None}
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


async def show(settings: Settings, *, as_json: bool) -> None:
    """Print the organisations of this installation."""
    async with migrated(settings) as database:
        found = await IdentityService(database).list_organisations()
    if as_json:
        print(json.dumps_str([_described(each, settings) for each in found]))
        return
    rows = [(each.id, str(each.keys), _limit_in_words(each.rpm_limit, settings)) for each in found]
    print(table(("ID", "USABLE KEYS", "REQUESTS PER MINUTE"), rows))


async def limit(settings: Settings, org_id: str, rpm: str) -> None:
    """Set an organisation's limit. Raises `InvalidLimit` and `OrganisationNotFound`."""
    if rpm not in _WORDS and not _NUMBER.fullmatch(rpm):
        raise InvalidLimit(f"--rpm {rpm!r} is no limit. Give a number, `none` or `default`.")
    wanted = _WORDS[rpm] if rpm in _WORDS else int(rpm)
    async with migrated(settings) as database:
        try:
            await IdentityService(database).limit_organisation(org_id, wanted)
        except OrganisationNotFound:
            raise OrganisationNotFound(
                f"There is no organisation {org_id}. `tieline organisations list` shows those that "
                "exist."
            ) from None
    print(f"Requests per minute of {org_id}: {_limit_in_words(wanted, settings)}.")


def _limit_in_words(own: int | None, settings: Settings) -> str:
    if own is None:
        default = settings.organisation_rpm
        return f"{default:,} by default" if default else "no limit by default"
    return f"{own:,}" if own else "no limit"


def _described(organisation: Organisation, settings: Settings) -> dict[str, object]:
    own = organisation.rpm_limit
    return {
        "id": organisation.id,
        "name": organisation.name,
        "usable_keys": organisation.keys,
        "rpm_limit": (settings.organisation_rpm if own is None else own) or None,
        "rpm_limit_is_default": own is None,
    }
