"""Saving a mapping that makes addresses of files says whether anybody can fetch them."""

import pytest

ERP = "/erp-integration"
PROXY = {
    "name": "Documents",
    "slug": "documents",
    "type": "file_proxy",
    "enabled": True,
    "configuration": {
        "params": [{"name": "id", "required": True}, {"name": "orgId", "required": True}],
        "steps": [{"url": "https://e.example/", "method": "GET", "response_type": "binary"}],
        "response": {"body": "steps[0].body", "encoding": "binary"},
    },
}


def inbound(**address):
    params = address.pop("params", {"id": {"constant": 1}})
    fields = [
        {"attribute": "number", "field": "number"},
        {"attribute": "url", "file_proxy_url": {"params": params, **address}},
    ]
    return {
        "name": "Invoices",
        "type": "inbound",
        "enabled": True,
        "configuration": {
            "entities": [{"entity_schema": "file", "unique_ids": ["number"], "fields": fields}]
        },
    }


async def saved(client, *use_cases):
    body = {"name": "SAP", "use_cases": list(use_cases)}
    answer = await client.post(f"{ERP}/v2/integrations", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def warnings(use_case):
    return use_case.get("warnings", [])


@pytest.mark.parametrize("first", [0, 1])
async def test_a_file_proxy_of_the_same_request_is_known(client, first):
    order = [inbound(use_case_slug="documents"), PROXY]

    made = await saved(client, *order[first:], *order[:first])

    assert [warnings(use_case) for use_case in made["use_cases"]] == [[], []]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ({"use_case_slug": "nowhere"}, '"nowhere"'),
        ({"use_case_id": "5f0c2ad5-0d32-4c0d-8a3f-5c8ad7f2b1ce"}, "none of that name"),
        ({"use_case_slug": "documents", "params": {"other": {"constant": 1}}}, '"id"'),
    ],
)
async def test_what_cannot_be_fetched_is_a_warning(client, address, words):
    made = await saved(client, PROXY, inbound(**address))

    [warning] = warnings(made["use_cases"][1])
    assert warning["path"] == "configuration.entities[0].fields[1].file_proxy_url"
    assert words in warning["message"]


async def test_a_file_proxy_that_is_switched_off_is_a_warning(client):
    made = await saved(client, {**PROXY, "enabled": False}, inbound(use_case_slug="documents"))

    assert "switched off" in warnings(made["use_cases"][1])[0]["message"]


async def test_a_file_proxy_that_the_same_request_deletes_is_missing(client):
    made = await saved(client, PROXY, inbound(use_case_slug="documents"))
    kept = made["use_cases"][1]
    again = {**inbound(use_case_slug="documents"), "id": kept["id"]}
    body = {"name": "SAP", "use_cases": [again]}

    answer = await client.put(f"{ERP}/v2/integrations/{made['id']}", json=body)

    [use_case] = answer.json()["use_cases"]
    assert "none of that name" in warnings(use_case)[0]["message"]


async def test_a_proxy_by_its_id_is_found(client):
    made = await saved(client, PROXY)
    place = f"{ERP}/v1/integrations/{made['id']}/use-cases"

    answer = await client.post(place, json=inbound(use_case_id=made["use_cases"][0]["id"]))

    assert warnings(answer.json()) == []
