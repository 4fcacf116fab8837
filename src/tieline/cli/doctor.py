"""`tieline doctor`: beside a running server, or without one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from tieline.cli.database import connected
from tieline.database.errors import DatabaseUnavailable, EmbeddedServerFailed
from tieline.doctor.models import Finding, Verdict, failed, warned
from tieline.doctor.service import examine_database, examine_machine
from tieline.kit import json
from tieline.settings import Settings

_WIDTH = 12
_EXTERNAL_NEXT = "Start the server, or correct TIELINE_DATABASE_URL."


async def examine_installation(settings: Settings, *, as_json: bool) -> int:
    """Print every finding; 1 when something fails, otherwise 0."""
    found = []
    async for finding in _examine(settings):
        found.append(finding)
        if not as_json:
            print(_as_text(finding), flush=True)
    if as_json:
        print(json.dumps_str(_as_document(found)))
    return int(_worst(found) is Verdict.FAIL)


async def _examine(settings: Settings) -> AsyncIterator[Finding]:
    async for finding in examine_machine(settings):
        yield finding
    embedded = settings.database_url is None
    if embedded and not (settings.data_dir / "postgres").is_dir():
        yield warned(
            "database",
            f"There is no database in {settings.data_dir} yet.",
            "Run `tieline serve` or `tieline migrate`, or name another --data-dir.",
        )
        return
    try:
        async with connected(settings) as database:
            async for finding in examine_database(settings, database):
                yield finding
    except (DatabaseUnavailable, EmbeddedServerFailed) as error:
        next_step = "Read postgres.log in the data directory." if embedded else _EXTERNAL_NEXT
        yield failed("database", error.message, next_step)
    except OSError as error:
        place = f"{error.filename}: " if error.filename is not None else ""
        next_step = "Let this account use the data directory." if embedded else _EXTERNAL_NEXT
        yield failed("database", f"It cannot be reached ({place}{error.strerror}).", next_step)


def _as_text(finding: Finding) -> str:
    line = f"{finding.verdict}  {finding.check:<{_WIDTH}}  {finding.message}"
    if finding.next_step is None:
        return line
    return f"{line}\n{'':<{_WIDTH + 8}}-> {finding.next_step}"


def _as_document(found: Sequence[Finding]) -> dict[str, object]:
    return {
        "verdict": _worst(found).value,
        "findings": [
            {
                "check": finding.check,
                "verdict": finding.verdict.value,
                "message": finding.message,
                "next_step": finding.next_step,
            }
            for finding in found
        ],
    }


def _worst(found: Sequence[Finding]) -> Verdict:
    verdicts = {finding.verdict for finding in found}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.WARN if Verdict.WARN in verdicts else Verdict.PASS
