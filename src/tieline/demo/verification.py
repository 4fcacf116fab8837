"""Whether what is found is what the generator knows must be there; every difference in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tieline.demo.client import Client
from tieline.demo.models import Ending, Expectation, Sample, Status
from tieline.kit import json


@dataclass(frozen=True)
class Findings:
    """What the public API shows once everything is applied."""

    endings: Counter[Ending]
    entities: Counter[str]
    failures: Mapping[Ending, str]
    """One reason per kind of ending that is no plain success."""
    differences: tuple[str, ...]


async def verify(client: Client, integration_id: str, expected: Expectation) -> Findings:
    """Read outcomes, counts and samples, and compare them with the expectation."""
    endings: Counter[Ending] = Counter()
    failures: dict[Ending, str] = {}
    async for outcome in client.outcomes(integration_id):
        ending = Ending(Status(outcome["status"]), outcome.get("error_code"))
        endings[ending] += 1
        if ending != Ending():
            failures.setdefault(ending, outcome.get("error_message") or "")
    entities = Counter({schema: await client.count(schema) for schema in expected.entities})
    differences = [
        *_count_differences("outcome", _named(endings), _named(expected.endings)),
        *_count_differences("schema", entities, expected.entities),
    ]
    for sample in expected.samples:
        differences.extend(await _sample_differences(client, sample))
    return Findings(endings, entities, failures, tuple(differences))


def _named(endings: Counter[Ending]) -> Counter[str]:
    return Counter({" ".join(filter(None, (e.status, e.code))): n for e, n in endings.items()})


def _count_differences(what: str, found: Counter[str], expected: Counter[str]) -> Iterator[str]:
    for name in sorted(found.keys() | expected.keys()):
        if found[name] != expected[name]:
            yield f"{what} {name}: expected {expected[name]}, found {found[name]}"


async def _sample_differences(client: Client, sample: Sample) -> list[str]:
    name = f"{sample.schema} {sample.value}"
    found = await client.find(sample.schema, **{sample.attribute: sample.value})
    if len(found) != 1:
        return [f"{name}: expected one entity, found {len(found)}"]
    entity = found[0]
    differences = list(attribute_differences(name, entity, sample.attributes))
    if sample.relation is not None:
        differences.extend(await _relation_differences(client, name, entity, sample.relation))
    return differences


async def _relation_differences(
    client: Client, name: str, entity: Mapping[str, Any], relation: tuple[str, str, str, str]
) -> list[str]:
    attribute, schema, unique_attribute, value = relation
    targets = await client.find(schema, **{unique_attribute: value})
    wanted = [target["_id"] for target in targets]
    links = (entity.get(attribute) or {}).get("$relation", [])
    named = [link["entity_id"] for link in links]
    if len(wanted) == 1 and named == wanted:
        return []
    return [f"{name}, relation {attribute}: expected {wanted} ({schema} {value}), found {named}"]


def attribute_differences(name: str, found: Any, expected: Any) -> Iterator[str]:
    """Where the found value lacks something of the expected one; more than expected is fine."""
    match expected:
        case Mapping() if isinstance(found, Mapping):
            for key, value in expected.items():
                yield from attribute_differences(f"{name}.{key}", found.get(key), value)
        case list() if isinstance(found, list) and len(found) == len(expected):
            for index, value in enumerate(expected):
                yield from attribute_differences(f"{name}[{index}]", found[index], value)
        case _ if json.dumps(found) != json.dumps(expected):
            yield f"{name}: expected {json.dumps_str(expected)}, found {json.dumps_str(found)}"
