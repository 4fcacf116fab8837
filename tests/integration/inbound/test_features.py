"""Pruning, references, readings and file addresses, from an accepted event to what is stored."""

from __future__ import annotations

import asyncio

import pytest

from tieline.entities.service import WriteOptions
from tieline.inbound.request import IngestLimits, read_request
from tieline.integrations.models import UseCaseChange, UseCaseType
from tieline.kit import json

CONTRACTS = {
    "entities": [
        {
            "entity_schema": "account",
            "unique_ids": ["number"],
            "fields": [{"attribute": "number", "field": "account"}],
        },
        {
            "entity_schema": "contract",
            "unique_ids": ["number"],
            "jsonataExpression": "contracts.{'number': $, 'account': $$.account}",
            "mode": "upsert-prune-scope-delete",
            "scope": {
                "scope_mode": "relations",
                "schema": "account",
                "unique_ids": [{"attribute": "number", "field": "account"}],
            },
            "fields": [
                {"attribute": "number", "field": "number"},
                {
                    "attribute": "account",
                    "relations": {
                        "operation": "_set",
                        "items": [
                            {
                                "entity_schema": "account",
                                "unique_ids": [{"attribute": "number", "field": "account"}],
                            }
                        ],
                    },
                },
            ],
        },
    ]
}
TARIFFS = {
    "entities": [
        {
            "entity_schema": "tariff",
            "unique_ids": ["code"],
            "jsonataExpression": "tariffs.{'code': $, 'region': $$.region}",
            "mode": "upsert-prune-scope-purge",
            "scope": {
                "scope_mode": "query",
                "query": [{"attribute": "region", "field": "region"}],
            },
            "fields": [
                {"attribute": "code", "field": "code"},
                {"attribute": "region", "field": "region"},
            ],
        }
    ]
}
INVOICE = {
    "entities": [
        {
            "entity_schema": "invoice",
            "unique_ids": ["number"],
            "fields": [
                {"attribute": "number", "field": "number"},
                {
                    "attribute": "address",
                    "relation_refs": {
                        "operation": "_set",
                        "items": [
                            {
                                "entity_schema": "contact",
                                "unique_ids": [{"attribute": "number", "field": "customer"}],
                                "path": "address",
                                "value": {
                                    "attribute": "address",
                                    "operation": "_append",
                                    "field": "address",
                                },
                            }
                        ],
                    },
                },
                {
                    "attribute": "document",
                    "file_proxy_url": {
                        "use_case_slug": "documents",
                        "params": {"id": {"field": "number"}, "kind": {"constant": "a b"}},
                    },
                },
            ],
        }
    ]
}
READINGS = {
    "entities": [
        {
            "entity_schema": "meter",
            "unique_ids": ["number"],
            "fields": [{"attribute": "number", "field": "meter"}],
        }
    ],
    "meter_readings": [
        {
            "jsonataExpression": "readings.$merge([$, {'meter': $$.meter}])",
            "mode": "upsert-prune-scope",
            "scope": {"source": "ERP"},
            "meter": {"unique_ids": [{"attribute": "number", "field": "meter"}]},
            "fields": [
                {"attribute": "external_id", "field": "id"},
                {"attribute": "timestamp", "field": "at"},
                {"attribute": "value", "field": "value"},
                {"attribute": "source", "constant": "ERP"},
            ],
        }
    ],
}
USE_CASES = {"contracts": CONTRACTS, "tariffs": TARIFFS, "invoice": INVOICE, "readings": READINGS}


class Erp:
    """An integration with all use cases, and what became of the events sent to it."""

    def __init__(self, services, org, integration_id):
        self.services, self.org, self.integration_id = services, org, integration_id

    async def send(self, slug, *payloads):
        """The outcomes of the events, once all of them have one."""
        events = [
            {"use_case_slug": slug, "timestamp": "2026-01-31T08:00:00Z", "payload": payload}
            for payload in payloads
        ]
        body = json.dumps({"integration_id": str(self.integration_id), "events": events})
        request = read_request(body, IngestLimits(1000, 10_000_000))
        results = await self.services.acceptance.accept(self.org, request)
        ids = [result.event_id for result in results]
        async with asyncio.timeout(30):
            while True:
                rows = await self.outcomes(ids)
                if len({row["event_id"] for row in rows}) == len(ids):
                    return rows
                await asyncio.sleep(0.02)

    async def outcomes(self, ids):
        async with self.services.database.reading(self.org) as tx:
            return await tx.fetch(
                "SELECT * FROM inbound_outcomes WHERE org_id = $1 AND event_id = ANY($2) "
                "ORDER BY event_id, sync_type",
                ids,
            )

    async def entities(self, schema):
        async with self.services.database.reading(self.org) as tx:
            rows = await tx.fetch(
                "SELECT id, attributes FROM entities "
                "WHERE org_id = $1 AND schema = $2 AND deleted_at IS NULL",
                schema,
            )
        return {row["id"]: json.loads(row["attributes"]) for row in rows}

    async def named(self, schema, attribute="number"):
        return sorted(e[attribute] for e in (await self.entities(schema)).values())

    async def readings(self):
        async with self.services.database.reading(self.org) as tx:
            rows = await tx.fetch(
                "SELECT external_id, value FROM meter_readings WHERE org_id = $1 ORDER BY read_at"
            )
        return [(row["external_id"], str(row["value"])) for row in rows]


@pytest.fixture
async def erp(services, org, key):
    changes = [
        UseCaseChange(
            type=UseCaseType.INBOUND, name=slug, slug=slug, enabled=True, configuration=content
        )
        for slug, content in USE_CASES.items()
    ]
    made = await services.integrations.create_integration(org, {"name": "all"}, changes)
    return Erp(services, org, made.integration.id)


async def test_contracts_that_an_account_does_not_have_any_more_are_deleted(erp):
    await erp.send(
        "contracts",
        {"account": "A1", "contracts": ["C1", "C2", "C3"]},
        {"account": "A2", "contracts": ["C9"]},
    )
    assert await erp.named("contract") == ["C1", "C2", "C3", "C9"]
    [outcome] = await erp.send("contracts", {"account": "A1", "contracts": ["C2"]})
    assert await erp.named("contract") == ["C2", "C9"]
    assert outcome["status"] == "success"
    assert "PRUNE_SCOPE_COMPLETED" in outcome["warnings"]


async def test_an_empty_list_deletes_all_contracts_of_the_account_and_no_others(erp):
    await erp.send(
        "contracts",
        {"account": "A1", "contracts": ["C1", "C2"]},
        {"account": "A2", "contracts": ["C9"]},
        {"account": "A1", "contracts": []},
    )
    assert await erp.named("contract") == ["C9"]


async def test_pruning_sees_what_earlier_events_of_the_batch_did(erp):
    payloads = [{"account": "A1", "contracts": [f"C{n}", f"C{n + 1}"]} for n in range(200)]
    await erp.send("contracts", *payloads)
    assert await erp.named("contract") == ["C199", "C200"]


async def test_scopes_that_share_entities_are_loaded_completely(erp, services, org, monkeypatch):
    accounts = ["A1", "A2", "A3"]
    await erp.send("contracts", *({"account": name, "contracts": []} for name in accounts))
    ids = [str(entity_id) for entity_id in await erp.entities("account")]
    shared = {f"S{n}": ids for n in range(10)}
    own = {f"O{n}": [entity_id] for n, entity_id in enumerate(ids)}
    for number, related in {**shared, **own}.items():
        relation = {"$relation": [{"entity_id": entity_id} for entity_id in related]}
        attributes = {"number": number, "account": relation}
        await services.entities.create(org, "contract", attributes, WriteOptions())
    # Less than the 33 relations, more than the 16 entities.
    monkeypatch.setattr("tieline.inbound.batch._MOST_LOADED", 25)
    await erp.send("contracts", *({"account": name, "contracts": []} for name in accounts))
    assert await erp.named("contract") == []


async def test_a_query_scope_is_purged(erp, database, org):
    await erp.send(
        "tariffs",
        {"region": "north", "tariffs": [f"T{n}" for n in range(150)]},
        {"region": "south", "tariffs": ["S1"]},
    )
    await erp.send("tariffs", {"region": "north", "tariffs": ["T0"]})
    assert await erp.named("tariff", "code") == ["S1", "T0"]
    async with database.reading(org) as tx:
        assert await tx.fetchval("SELECT count(*) FROM entities WHERE org_id = $1") == 2


async def test_an_incomplete_scope_prunes_nothing(erp):
    await erp.send("tariffs", {"region": "north", "tariffs": ["T1"]})
    [outcome] = await erp.send("tariffs", {"tariffs": []})
    assert outcome["error_code"] == "MISSING_UNIQUE_IDENTIFIERS"
    assert await erp.named("tariff", "code") == ["T1"]


async def test_an_address_is_referred_to_and_keeps_its_id(erp):
    ring = {"street": "Ring 1"}
    await erp.send("invoice", {"number": "I1", "customer": "K1", "address": ring})
    await erp.send("invoice", {"number": "I2", "customer": "K1", "address": ring})
    [(contact_id, contact)] = (await erp.entities("contact")).items()
    [address] = contact["address"]
    reference = {"entity_id": str(contact_id), "path": "address", "_id": address["_id"]}
    for invoice in (await erp.entities("invoice")).values():
        assert invoice["address"] == {"$relation_ref": [reference]}


async def test_a_file_has_an_address(erp, application, org):
    await erp.send("invoice", {"number": "I1", "customer": "K1", "address": {"street": "x"}})
    [invoice] = (await erp.entities("invoice")).values()
    assert invoice["document"] == (
        f"{application.settings.public_address}/erp-integration/download?orgId={org}"
        f"&integrationId={erp.integration_id}&useCaseSlug=documents&id=I1&kind=a%20b"
    )


async def test_readings_are_stored_changed_and_pruned_beside_their_meter(erp):
    first = {
        "meter": "M1",
        "readings": [
            {"id": "R1", "at": "2026-01-31", "value": 100},
            {"id": "R2", "at": "2026-02-28", "value": 120.5},
        ],
    }
    outcomes = await erp.send("readings", first)
    assert [(row["sync_type"], row["status"]) for row in outcomes] == [
        ("entity", "success"),
        ("meter_reading", "success"),
    ]
    assert await erp.readings() == [("R1", "100"), ("R2", "120.5")]
    second = {"meter": "M1", "readings": [{"id": "R2", "at": "2026-02-28", "value": "121"}]}
    await erp.send("readings", second)
    assert await erp.readings() == [("R2", "121")]
    await erp.send("readings", {"meter": "M1", "readings": []})
    assert await erp.readings() == []


async def test_a_meter_comes_back_from_the_recycle_bin_with_its_readings(erp, services, org):
    payload = {"meter": "M1", "readings": [{"id": "R1", "at": "2026-01-31", "value": 100}]}
    await erp.send("readings", payload)
    [meter_id] = await erp.entities("meter")
    await services.entities.delete(org, "meter", meter_id, WriteOptions(), purge=False)
    outcomes = await erp.send(
        "readings", {**payload, "readings": [{**payload["readings"][0], "value": 105}]}
    )
    assert [row["error_code"] for row in outcomes] == ["SOFT_DELETED_ENTITY_MATCHED", None]
    assert await erp.named("meter") == ["M1"]
    assert await erp.readings() == [("R1", "105")]


async def test_a_bad_reading_leaves_neither_readings_nor_entities(erp):
    payload = {
        "meter": "M1",
        "readings": [
            {"id": "R1", "at": "2026-01-31", "value": 100},
            {"id": "R2", "at": "2026-02-30", "value": 100},
        ],
    }
    [outcome] = await erp.send("readings", payload)
    assert outcome["sync_type"] == "meter_reading"
    assert outcome["error_code"] == "INVALID_METER_READING"
    assert "2026-02-30" in outcome["error_message"]
    assert await erp.readings() == []
    assert await erp.entities("meter") == {}


async def test_readings_of_one_batch_follow_each_other(erp):
    payloads = [
        {"meter": f"M{n % 5}", "readings": [{"id": "R", "at": "2026-01-31", "value": n}]}
        for n in range(300)
    ]
    await erp.send("readings", *payloads)
    assert sorted(value for _, value in await erp.readings()) == [str(295 + n) for n in range(5)]


async def test_a_thousand_readings_in_one_event(erp):
    readings = [
        {"id": f"R{n}", "at": f"2026-01-{1 + n // 96:02d}T{n % 96 // 4:02d}:{n % 4 * 15:02d}:00Z"}
        for n in range(1000)
    ]
    payload = {"meter": "M1", "readings": [{**r, "value": n} for n, r in enumerate(readings)]}
    outcomes = await erp.send("readings", payload)
    assert {row["status"] for row in outcomes} == {"success"}
    assert len(await erp.readings()) == 1000
