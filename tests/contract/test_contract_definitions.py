"""The check itself: it would notice an answer that the definitions do not allow."""

from __future__ import annotations

from typing import Any

import pytest
from contract_definitions import Definition
from contract_installation import InstalledSdk
from contract_sdk import DEFINITION_FILES

INTEGRATION = {
    "id": "0198c0de-0000-7000-8000-000000000001",
    "orgId": "default",
    "name": "x",
    "created_at": "2026-01-31T08:30:00.000Z",
    "updated_at": "2026-01-31T08:30:00.000Z",
}


@pytest.fixture(scope="module")
def erp(installed_sdk: InstalledSdk) -> Definition:
    file = installed_sdk.definitions / DEFINITION_FILES["erpIntegration"]
    return Definition("erpIntegration", file)


def test_a_right_answer_has_no_faults(erp: Definition) -> None:
    assert erp.faults("getIntegration", 200, INTEGRATION) == []
    assert erp.faults("getIntegration", 404, {"code": "X", "message": "y"}) == []


@pytest.mark.parametrize(
    "change",
    [{"name": 7}, {"id": "no uuid"}, {"created_at": "yesterday"}, {"settings": {"autoRefresh": 1}}],
)
def test_a_wrong_value_is_noticed(erp: Definition, change: dict[str, Any]) -> None:
    assert erp.faults("getIntegration", 200, INTEGRATION | change)


@pytest.mark.parametrize("key", INTEGRATION)
def test_a_missing_value_is_noticed(erp: Definition, key: str) -> None:
    assert erp.faults("getIntegration", 200, {k: v for k, v in INTEGRATION.items() if k != key})


def test_a_status_that_is_not_listed_is_noticed(erp: Definition) -> None:
    assert erp.faults("getIntegration", 418, {"code": "X", "message": "y"})


def test_null_is_only_allowed_where_the_definition_says_so(erp: Definition) -> None:
    page = {"data": [], "has_more": False}
    assert erp.faults("queryInboundMonitoringEvents", 200, {**page, "next_cursor": None}) == []
    assert erp.faults("queryInboundMonitoringEvents", 200, {**page, "data": None})


def test_nested_references_are_followed(erp: Definition) -> None:
    answer = {"integrations": [{**INTEGRATION, "use_cases": [{"id": 1}]}]}
    assert erp.faults("listIntegrationsV2", 200, answer)
