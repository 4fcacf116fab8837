"""Watches which secrets a run of the tests makes, and searches everything that it leaves for them.

A secret is known from the moment in which it is handed to the secret store; API keys, signing
secrets and private keys are known by their form. None of them may be found in the database (as
text, Base64 or hexadecimal digits), in exports of the configuration and of the audit log, in the
logs of the servers, or in the body of a refusal.
"""

from __future__ import annotations

import base64
import contextlib
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import ahocorasick

if TYPE_CHECKING:
    from tieline.database import Database, OrgTransaction
    from tieline.http.services import Services
    from tieline.secrets.table_store import TableSecretStore

SHORTEST = 12  # shorter ones are words that tests also use for other things
_LONGEST_BODY = 4_000
# Whatever was made where nobody watched, in another process for example.
_BY_FORM = re.compile(
    rb"tl_[a-z]+_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}|whsec_[0-9A-Za-z+/]{30,}={0,2}"
    rb"|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)


class Leaks:
    """The secrets of one test process, and the places in which they were found."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._refusals: deque[str] = deque(maxlen=50_000)
        self._prepared: tuple[int, ahocorasick.Automaton] | None = None

    @contextlib.contextmanager
    def watching(self, store: type[TableSecretStore]) -> Iterator[None]:
        """Remember every secret that is handed to the store meanwhile."""
        write = store.write

        async def watched(
            itself: TableSecretStore, tx: OrgTransaction, path: str, values: Mapping[str, str]
        ) -> None:
            self.watch(text for name, text in values.items() if not name.endswith("_at"))
            await write(itself, tx, path, values)

        store.write = watched  # type: ignore[method-assign]
        try:
            yield
        finally:
            store.write = write  # type: ignore[method-assign]

    def watch(self, values: Iterable[str]) -> None:
        """Remember secrets."""
        self._secrets.update(value for value in values if len(value) >= SHORTEST)

    def note_refusal(self, text: str) -> None:
        """Remember the body of an answer that refused something."""
        self._refusals.append(text[:_LONGEST_BODY])

    @property
    def watched(self) -> int:
        """How many secrets are known."""
        return len(self._secrets)

    def in_refusals(self) -> list[str]:
        """The refusals that repeat a secret."""
        text = "\n".join(self._refusals).encode()
        return [f"a refusal: {found}" for found in self._found(text)]

    def in_files(self, folder: Path) -> list[str]:
        """The log files below a folder with a secret in them."""
        return [
            f"{path.name}: {found}"
            for path in sorted(folder.rglob("*.log"))
            for found in self._found(path.read_bytes())
        ]

    async def in_exports(self, use: Services, *org_ids: str) -> list[str]:
        """The organisations that have a secret, or those that are named, with one in an export."""
        from tieline.audit.documents import entry_document
        from tieline.audit.models import AuditQuery
        from tieline.cli.configuration import all_kinds
        from tieline.configuration.rehearsal import RehearsingSecretStore
        from tieline.configuration.service import ConfigurationService
        from tieline.configuration.writing import export_files
        from tieline.kit import json

        secrets = RehearsingSecretStore(use.secrets)
        kinds = all_kinds(use.settings, use.database, use.mapper, secrets, "export")
        configuration = ConfigurationService(use.database, kinds, secrets)
        found = []
        for org_id in org_ids or await _with_secrets(use.database):
            files = export_files(kinds, await configuration.export(org_id, kinds)).files
            entries = [entry async for entry in await use.audit.export(org_id, AuditQuery())]
            log = b"\n".join(json.dumps(entry_document(entry)) for entry in entries)
            for what, text in (("files", "\n".join(files.values()).encode()), ("audit log", log)):
                found += [f"export of the {what} of {org_id}: {each}" for each in self._found(text)]
        return found

    async def in_database(self, database: Database) -> list[str]:
        """The tables with a secret in them."""
        found = []
        async with database.system() as tx:
            tables = await tx.fetch(
                "SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n "
                "ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r' "
                "ORDER BY 1"
            )
            for table in [row["name"] for row in tables]:
                dump = bytearray()

                async def take(part: bytes, dump: bytearray = dump) -> None:
                    dump.extend(part)

                await tx.connection.copy_from_table(table, output=take, schema_name="public")
                found += [f"table {table}: {each}" for each in self._found(bytes(dump))]
        return found

    def _found(self, text: bytes) -> Iterator[str]:
        for match in _BY_FORM.finditer(text):
            yield f"...{text[max(0, match.start() - 60) : match.start() + 12]!r}"
        told: set[str] = set()
        for end, (secret, length) in self._automaton().iter(text.decode("latin-1")):
            if secret not in told:
                told.add(secret)
                at = end - length + 1
                yield f"{secret[:4]}... after {text[max(0, at - 60) : at]!r}"

    def _automaton(self) -> ahocorasick.Automaton:
        """Finds all secrets in one pass: there are thousands, and hundreds of megabytes."""
        if self._prepared is None or self._prepared[0] != len(self._secrets):
            automaton = ahocorasick.Automaton()
            for secret in self._secrets:
                for form in _forms(secret):
                    automaton.add_word(form.decode("latin-1"), (secret, len(form)))
            automaton.add_word("\0never\0", ("", 0))  # an empty one refuses to search
            automaton.make_automaton()
            self._prepared = len(self._secrets), automaton
        return self._prepared[1]


async def _with_secrets(database: Database) -> list[str]:
    async with database.system() as tx:
        rows = await tx.fetch(
            "SELECT id FROM organisations WHERE id IN (SELECT org_id FROM secrets) ORDER BY id"
        )
    return [row["id"] for row in rows]


def _forms(secret: str) -> Iterator[bytes]:
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    # Base64 of it wherever it begins in what was encoded, without the characters that it shares.
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        yield encoded[(0, 2, 3)[shift] : len(encoded) - 4]
