"""The events that Tieline defines itself, one file of YAML for each topic."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from tieline.catalogue.definitions import BUILT_IN_TAG, EventDefinition
from tieline.catalogue.parsing import parse_definition
from tieline.kit import yaml

_TOPICS = ("entities", "metering", "customers", "contracts", "requests", "orders", "syncs")


@cache
def built_in_events() -> Mapping[str, EventDefinition]:
    """The built-in events by name, in the order in which they are listed."""
    found: dict[str, EventDefinition] = {}
    for topic in _TOPICS:
        text = files(__package__).joinpath(f"{topic}.yaml").read_text("utf-8")
        for raw in yaml.loads(text):
            definition = parse_definition({**raw, "event_tags": [BUILT_IN_TAG, *raw["event_tags"]]})
            found[definition.name] = definition
    return found
