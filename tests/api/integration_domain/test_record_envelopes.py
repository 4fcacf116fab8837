"""What every record of the domain carries: its stamps, its version, its end."""

from __future__ import annotations

import asyncio
import re

import pytest
from domain_records import (
    DOMAIN,
    KINDS,
    VENDOR_SAMPLE,
    calling_for,
    changed,
    created,
    got,
    ids,
    listed,
    patched,
    refused,
)

DELETABLE = ("connectors", "webhooks")
PREFIXES = {"applications": "app", "connectors": "cnn", "webhooks": "whk"}
STAMPS = {
    "id": "rec_1",
    "tenant_id": "somebody else",
    "app_id": "other",
    "created_at": "2001-01-01T00:00:00Z",
    "updated_at": "2001-01-01T00:00:00Z",
    "created_by": "nobody",
    "updated_by": "nobody",
    "is_deleted": True,
    "deleted_at": "2001-01-01T00:00:00Z",
    "deleted_by": "nobody",
    "schema_version": 99,
}

every_kind = pytest.mark.parametrize("kind", KINDS)
every_deletable_kind = pytest.mark.parametrize("kind", DELETABLE)


def shown_id(key):
    """The id of a key as this surface shows it."""
    return key.id.replace("api_", "key_")


@every_kind
async def test_the_sample_of_the_reference_creates_a_record(client, kind):
    record = await created(client, kind, **VENDOR_SAMPLE)

    assert record["id"] != VENDOR_SAMPLE["id"]


@every_kind
async def test_an_id_is_a_prefix_and_a_ulid(client, kind):
    record = await created(client, kind)

    assert re.fullmatch(rf"{PREFIXES[kind]}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}", record["id"])
    assert await got(client, kind, record) == {
        name: value for name, value in record.items() if name != "signing_secret"
    }


@every_kind
async def test_the_server_stamps_a_record(client, org, services, kind):
    [key] = await services.identity.list_keys(org)
    record = await created(client, kind)

    assert record["tenant_id"] == org
    assert record["created_by"] == record["updated_by"] == shown_id(key)
    assert record["created_at"] == record["updated_at"]
    assert record["created_at"].endswith("Z")
    assert record["schema_version"] == record["version"] == 1
    assert record["is_deleted"] is False
    assert record["deleted_at"] is record["deleted_by"] is None
    assert "app_id" not in record


@every_kind
async def test_stamps_that_are_sent_are_ignored(client, org, kind):
    record = await created(client, kind, **STAMPS, version=7)
    after = await changed(client, kind, record, **STAMPS)

    for shown in (record, after):
        assert shown["tenant_id"] == org
        assert shown["is_deleted"] is False
        assert shown["deleted_at"] is shown["deleted_by"] is None
        assert shown["created_at"] > "2026"
        assert "nobody" not in (shown["created_by"], shown["updated_by"])
        assert shown["schema_version"] == 1
        assert "app_id" not in shown
    assert (record["version"], after["version"]) == (1, 2)
    assert after["id"] == record["id"]
    assert after["created_at"] == record["created_at"]


@every_kind
async def test_what_was_read_can_be_sent_back(client, kind):
    record = await got(client, kind, await created(client, kind))
    after = await changed(client, kind, record, **record)

    assert {name for name in record if after[name] != record[name]} <= {"version", "updated_at"}
    assert after["version"] == 2


@every_kind
async def test_where_a_record_comes_from_may_be_said(client, kind):
    usual = await created(client, kind)
    said = await created(client, kind, source="sap", source_type="backend")
    after = await changed(client, kind, said, source=None, source_type="system")

    assert (usual["source"], usual["source_type"]) == ("edm", "api")
    assert (said["source"], said["source_type"]) == ("sap", "backend")
    assert (after["source"], after["source_type"]) == ("edm", "system")


@every_kind
async def test_a_change_is_stamped_and_counted(application, client, database, org, services, kind):
    from tests.conftest import http_client

    record = await created(client, kind)
    async with database.organisation(org) as tx:
        await tx.execute(
            f"UPDATE {kind} SET created_at = '2026-01-01', updated_at = '2026-01-01' "
            "WHERE org_id = $1"
        )
    other, text = await services.identity.create_key(org, name="other")
    async with http_client(application, text) as somebody_else:
        after = await changed(somebody_else, kind, record, source="sap")

    assert after["version"] == 2
    assert after["updated_at"] >= record["updated_at"]
    assert after["updated_by"] == shown_id(other) != record["updated_by"]
    assert after["created_at"] == "2026-01-01T00:00:00.000Z"
    assert after["created_by"] == record["created_by"]
    assert await got(client, kind, record) == {
        name: value for name, value in after.items() if name != "signing_secret"
    }


@every_kind
async def test_what_is_left_out_of_a_change_stays(client, kind):
    record = await created(client, kind, source="sap", source_type="backend")
    after = await changed(client, kind, record, source_type="server")

    assert after["source"] == "sap"


@every_kind
async def test_a_change_has_to_name_the_version(client, kind):
    record = await created(client, kind)

    refused(await patched(client, kind, record, source="x"), 400, "INVALID_REQUEST", "version")
    for wrong in (None, "1", 1.5, 0, -1, True, 2**70):
        answer = await patched(client, kind, record, source="x", version=wrong)
        refused(answer, 400, "INVALID_REQUEST", "version")
    assert (await got(client, kind, record))["source"] == "edm"


@every_kind
async def test_a_change_of_an_older_version_is_refused_with_the_present_one(client, kind):
    record = await created(client, kind)
    await changed(client, kind, record, source="first")

    answer = await patched(client, kind, record, source="second", version=1)
    refused(answer, 409, "VERSION_CONFLICT", "version: 1", "has version 2")
    assert answer.json()["version"] == 2
    refused(await patched(client, kind, record, source="x", version=9), 409, "VERSION_CONFLICT")
    assert (await got(client, kind, record))["source"] == "first"


@every_kind
async def test_of_changes_of_the_same_version_one_wins(client, kind):
    record = await created(client, kind)
    answers = await asyncio.gather(
        *(patched(client, kind, record, source=f"s{n}", version=1) for n in range(8))
    )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    [winner] = [answer.json() for answer in answers if answer.status_code == 200]
    assert (await got(client, kind, record))["source"] == winner["source"]
    assert (await got(client, kind, record))["version"] == 2


@every_kind
@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_unknown_properties_are_refused_by_name(client, kind, method):
    record = await created(client, kind)
    place = f"{DOMAIN}/{kind}" if method == "POST" else f"{DOMAIN}/{kind}/{record['id']}"
    answer = await client.request(method, place, json={"colour": "red", "Size": 1, "version": 1})

    refused(answer, 400, "INVALID_REQUEST", "colour: is not known", "Size: is not known")
    assert (await listed(client, kind))["total"] == 1


@every_kind
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"source": 7}, "source: must be a text"),
        ({"source": "x" * 201}, "source: has too many characters"),
        ({"source": "a\x00b"}, "U+0000"),
        ({"source_type": "nobody"}, "source_type: must be"),
        ({"source_type": 1}, "source_type: must be"),
    ],
)
async def test_wrong_values_are_refused_by_name(client, kind, fields, words):
    answer = await client.post(f"{DOMAIN}/{kind}", json=fields)

    refused(answer, 400, "INVALID_REQUEST", words)
    assert (await listed(client, kind))["total"] == 0


@every_kind
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"7", b"{", b'{"source": "\\ud800"}'])
async def test_a_body_that_is_no_object_is_refused(client, kind, body):
    answer = await client.post(f"{DOMAIN}/{kind}", content=body)

    assert answer.status_code == 400
    assert answer.json()["message"]


@every_kind
async def test_what_does_not_exist_is_not_found(client, kind):
    other = {"id": f"{PREFIXES[kind]}_01ARZ3NDEKTSV4RRFFQ69G5FAV"}
    code = f"{kind[:-1].upper()}_NOT_FOUND"

    refused(await client.get(f"{DOMAIN}/{kind}/{other['id']}"), 404, code)
    refused(await patched(client, kind, other, version=1), 404, code)


@every_kind
@pytest.mark.parametrize("text", ["1", "key_01ARZ3NDEKTSV4RRFFQ69G5FAV", "rec_1", "%00", "%20"])
async def test_what_is_no_id_of_the_type_is_refused_with_an_example(client, kind, text):
    answer = await client.get(f"{DOMAIN}/{kind}/{text}")

    refused(answer, 400, "INVALID_REQUEST", f"{PREFIXES[kind]}_01J")


async def test_applications_cannot_be_deleted(client):
    record = await created(client, "applications")

    answer = await client.delete(f"{DOMAIN}/applications/{record['id']}")
    refused(answer, 405, "METHOD_NOT_ALLOWED")


@every_deletable_kind
async def test_a_deleted_record_is_gone_but_for_those_who_ask_for_it(client, org, services, kind):
    [key] = await services.identity.list_keys(org)
    kept = await created(client, kind, name="kept")
    record = await created(client, kind, name="gone")
    place = f"{DOMAIN}/{kind}/{record['id']}"
    answer = await client.delete(place)

    assert answer.status_code == 200
    deleted = answer.json()
    assert deleted["is_deleted"] is True
    assert deleted["deleted_by"] == shown_id(key)
    assert deleted["deleted_at"] == deleted["updated_at"] >= record["updated_at"]
    assert deleted["version"] == 2
    assert await ids(client, kind) == [kept["id"]]
    assert await ids(client, kind, ("is_deleted", "false")) == [kept["id"]]
    assert await ids(client, kind, ("is_deleted", "true")) == [record["id"]]
    both = await ids(client, kind, ("is_deleted", "true"), ("is_deleted", "false"))
    assert both == [record["id"], kept["id"]]
    code = f"{kind[:-1].upper()}_NOT_FOUND"
    refused(await client.get(place), 404, code)
    refused(await client.delete(place), 404, code)
    refused(await patched(client, kind, record, version=2), 404, code)


@every_kind
async def test_each_change_is_in_the_audit_log(client, kind):
    record = await created(client, kind, source="sap")
    await changed(client, kind, record, source="crm")
    if kind in DELETABLE:
        await client.delete(f"{DOMAIN}/{kind}/{record['id']}")
    log = await client.get(f"{DOMAIN}/audit-log", params={"target_id": record["id"]})
    entries = [entry for entry in log.json()["items"] if entry["target"]["type"] == kind[:-1]][::-1]

    made, changed_, *deleted = entries
    assert (made["action"], made["before"]) == (f"{kind[:-1]}.created", None)
    assert made["after"]["source"] == "sap"
    assert changed_["action"] == f"{kind[:-1]}.updated"
    assert {"path": "/source", "old": "sap", "new": "crm"} in changed_["changes"]
    if kind in DELETABLE:
        [entry] = deleted
        assert (entry["action"], entry["after"]) == (f"{kind[:-1]}.deleted", None)


@every_kind
async def test_an_application_sees_and_changes_only_its_own(application, client, org, kind):
    crm = await created(client, "applications", slug="crm")
    erp = await created(client, "applications", slug="erp")
    ours = await created(client, kind)
    async with (
        await calling_for(application, org, crm) as as_crm,
        await calling_for(application, org, erp) as as_erp,
    ):
        own = await created(as_crm, kind, app_id="erp")
        assert own["app_id"] == "crm"

        visible = await ids(as_crm, kind)
        assert own["id"] in visible
        assert ours["id"] not in visible
        assert own["id"] not in await ids(as_erp, kind)
        assert await ids(as_erp, kind, ("app_id", "crm")) == []
        assert own["id"] in await ids(client, kind, ("app_id", "crm"))
        code = f"{kind[:-1].upper()}_NOT_FOUND"
        for stranger, record in ((as_crm, ours), (as_erp, own)):
            place = f"{DOMAIN}/{kind}/{record['id']}"
            refused(await stranger.get(place), 404, code)
            refused(await patched(stranger, kind, record, source="x", version=1), 404, code)
            if kind in DELETABLE:
                refused(await stranger.delete(place), 404, code)
        after = await changed(as_crm, kind, own, source="sap")
        assert (after["app_id"], after["source"]) == ("crm", "sap")
        by_the_organisation = await changed(client, kind, after, source="edm")
        assert by_the_organisation["app_id"] == "crm"
        if kind in DELETABLE:
            assert (await as_crm.delete(f"{DOMAIN}/{kind}/{own['id']}")).status_code == 200


async def test_an_application_sees_and_changes_its_own_record(application, client, org):
    crm = await created(client, "applications", slug="crm")
    await created(client, "applications", slug="erp")
    async with await calling_for(application, org, crm) as as_crm:
        assert await ids(as_crm, "applications") == [crm["id"]]
        after = await changed(as_crm, "applications", crm, description="Ours")
        assert after["description"] == "Ours"


@every_kind
@pytest.mark.parametrize("scope", ["read", "write"])
async def test_a_scope_allows_what_it_says(application, client, org, services, kind, scope):
    from tests.conftest import http_client

    record = await created(client, kind)
    noun = kind[:-1]
    _, key = await services.identity.create_key(org, name="s", scopes=[f"{noun}:{scope}"])
    async with http_client(application, key) as limited:
        reads = [
            await limited.get(f"{DOMAIN}/{kind}"),
            await limited.get(f"{DOMAIN}/{kind}/{record['id']}"),
        ]
        writes = [
            await limited.post(f"{DOMAIN}/{kind}", json={}),
            await patched(limited, kind, record, version=1),
        ]
    allowed, forbidden = (reads, writes) if scope == "read" else (writes, reads)
    assert {answer.status_code for answer in allowed} <= {200, 201}
    for answer in forbidden:
        refused(answer, 403, "MISSING_SCOPE", f"{noun}:")


@every_kind
async def test_another_organisation_sees_nothing(application, client, services, org, kind):
    from tests.conftest import http_client

    record = await created(client, kind)
    _, key = await services.identity.create_key(f"{org}-other", name="other")
    async with http_client(application, key) as stranger:
        assert (await listed(stranger, kind))["total"] == 0
        code = f"{kind[:-1].upper()}_NOT_FOUND"
        refused(await stranger.get(f"{DOMAIN}/{kind}/{record['id']}"), 404, code)
        refused(await patched(stranger, kind, record, source="x", version=1), 404, code)


@every_kind
async def test_a_repeated_request_creates_one_record(client, kind):
    headers = {"idempotency-key": f"once-{kind}"}
    first, second = [
        await client.post(f"{DOMAIN}/{kind}", json={"source": "sap"}, headers=headers)
        for _ in range(2)
    ]

    assert first.json()["id"] == second.json()["id"]
    assert (await listed(client, kind))["total"] == 1
