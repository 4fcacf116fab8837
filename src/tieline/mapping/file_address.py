"""Addresses under which files of the ERP system can be downloaded."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

from tieline.expressions.models import UNDEFINED
from tieline.expressions.scope import Scope
from tieline.kit import json as lossless_json
from tieline.mapping.blocks import AddressParameter, FileAddress
from tieline.mapping.event import Event
from tieline.mapping.reader import Reader
from tieline.mapping.sources import SOURCE_KEYS, parse_source

_ORGANISATION = "orgId"
_INTEGRATION = "integrationId"
_SLUG = "useCaseSlug"
_ID = "useCaseId"
# The last two are those of a link that is signed.
_RESERVED = frozenset({_ORGANISATION, _INTEGRATION, _SLUG, _ID, "expires_at", "signature"})
_SLUG_FORM = re.compile(r"[a-z0-9][a-z0-9_-]{0,254}")


def parse_file_address(reader: Reader, label: str) -> FileAddress:
    """The address of a file behind a file proxy use case."""
    reader.warn_unknown({"use_case_slug", "use_case_id", "params"})
    slug = reader.text("use_case_slug")
    use_case_id = reader.text("use_case_id")
    if (slug is None) == (use_case_id is None):
        raise reader.fail("use_case_slug", "or use_case_id must be given, and only one of them.")
    if slug is not None and _SLUG_FORM.fullmatch(slug) is None:
        raise reader.fail(
            "use_case_slug",
            "must be 1 to 255 of a-z, 0-9, _ and -, and not begin with _ or -. Correct it.",
        )
    parameters = _parse_parameters(reader.child("params"), label) if reader.has("params") else ()
    return FileAddress(slug, use_case_id, parameters)


def _parse_parameters(reader: Reader, label: str) -> tuple[AddressParameter, ...]:
    parameters: list[AddressParameter] = []
    for name in reader.raw:
        if name in _RESERVED:
            reader.warn(name, "has no effect: the address gets this parameter anyway. Rename it.")
            continue
        parameter = reader.child(name)
        parameter.warn_unknown(SOURCE_KEYS)
        source = parse_source(parameter, f'{label}, parameter "{name}"')
        if source is None:
            raise reader.fail(name, "needs a field, a constant or a jsonataExpression.")
        parameters.append(AddressParameter(name, source))
    return tuple(parameters)


def file_address(event: Event, address: FileAddress, scope: Scope) -> str | None:
    """The address, with its parameters in the order of the configuration.

    A parameter that is undefined or null is left out. None where no file proxy serves the event,
    as in a simulation.
    """
    context = event.file_proxy
    if context is None:
        return None
    pairs = [(_ORGANISATION, context.org_id), (_INTEGRATION, context.integration_id)]
    if address.use_case_slug is not None:
        pairs.append((_SLUG, address.use_case_slug))
    if address.use_case_id is not None:
        pairs.append((_ID, address.use_case_id))
    for parameter in address.parameters:
        value = event.value(parameter.source, scope)
        if value is not UNDEFINED and value is not None:
            pairs.append((parameter.name, _text(value)))
    return f"{context.base_url}/download?{urlencode(pairs, quote_via=quote, safe='')}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else lossless_json.dumps_str(value)
