"""Whether the file proxies exist that an inbound configuration makes addresses for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tieline.integrations.models import UseCase, UseCaseType
from tieline.mapping.blocks import FileAddress, InboundConfiguration
from tieline.mapping.models import ConfigurationWarning

# Parameters that each address has, whether a file proxy declares them or not.
_GIVEN = frozenset({"orgId", "integrationId", "useCaseSlug", "useCaseId"})


@dataclass(frozen=True)
class FileReference:
    """An address that a mapping makes, and where in its configuration that is said."""

    path: str
    address: FileAddress


def file_references(configuration: InboundConfiguration) -> tuple[FileReference, ...]:
    """All addresses of files in a configuration."""
    return tuple(_references(configuration))


def _references(configuration: InboundConfiguration) -> Iterator[FileReference]:
    for block in configuration.entities:
        for index, field in enumerate(block.fields):
            if isinstance(field.value, FileAddress):
                path = f"entities[{block.index}].fields[{index}].file_proxy_url"
                yield FileReference(path, field.value)


def missing_file_proxies(
    references: Iterable[FileReference], use_cases: Iterable[UseCase]
) -> list[ConfigurationWarning]:
    """What will keep files from being fetched, given all use cases of the integration."""
    known = list(use_cases)
    warnings = []
    for reference in references:
        fault = _fault(reference.address, known)
        if fault is not None:
            path = f"configuration.{reference.path}"
            warnings.append(ConfigurationWarning(path, f"{path} {fault}"))
    return warnings


def _fault(address: FileAddress, use_cases: list[UseCase]) -> str | None:
    name = address.use_case_slug or address.use_case_id
    found = next((one for one in use_cases if name in (one.slug, str(one.id))), None)
    if found is None or found.type is not UseCaseType.FILE_PROXY:
        return (
            f'names the file proxy "{name}", and this integration has none of that name. Create '
            "it, or correct the name: until then these files cannot be fetched."
        )
    if not found.enabled:
        return f'names the file proxy "{found.name}", which is switched off. Enable it.'
    given = _GIVEN | {parameter.name for parameter in address.parameters}
    declared = (found.configuration or {}).get("params") or ()
    for param in declared:
        if param["required"] and param["name"] not in given:
            return (
                f'lacks the parameter "{param["name"]}", which the file proxy "{found.name}" '
                "requires. Add it."
            )
    return None
