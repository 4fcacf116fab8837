from __future__ import annotations

from collections.abc import Callable

import pytest

from tieline.demo.dataset import generate
from tieline.demo.models import Dataset, DemoEvent
from tieline.demo.use_cases import use_cases
from tieline.expressions.evaluator import Evaluator
from tieline.expressions.limits import Limits
from tieline.kit import json
from tieline.mapping.configuration import parse_configuration
from tieline.mapping.engine import map_event
from tieline.mapping.models import MappingResult, PayloadFormat
from tieline.mapping.payload import parse_payload


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return generate()


@pytest.fixture(scope="session")
def map_demo_event() -> Callable[[DemoEvent], MappingResult]:
    """Maps an event by the use case that its route names, as the inbound pipeline does."""
    evaluator = Evaluator(Limits())
    by_name = {}
    for use_case in use_cases():
        configuration, _ = parse_configuration(use_case["configuration"])
        by_name[use_case["slug"]] = by_name[use_case["name"]] = configuration

    def run(event: DemoEvent) -> MappingResult:
        name = event.route.get("use_case_slug") or event.route["event_name"]
        text = event.payload if isinstance(event.payload, str) else json.dumps_str(event.payload)
        payload = parse_payload(text.encode(), PayloadFormat(event.format))
        evaluator.begin_task()
        return map_event(by_name[name], payload, evaluator)

    return run
