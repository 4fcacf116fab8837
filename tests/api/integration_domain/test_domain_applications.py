"""Applications: their fields, their slugs, and what becomes of their keys."""

from __future__ import annotations

import asyncio

import pytest
from domain_records import (
    DOMAIN,
    calling_for,
    changed,
    created,
    got,
    listed,
    patched,
    refused,
)

from tieline.identity.applications.models import APPLICATIONS

PLACE = f"{DOMAIN}/applications"
WHOLE = {
    "display_name": "CRM 360",
    "slug": "crm",
    "kind": "platform-service",
    "primary_domain": "customers",
    "description": "Keeps the customers.",
    "oauth_client_id": "client-1",
    "status": "pilot",
    "canonical_owner_of": ["contact", "account"],
    "api_base_path": "/v1/deals",
    "repository": "https://git.example.com/crm",
}


async def test_every_field_is_stored_and_shown(client):
    record = await created(client, "applications", **WHOLE)

    assert {name: record[name] for name in WHOLE} == WHOLE
    assert {name: (await got(client, "applications", record))[name] for name in WHOLE} == WHOLE


async def test_what_is_not_sent_has_a_default(client):
    record = await created(client, "applications", display_name="CRM 360")

    assert record["slug"] == "crm-360"
    assert record["kind"] == "app"
    assert record["status"] == "active"
    assert record["canonical_owner_of"] == []
    for name in ("primary_domain", "description", "oauth_client_id", "repository"):
        assert record[name] is None


@pytest.mark.parametrize("name", sorted(set(WHOLE) - {"slug"}))
async def test_null_clears_a_field(client, name):
    record = await created(client, "applications", **WHOLE)
    after = await changed(client, "applications", record, **{name: None})

    defaults = {"kind": "app", "status": "active", "canonical_owner_of": []}
    assert after[name] == defaults.get(name)
    assert {other: after[other] for other in WHOLE if other != name} == {
        other: value for other, value in WHOLE.items() if other != name
    }


@pytest.mark.parametrize("name", sorted(set(WHOLE) - {"slug"}))
async def test_every_field_can_be_changed(client, name):
    record = await created(client, "applications", slug="crm")
    after = await changed(client, "applications", record, **{name: WHOLE[name]})

    assert after[name] == WHOLE[name]
    assert (await got(client, "applications", record))[name] == WHOLE[name]


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("slug", "CRM", "slug: must match"),
        ("slug", "", "slug: must match"),
        ("slug", "-crm", "slug: must match"),
        ("slug", "crm_360", "slug: must match"),
        ("slug", "a" * 64, "slug: must match"),
        ("slug", "crm\n", "slug: must match"),
        ("slug", 7, "slug: must be a text"),
        ("kind", "program", "kind: must be"),
        ("oauth_client_id", "", "oauth_client_id: has too few"),
        ("oauth_client_id", "x" * 201, "oauth_client_id: has too many"),
        ("display_name", "x" * 201, "display_name: has too many"),
        ("display_name", "a\x00", "U+0000"),
        ("primary_domain", "x" * 201, "primary_domain: has too many"),
        ("description", "x" * 8_001, "description: has too many"),
        ("status", "x" * 201, "status: has too many"),
        ("status", 1, "status: must be a text"),
        ("canonical_owner_of", "contact", "canonical_owner_of: must be a list"),
        ("canonical_owner_of", [7], "canonical_owner_of.0: must be a text"),
        ("canonical_owner_of", [""], "canonical_owner_of.0: has too few"),
        ("canonical_owner_of", ["a"] * 201, "canonical_owner_of: has too many entries"),
        ("api_base_path", "x" * 2_049, "api_base_path: has too many"),
        ("repository", "x" * 2_049, "repository: has too many"),
    ],
)
async def test_a_wrong_value_is_refused_by_name(client, name, value, words):
    record = await created(client, "applications", slug="there")

    refused(await client.post(PLACE, json={name: value}), 400, "INVALID_REQUEST", words)
    answer = await patched(client, "applications", record, **{name: value, "version": 1})
    refused(answer, 400, "INVALID_REQUEST", words)
    assert (await listed(client, "applications"))["items"] == [record]


async def test_a_slug_belongs_to_one_application(client):
    await created(client, "applications", slug="crm")

    answer = await client.post(PLACE, json={"slug": "crm"})
    refused(answer, 409, "APPLICATION_SLUG_TAKEN")
    assert (await listed(client, "applications"))["total"] == 1


async def test_another_organisation_may_use_the_same_slug(application, client, services, org):
    from tests.conftest import http_client

    await created(client, "applications", slug="crm", oauth_client_id="client-1")
    _, key = await services.identity.create_key(f"{org}-other", name="other")
    async with http_client(application, key) as other:
        await created(other, "applications", slug="crm", oauth_client_id="client-1")


async def test_a_name_that_is_used_twice_yields_two_slugs(client):
    first, second = [await created(client, "applications", display_name="CRM") for _ in range(2)]

    assert first["slug"] == "crm"
    assert second["slug"] == f"crm-{second['id'][-6:].lower()}"


async def test_of_applications_with_one_slug_at_the_same_moment_one_is_created(client):
    answers = await asyncio.gather(*(client.post(PLACE, json={"slug": "crm"}) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 5


@pytest.mark.parametrize("slug", ["other", None])
async def test_a_slug_never_changes(client, slug):
    record = await created(client, "applications", slug="crm")

    answer = await patched(client, "applications", record, slug=slug, version=1)
    refused(answer, 409, "APPLICATION_SLUG_IMMUTABLE")
    assert (await changed(client, "applications", record, slug="crm"))["slug"] == "crm"


async def test_an_oauth_client_belongs_to_one_application(client):
    first = await created(client, "applications", oauth_client_id="client-1")
    second = await created(client, "applications", slug="second")

    answer = await client.post(PLACE, json={"oauth_client_id": "client-1"})
    refused(answer, 409, "OAUTH_CLIENT_ID_TAKEN")
    answer = await patched(
        client, "applications", second, oauth_client_id="client-1", version=second["version"]
    )
    refused(answer, 409, "OAUTH_CLIENT_ID_TAKEN")
    await changed(client, "applications", first, oauth_client_id=None)
    await changed(client, "applications", second, oauth_client_id="client-1")


async def test_an_application_is_found_by_its_oauth_client(client, services, org):
    record = await created(client, "applications", slug="crm", oauth_client_id="client-1")
    found = await services.applications.find_by_client_id(org, "client-1")

    assert found is not None
    assert (found.slug, APPLICATIONS.wire_id(found)) == ("crm", record["id"])
    assert await services.applications.find(org, found.id) == found
    assert await services.applications.find_by_client_id(org, "client-2") is None
    assert await services.applications.find_by_client_id(f"{org}-other", "client-1") is None
    assert await services.applications.find(f"{org}-other", found.id) is None


async def test_a_library_has_no_oauth_client(client):
    answer = await client.post(PLACE, json={"kind": "library", "oauth_client_id": "client-1"})
    refused(answer, 400, "LIBRARY_HAS_NO_IDENTITY")
    record = await created(client, "applications", kind="library")
    answer = await patched(client, "applications", record, oauth_client_id="c", version=1)
    refused(answer, 400, "LIBRARY_HAS_NO_IDENTITY")
    client_of = await created(client, "applications", oauth_client_id="client-1")
    answer = await patched(client, "applications", client_of, kind="library", version=1)
    refused(answer, 400, "LIBRARY_HAS_NO_IDENTITY")


async def test_a_library_can_own_no_key(application, client, org):
    from tieline.identity.applications.errors import LibraryHasNoIdentity

    record = await created(client, "applications", kind="library")

    with pytest.raises(LibraryHasNoIdentity):
        await calling_for(application, org, record)


@pytest.mark.parametrize("status", ["suspended", "retired", " Suspended "])
async def test_keys_of_an_application_at_rest_are_refused_at_once(application, client, org, status):
    record = await created(client, "applications", slug="crm")
    async with await calling_for(application, org, record) as as_crm:
        assert (await as_crm.get(PLACE)).status_code == 200
        record = await changed(client, "applications", record, status=status)
        assert record["status"] == status.strip().lower()
        refused(await as_crm.get(PLACE), 403, "APPLICATION_SUSPENDED")
        await changed(client, "applications", record, status="active")
        assert (await as_crm.get(PLACE)).status_code == 200


async def test_keys_of_what_became_a_library_are_refused(application, client, org):
    record = await created(client, "applications", slug="crm")
    async with await calling_for(application, org, record) as as_crm:
        await changed(client, "applications", record, kind="library")
        refused(await as_crm.get(PLACE), 403, "APPLICATION_SUSPENDED")


async def test_a_change_of_an_application_is_told_to_every_process(client, database):
    heard = asyncio.Queue()
    connection = await database.listen(
        ["tieline_keys"], lambda _channel, payload: heard.put_nowait(payload), lost=lambda: None
    )
    try:
        record = await created(client, "applications", slug="crm")
        assert await asyncio.wait_for(heard.get(), 10)
        await changed(client, "applications", record, status="suspended")
        assert await asyncio.wait_for(heard.get(), 10)
    finally:
        await connection.close()
