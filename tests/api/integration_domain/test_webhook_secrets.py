"""The signing secrets of webhooks: made, shown once, replaced, and kept from everybody else."""

from __future__ import annotations

import asyncio
import base64
import hashlib

import pytest
from domain_records import DOMAIN, calling_for, changed, created, got, listed, patched, refused

PLACE = f"{DOMAIN}/webhooks"


def sha256(secret):
    return hashlib.sha256(secret.encode()).hexdigest()


@pytest.fixture
def kept(services, org):
    """What the secret store has at a relative path."""

    async def read(path):
        async with services.database.organisation(org) as tx:
            return await services.secrets.read(tx, path)

    return read


@pytest.mark.parametrize("scheme", ["standard-webhooks", "hmac-sha256"])
async def test_a_webhook_that_signs_gets_a_secret_which_is_shown_once(client, org, kept, scheme):
    record = await created(client, "webhooks", signature_scheme=scheme)
    secret = record["signing_secret"]

    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
    assert record["secret_fingerprint"] == sha256(secret)
    path = f"webhooks/{record['id']}/signing"
    assert record["vault_path"] == f"secret/data/tieline/{org}/{path}"
    assert await kept(path) == {"secret": secret}
    answers = [await client.get(f"{PLACE}/{record['id']}"), await client.get(PLACE)]
    assert all(secret not in answer.text for answer in answers)
    assert "signing_secret" not in answers[0].json()


async def test_an_answer_with_a_secret_is_not_to_be_stored(client):
    answer = await client.post(PLACE, json={})

    assert answer.headers["cache-control"] == "no-store"


async def test_two_webhooks_have_two_secrets(client):
    first, second = [await created(client, "webhooks") for _ in range(2)]

    assert first["signing_secret"] != second["signing_secret"]


@pytest.mark.parametrize("fields", [{"signature_scheme": "none"}, {"direction": "inbound"}])
async def test_a_webhook_that_does_not_sign_gets_no_secret(client, kept, fields):
    record = await created(client, "webhooks", **fields)

    assert record["signing_secret"] is record["vault_path"] is record["secret_fingerprint"] is None
    assert await kept(f"webhooks/{record['id']}/signing") is None


async def test_a_webhook_that_begins_to_sign_gets_a_secret(client, kept):
    record = await created(client, "webhooks", signature_scheme="none")
    after = await changed(client, "webhooks", record, signature_scheme="hmac-sha256")
    later = await changed(client, "webhooks", after, name="x")

    assert await kept(f"webhooks/{record['id']}/signing") == {"secret": after["signing_secret"]}
    assert after["secret_fingerprint"] == sha256(after["signing_secret"])
    assert later["signing_secret"] is None
    assert later["secret_fingerprint"] == after["secret_fingerprint"]


async def test_a_callers_own_secret_is_left_where_it_is(client, services, org, kept):
    async with services.database.organisation(org) as tx:
        await services.secrets.write(tx, "partners/erp", {"secret": "a secret of our own"})
    path = f"secret/data/tieline/{org}/partners/erp"
    record = await created(client, "webhooks", vault_path=path)

    assert record["signing_secret"] is None
    assert record["vault_path"] == path
    assert record["secret_fingerprint"] == sha256("a secret of our own")
    refused(
        await client.post(f"{PLACE}/{record['id']}/rotate-secret"), 409, "WEBHOOK_SECRET_ELSEWHERE"
    )
    await client.delete(f"{PLACE}/{record['id']}")
    assert await kept("partners/erp") == {"secret": "a secret of our own"}


async def test_a_secret_that_is_not_there_yet_has_no_fingerprint(client, org):
    path = f"secret/data/tieline/{org}/partners/later"

    assert (await created(client, "webhooks", vault_path=path))["secret_fingerprint"] is None


async def test_a_callers_own_secret_replaces_the_generated_one_and_back(client, org, kept):
    record = await created(client, "webhooks")
    own = f"secret/data/tieline/{org}/partners/erp"
    after = await changed(client, "webhooks", record, vault_path=own)

    assert (after["vault_path"], after["signing_secret"]) == (own, None)
    assert await kept(f"webhooks/{record['id']}/signing") is None
    back = await changed(client, "webhooks", after, vault_path=None)
    assert back["vault_path"] == record["vault_path"]
    assert back["signing_secret"] not in (None, record["signing_secret"])
    assert await kept(f"webhooks/{record['id']}/signing") == {"secret": back["signing_secret"]}


@pytest.mark.parametrize(
    "path",
    [
        "partners/erp",
        "secret/data/tieline/somebody-else/partners/erp",
        "secret/data/tieline/{org}/../somebody-else/erp",
        "secret/data/tieline/{org}/webhooks/whk_01ARZ3NDEKTSV4RRFFQ69G5FAV/signing",
        "",
    ],
)
async def test_a_path_that_is_not_the_callers_is_refused(client, org, path):
    record = await created(client, "webhooks")
    path = path.replace("{org}", org)

    refused(await client.post(PLACE, json={"vault_path": path}), 400, "INVALID_VAULT_PATH")
    answer = await patched(client, "webhooks", record, vault_path=path, version=1)
    refused(answer, 400, "INVALID_VAULT_PATH")
    assert (await got(client, "webhooks", record))["vault_path"] == record["vault_path"]


async def test_a_new_secret_leaves_the_old_one_beside_it(client, kept):
    record = await created(client, "webhooks")
    answer = await client.post(f"{PLACE}/{record['id']}/rotate-secret")
    rotated = answer.json()

    assert answer.status_code == 200
    assert rotated["signing_secret"] != record["signing_secret"]
    assert rotated["secret_fingerprint"] == sha256(rotated["signing_secret"])
    assert rotated["version"] == 2
    held = dict(await kept(f"webhooks/{record['id']}/signing"))
    assert record["created_at"] <= held.pop("replaced_at") <= rotated["updated_at"]
    assert held == {"secret": rotated["signing_secret"], "previous": record["signing_secret"]}


async def test_secrets_that_are_replaced_at_the_same_moment_follow_each_other(client, kept):
    record = await created(client, "webhooks")
    answers = await asyncio.gather(
        *(client.post(f"{PLACE}/{record['id']}/rotate-secret") for _ in range(4))
    )

    shown = {answer.json()["version"]: answer.json()["signing_secret"] for answer in answers}
    assert sorted(shown) == [2, 3, 4, 5]
    stored = await kept(f"webhooks/{record['id']}/signing")
    assert (stored["secret"], stored["previous"]) == (shown[5], shown[4])


async def test_a_webhook_without_a_secret_has_none_to_replace(client):
    record = await created(client, "webhooks", signature_scheme="none")

    answer = await client.post(f"{PLACE}/{record['id']}/rotate-secret")
    refused(answer, 409, "WEBHOOK_SECRET_ELSEWHERE")


async def test_the_secret_goes_with_its_webhook(client, kept):
    record = await created(client, "webhooks")
    await client.delete(f"{PLACE}/{record['id']}")

    assert await kept(f"webhooks/{record['id']}/signing") is None
    answer = await client.post(f"{PLACE}/{record['id']}/rotate-secret")
    refused(answer, 404, "WEBHOOK_NOT_FOUND")


@pytest.mark.parametrize("operation", ["create", "rotate"])
async def test_a_repeated_request_is_answered_without_the_secret(client, database, org, operation):
    record = await created(client, "webhooks")
    place = PLACE if operation == "create" else f"{PLACE}/{record['id']}/rotate-secret"
    headers = {"idempotency-key": operation}
    first, second = [await client.post(place, json={}, headers=headers) for _ in range(2)]

    secret = first.json()["signing_secret"]
    assert secret.startswith("whsec_")
    assert second.json() == {**first.json(), "signing_secret": None}
    async with database.organisation(org) as tx:
        [row] = await tx.fetch("SELECT body FROM idempotency_keys WHERE org_id = $1")
    assert secret.encode() not in row["body"]


async def test_no_secret_is_in_the_tables_or_the_audit_log(client, database, org):
    record = await created(client, "webhooks")
    rotated = (await client.post(f"{PLACE}/{record['id']}/rotate-secret")).json()
    async with database.organisation(org) as tx:
        webhooks = await tx.fetch("SELECT w::text AS row FROM webhooks w WHERE org_id = $1")
        log = await tx.fetch("SELECT a::text AS row FROM audit_log a WHERE org_id = $1")

    text = "\n".join(row["row"] for row in (*webhooks, *log))
    assert "webhook.secret_rotated" in text
    for shown in (record, rotated):
        assert shown["secret_fingerprint"] in text
        assert shown["signing_secret"] not in text
        assert shown["signing_secret"].removeprefix("whsec_") not in text


async def test_looking_at_secret_metadata_is_noted(client):
    record = await created(client, "webhooks")
    await created(client, "webhooks", signature_scheme="none")
    await got(client, "webhooks", record)
    await listed(client, "webhooks")

    query = {"action": "secret_metadata.viewed"}
    log = (await client.get(f"{DOMAIN}/audit-log", params=query)).json()["items"]
    assert [entry["target"] for entry in log] == [
        {"type": "webhook_secret", "id": record["id"]}
    ] * 2


async def test_an_application_cannot_replace_the_secrets_of_others(application, client, org):
    crm = await created(client, "applications", slug="crm")
    record = await created(client, "webhooks")
    async with await calling_for(application, org, crm) as as_crm:
        answer = await as_crm.post(f"{PLACE}/{record['id']}/rotate-secret")

    refused(answer, 404, "WEBHOOK_NOT_FOUND")
