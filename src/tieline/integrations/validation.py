"""Checks a configuration before it is stored, by one function per type of use case."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tieline.integrations.file_proxy_configuration import parse_file_proxy
from tieline.integrations.file_references import FileReference, file_references
from tieline.integrations.lookups import Lookup, lookups_of
from tieline.integrations.models import UseCaseType
from tieline.integrations.outbound_configuration import parse_outbound
from tieline.kit import json
from tieline.mapping.configuration import parse_configuration
from tieline.mapping.errors import InvalidConfiguration, MappingError
from tieline.mapping.mapper import Mapper
from tieline.mapping.models import ConfigurationWarning

_CARRIED = re.compile(r"entities\[0\]\.fields\[(\d+)\]\.jsonataExpression")
_CARRIER_LABEL = re.compile(r'\AEntity block 0 \(-\), field "e\d+": ')


@dataclass(frozen=True)
class CheckedConfiguration:
    """What is known of a configuration that can be stored.

    `lookups` are the attributes by which it searches entities, `files` the addresses of files that
    it makes; `warnings` name what has no effect.
    """

    lookups: frozenset[Lookup] = frozenset()
    warnings: tuple[ConfigurationWarning, ...] = ()
    files: tuple[FileReference, ...] = ()


async def check_configuration(
    use_case_type: UseCaseType, configuration: Mapping[str, Any], mapper: Mapper
) -> CheckedConfiguration:
    """Check the shape of a configuration and compile all its expressions.

    Raises `InvalidConfiguration` with the JSON path of the first fault.
    """
    match use_case_type:
        case UseCaseType.INBOUND:
            return await _check_inbound(configuration, mapper)
        case UseCaseType.OUTBOUND:
            expressions, warnings = parse_outbound(configuration)
        case UseCaseType.FILE_PROXY:
            expressions, warnings = parse_file_proxy(configuration)
    await _compile(expressions, mapper)
    return CheckedConfiguration(warnings=tuple(warnings))


async def check_sent_configuration(
    use_case_type: UseCaseType, configuration: Mapping[str, Any], mapper: Mapper
) -> CheckedConfiguration:
    """The same for the `configuration` of a request, to which all paths lead."""
    try:
        checked = await check_configuration(use_case_type, configuration, mapper)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(error.message, _sent_path(error.path)) from None
    warnings = (
        ConfigurationWarning(_sent_path(warning.path), warning.message)
        for warning in checked.warnings
    )
    return replace(checked, warnings=tuple(warnings))


def _sent_path(path: str) -> str:
    return f"configuration.{path}" if path else "configuration"


async def _check_inbound(raw: Mapping[str, Any], mapper: Mapper) -> CheckedConfiguration:
    configuration, warnings = parse_configuration(raw)
    _refuse_faults(await _faults(raw, mapper))
    return CheckedConfiguration(
        lookups_of(configuration), tuple(warnings), file_references(configuration)
    )


async def _compile(expressions: Mapping[str, str], mapper: Mapper) -> None:
    """Compile JSONata expressions, given by their paths."""
    # The sandbox knows inbound configurations: one field for each expression does.
    paths = list(expressions)
    fields = [
        {"attribute": f"e{index}", "jsonataExpression": source}
        for index, source in enumerate(expressions.values())
    ]
    carrier = {"entities": [{"entity_schema": "-", "unique_ids": ["e0"], "fields": fields}]}
    faults = await _faults(carrier, mapper)
    _refuse_faults([_uncarried(paths, place, message) for place, message in faults])


def _uncarried(paths: list[str], place: str, message: str) -> tuple[str, str]:
    """A fault with the path of the expression itself instead of its field in the carrier."""
    match = _CARRIED.fullmatch(place)
    path = paths[int(match[1])] if match else place
    return path, _CARRIER_LABEL.sub("", message)


async def _faults(configuration: Mapping[str, Any], mapper: Mapper) -> list[tuple[str, str]]:
    try:
        return await mapper.check(json.dumps(configuration))
    except InvalidConfiguration:
        raise
    except MappingError as error:
        raise InvalidConfiguration(f"The expressions cannot be compiled. {error.message}") from None


def _refuse_faults(faults: list[tuple[str, str]]) -> None:
    if faults:
        path, message = faults[0]
        raise InvalidConfiguration(f"{path}: {message}", path)
