"""Applications, connectors and webhooks in files: they are records, and alike but for their fields.

Files say what somebody has decided about a record, not how it fares, and leave out what is as it
would be without them. What lies in the vault is named by its path below the organisation's part,
so that the same file fits every organisation.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Generic
from uuid import UUID

from tieline.audit.actor import current_actor
from tieline.configuration.kinds.kind import Document, Parents, Report, Stored, TopKind, checked
from tieline.configuration.models import Thing
from tieline.kit import json
from tieline.records.drafts import RecordDraft
from tieline.records.envelope import Caller, SystemCaller
from tieline.records.listing import MAX_LIMIT, Listing, Order, Page
from tieline.records.table import R, RecordTable
from tieline.secrets.errors import InvalidVaultPath
from tieline.secrets.paths import VaultPaths, checked_path

_VAULT_PATH = "vault_path"


class RecordKind(TopKind, Generic[R]):
    """A kind of record. `fields` are those of which files speak, in their order in files."""

    has_ids = True
    fields: ClassVar[Sequence[str]]
    draft: ClassVar[type[RecordDraft]]

    def __init__(self, table: RecordTable[R], paths: VaultPaths) -> None:
        self._table = table
        self._paths = paths
        self._records: dict[str, R] = {}

    @abstractmethod
    async def _page(self, caller: Caller, listing: Listing) -> Page[R]:
        """A page of records."""

    @abstractmethod
    async def _create(self, caller: Caller, draft: Any, record_id: UUID | None) -> R:
        """Store a new record."""

    @abstractmethod
    async def _change(self, caller: Caller, record_id: UUID, version: int, draft: Any) -> R:
        """Store a changed record."""

    @abstractmethod
    async def _delete(self, caller: Caller, record_id: UUID) -> None:
        """Remove a record."""

    def _kept_elsewhere(self, record: R) -> bool:
        """Whether the record's place in the vault was chosen by Tieline."""
        return False

    async def current(self, org_id: str) -> list[Thing]:
        """All records that are not deleted, oldest first."""
        columns = self._table.columns
        listing = Listing((Order(columns["created_at"]), Order(columns["id"])), limit=MAX_LIMIT)
        found: list[R] = []
        while True:
            page = await self._page(_caller(org_id), listing)
            found += page.records
            if page.next_after is None:
                break
            listing = replace(listing, after=page.next_after)
        self._records = {self._table.wire_id(record): record for record in found}
        return [self._thing(record) for record in found]

    def usual_id(self, text: str) -> str | None:
        """The id as the domain API shows it."""
        value = self._table.id_form.from_wire(text)
        return None if value is None else self._table.id_form.to_wire(value)

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        """What a file says of a record."""
        for name in raw:
            if name not in self.fields:
                report((name,), f"is not known here. There are {', '.join(self.fields)}")
        known = {name: value for name, value in raw.items() if name in self.fields}
        self._check_vault_path(known, report)
        draft = checked(self.draft, known, report)
        if draft is None:
            return raw
        said = {name: value for name, value in draft.fields().items() if value is not None}
        return self._arranged({name: self._shown(name, value) for name, value in said.items()})

    async def create(self, org_id: str, parents: Parents, wanted: Thing) -> Stored:
        """Store a new record."""
        draft = self._draft(org_id, wanted.document, wanted.document)
        record_id = self._table.stored_id(wanted.id) if wanted.id else None
        return self._stored(await self._create(_caller(org_id), draft, record_id), wanted)

    async def change(self, org_id: str, parents: Parents, current: Thing, wanted: Thing) -> Stored:
        """Change the fields that differ; nobody else has changed the record since it was read."""
        assert current.id is not None
        names = {*current.document, *wanted.document}
        changed = [
            name for name in names if _text(current.document, name) != _text(wanted.document, name)
        ]
        draft = self._draft(org_id, wanted.document, changed)
        before = self._records[current.id]
        record_id = self._table.stored_id(current.id)
        changed_record = await self._change(_caller(org_id), record_id, before.version, draft)
        return self._stored(changed_record, wanted)

    async def delete(self, org_id: str, parents: Parents, current: Thing) -> None:
        """Remove a record."""
        assert current.id is not None
        await self._delete(_caller(org_id), self._table.stored_id(current.id))

    def _stored(self, record: R, wanted: Thing) -> Stored:
        record_id = self._table.wire_id(record)
        self._records[record_id] = record
        return Stored(record_id)

    def _thing(self, record: R) -> Thing:
        document = self._table.document(record)
        said = {name: document[name] for name in self.fields if document[name] is not None}
        if _VAULT_PATH in said:
            if self._kept_elsewhere(record):
                del said[_VAULT_PATH]
            else:
                said[_VAULT_PATH] = self._relative(record.org_id, said[_VAULT_PATH])
        arranged = self._arranged(said)
        record_id = self._table.wire_id(record)
        return Thing(record_id, self.key(arranged) or record_id, arranged)

    def _arranged(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The fields in their order, without those that are as they would be unsaid."""
        defaults = self._table.defaults
        plain = json.loads(json.dumps(dict(said)))
        return {
            name: plain[name]
            for name in self.fields
            if name in plain
            and not (name in defaults and _same(plain[name], self._shown(name, defaults[name])))
        }

    def _shown(self, name: str, value: Any) -> Any:
        return self._table.columns[name].show(value)

    def _draft(self, org_id: str, document: Document, names: Any) -> RecordDraft:
        """What to write: the fields of these names, cleared where the document has none."""
        said = {name: document.get(name) for name in names}
        path = said.get(_VAULT_PATH)
        if path is not None:
            said[_VAULT_PATH] = self._paths.vault_path(org_id, path)
        return self.draft.model_validate(said)

    def _relative(self, org_id: str, vault_path: str) -> str:
        try:
            return self._paths.relative_path(org_id, vault_path)
        except InvalidVaultPath:  # stored while the settings were others
            return vault_path

    def _check_vault_path(self, raw: Mapping[str, Any], report: Report) -> None:
        path = raw.get(_VAULT_PATH)
        if not isinstance(path, str):
            return
        try:
            checked_path(path)
        except InvalidVaultPath:
            report((_VAULT_PATH,), "is no path of a secret, such as connectors/sap")
        if path.startswith(f"{self._paths.mount}/data/"):
            # What the API shows. Below the organisation's own part it would name another secret.
            report((_VAULT_PATH,), "begins in a file after the organisation: connectors/sap")


def _caller(org_id: str) -> SystemCaller:
    return SystemCaller(org_id, current_actor().id)


def _text(document: Document, name: str) -> bytes:
    return json.dumps(document.get(name))


def _same(one: Any, other: Any) -> bool:
    return json.dumps(one) == json.dumps(other)
