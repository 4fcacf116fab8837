from __future__ import annotations

from uuid import uuid4

import pytest
from contract_examples import file_proxy, inbound, outbound
from contract_sdk import Sdk

from tieline.integrations.mapping_stamps import without_stamps
from tieline.kit.ids import parse_uuid

WARNED = {  # of what is not there yet
    "outbound": {
        "configuration.event_catalog_event",
        "configuration.mappings[0].delivery.webhook_id",
    }
}


def test_an_integration_lives_and_dies_through_version_1(sdk: Sdk, name: str) -> None:
    body = {
        "name": name,
        "description": "Möbius",
        "access_token_ids": ["api_1"],
        "environment_config": [
            {"key": "dms_secret", "label": "Secret", "type": "SecretString", "required": True}
        ],
        "settings": {"autoRefresh": {"enabled": True, "freshnessThresholdMinutes": 5}},
    }
    created = sdk.erp("createIntegration", None, body, expect=201).data
    place = {"integrationId": created["id"]}
    assert created.items() >= body.items()
    assert sdk.erp("getIntegration", place).data == created
    assert created in sdk.erp("listIntegrations").data["integrations"]

    changed = sdk.erp("updateIntegration", place, {"name": f"{name} 2"}).data
    assert (changed["name"], changed["description"]) == (f"{name} 2", "Möbius")

    sdk.erp("deleteIntegration", place)
    sdk.erp("getIntegration", place, expect=404)
    sdk.erp("updateIntegration", place, {"name": "x"}, expect=404)
    sdk.erp("deleteIntegration", place, expect=404)


def test_version_2_holds_an_integration_with_all_its_use_cases(sdk: Sdk, name: str) -> None:
    use_cases = [inbound(), outbound(), file_proxy()]
    created = sdk.erp(
        "createIntegrationV2", None, {"name": name, "use_cases": use_cases}, expect=201
    ).data
    place = {"integrationId": created["id"]}
    for use_case in created["use_cases"]:
        use_case.pop("warnings", None)  # said when it is stored, and not again
    stored = {use_case["slug"]: use_case for use_case in created["use_cases"]}
    for sent in use_cases:
        kept = stored[sent["slug"]]
        mine = {**kept, "configuration": without_stamps(kept["configuration"])}
        assert (
            mine.items()
            >= {
                **sent,
                "configuration": without_stamps(sent["configuration"]),
            }.items()
        )

    read = sdk.erp("getIntegrationV2", place).data
    assert read["use_cases"] == sorted(created["use_cases"], key=read["use_cases"].index)
    assert {**read, "use_cases": created["use_cases"]} == created
    assert read in sdk.erp("listIntegrationsV2").data["integrations"]
    sdk.erp("deleteIntegrationV2", place)
    sdk.erp("getIntegrationV2", place, expect=404)


def test_version_2_puts_the_wanted_state_in_place(sdk: Sdk, name: str) -> None:
    created = sdk.erp(
        "createIntegrationV2",
        None,
        {"name": name, "use_cases": [inbound(), outbound()]},
        expect=201,
    ).data
    place = {"integrationId": created["id"]}
    kept = next(u for u in created["use_cases"] if u["type"] == "inbound")
    new_id = str(uuid4())
    wanted = [inbound(id=kept["id"], name="Renamed"), file_proxy(id=new_id)]

    changed = sdk.erp("updateIntegrationV2", place, {"name": name, "use_cases": wanted}).data
    assert {(u["id"], u["name"]) for u in changed["use_cases"]} == {
        (kept["id"], "Renamed"),
        (new_id, "Invoices"),
    }
    untouched = sdk.erp("updateIntegrationV2", place, {"name": f"{name} 2"}).data
    assert untouched["use_cases"] == changed["use_cases"]
    emptied = sdk.erp("updateIntegrationV2", place, {"name": name, "use_cases": []}).data
    assert emptied["use_cases"] == []


@pytest.mark.parametrize("use_case", [inbound(), outbound(), file_proxy()], ids=lambda u: u["type"])
def test_a_use_case_of_each_type_keeps_its_history(
    sdk: Sdk, name: str, use_case: dict[str, object]
) -> None:
    integration = sdk.erp("createIntegration", None, {"name": name}, expect=201).data
    place = {"integrationId": integration["id"]}
    created = sdk.erp("createUseCase", place, use_case, expect=201).data
    warned = {warning["path"] for warning in created.pop("warnings", ())}
    assert warned == WARNED.get(str(use_case["type"]), set())
    assert parse_uuid(created["id"]) is not None
    assert created["integrationId"] == integration["id"]
    one = {**place, "useCaseId": created["id"]}
    assert sdk.erp("getUseCase", one).data == created
    assert sdk.erp("listUseCases", place).data["use_cases"] == [created]

    update = {"type": use_case["type"], "name": "Second", "change_description": "renamed"}
    changed = sdk.erp("updateUseCase", one, update).data
    assert changed["configuration"] == created["configuration"]
    (entry,) = sdk.erp("listUseCaseHistory", one).data["history"]
    assert (entry["name"], entry["configuration"]) == (created["name"], created["configuration"])

    sdk.erp("deleteUseCase", one)
    sdk.erp("getUseCase", one, expect=404)
    sdk.erp("listUseCaseHistory", one, expect=404)
    assert sdk.erp("listUseCases", place).data["use_cases"] == []


def test_a_long_history_comes_in_pages(sdk: Sdk, name: str) -> None:
    integration = sdk.erp("createIntegration", None, {"name": name}, expect=201).data
    place = {"integrationId": integration["id"]}
    created = sdk.erp("createUseCase", place, inbound(), expect=201).data
    one = {**place, "useCaseId": created["id"]}
    for number in range(23):
        sdk.erp("updateUseCase", one, {"type": "inbound", "name": f"Name {number}"})

    first = sdk.erp("listUseCaseHistory", one).data
    second = sdk.erp("listUseCaseHistory", {**one, "cursor": first["next_cursor"]}).data
    names = [entry["name"] for entry in (*first["history"], *second["history"])]
    assert names == [*(f"Name {number}" for number in reversed(range(22))), "Customers"]
    assert "next_cursor" not in second
