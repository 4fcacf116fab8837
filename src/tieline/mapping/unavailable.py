"""Parts of a configuration that are accepted and checked, but not yet carried out."""

from __future__ import annotations

from enum import StrEnum

from tieline.mapping.blocks import Unavailable
from tieline.mapping.models import RelationOperation
from tieline.mapping.reader import Reader
from tieline.mapping.sources import SOURCE_KEYS, parse_source, parse_unique_ids


class ScopeMode(StrEnum):
    """How the entities that may be pruned are found."""

    RELATIONS = "relations"
    QUERY = "query"


def parse_prune_scope(reader: Reader, label: str) -> Unavailable:
    """The scope of a pruning mode; it must be there and be complete."""
    if not reader.has("scope"):
        raise reader.fail("scope", "is required for a mode that prunes. Add it.")
    scope = reader.child("scope")
    if not scope.has("scope_mode"):
        raise scope.fail("scope_mode", "is required. Choose relations or query.")
    if scope.choice("scope_mode", ScopeMode, ScopeMode.RELATIONS) is ScopeMode.QUERY:
        parse_unique_ids(scope, "query", label)
    else:
        scope.required_text("schema")
        parse_unique_ids(scope, "unique_ids", label)
    scope.warn_unknown({"scope_mode", "schema", "unique_ids", "query"})
    return Unavailable("Pruning", reader.at("mode"), silent=False)


def parse_relation_refs(reader: Reader, label: str) -> Unavailable:
    """References to one item of a related entity's attribute."""
    reader.warn_unknown({"operation", "items", "jsonataExpression"})
    if not reader.has("operation"):
        raise reader.fail("operation", "is required. Choose _set, _append or _append_all.")
    reader.choice("operation", RelationOperation, RelationOperation.SET)
    if reader.text("jsonataExpression") is None and not reader.has("items"):
        raise reader.fail("items", "is required unless there is a jsonataExpression. Add it.")
    for item in reader.children("items"):
        item.warn_unknown({"entity_schema", "unique_ids", "path", "value"})
        item.required_text("entity_schema")
        item.required_text("path")
        parse_unique_ids(item, "unique_ids", label)
        value = item.child("value")
        value.warn_unknown({"attribute", "operation", *SOURCE_KEYS})
        value.required_text("attribute")
        value.choice("operation", RelationOperation, RelationOperation.SET)
        parse_source(value, label)
    return Unavailable("A relation reference", reader.path, silent=False)


def parse_file_proxy_url(reader: Reader, label: str) -> Unavailable:
    """The address of a file behind a file proxy use case."""
    reader.warn_unknown({"use_case_slug", "use_case_id", "params"})
    if (reader.text("use_case_slug") is None) == (reader.text("use_case_id") is None):
        raise reader.fail("use_case_slug", "or use_case_id must be given, and only one of them.")
    if reader.has("params"):
        params = reader.child("params")
        for name in params.raw:
            param = params.child(name)
            param.warn_unknown(SOURCE_KEYS)
            if parse_source(param, label) is None:
                raise params.fail(name, "needs a field, a constant or a jsonataExpression.")
    return Unavailable("A file proxy address", reader.path, silent=True)
