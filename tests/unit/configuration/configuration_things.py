"""Kinds for tests of the pure parts: they are stored nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from tieline.configuration.kinds.kind import (
    Document,
    Kind,
    Parents,
    Report,
    Stored,
    TopKind,
    checked,
)
from tieline.configuration.models import Thing


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str | None = None
    size: int | None = None
    password: str | None = None
    data: dict[str, Any] | None = None


class _Named(Kind):
    has_ids = True

    def document(self, raw: dict[str, Any], report: Report) -> Document:
        text = checked(_Text, raw, report)
        return raw if text is None else text.model_dump(exclude_none=True)

    def key(self, document: Document) -> str:
        return str(document.get("name", ""))

    def usual_id(self, text: str) -> str | None:
        return None if " " in text else text.lower()

    async def create(self, org_id: str, parents: Parents, wanted: Thing) -> Stored:
        raise AssertionError

    async def change(self, org_id: str, parents: Parents, current: Thing, wanted: Thing) -> Stored:
        raise AssertionError

    async def delete(self, org_id: str, parents: Parents, current: Thing) -> None:
        raise AssertionError


class Drawer(_Named):
    noun = "drawer"
    section = "drawers"


class Desk(_Named, TopKind):
    noun = "desk"
    section = "desks"
    group = "desks"
    a_file_each = True
    parts: Sequence[Kind] = (Drawer(),)

    async def current(self, org_id: str) -> list[Thing]:
        raise AssertionError


class Lamp(_Named, TopKind):
    noun = "lamp"
    section = "lamps"
    group = "light"
    permanent = "lamps burn for ever"

    async def current(self, org_id: str) -> list[Thing]:
        raise AssertionError

    def implied(self, document: Document) -> Iterable[tuple[str, Document]]:
        if "size" in document:
            yield "bulbs", {"name": f"bulb {document['size']}"}


class Bulb(_Named, TopKind):
    noun = "bulb"
    section = "bulbs"
    group = "light"

    async def current(self, org_id: str) -> list[Thing]:
        raise AssertionError


KINDS = (Desk(), Lamp(), Bulb())
