"""Who am I, and why may somebody do something or not: over operations of every surface."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.conftest import http_client

from tieline.app import openapi_pages, surfaces
from tieline.http.operations import Operations
from tieline.identity.applications.models import APPLICATIONS, ApplicationDraft
from tieline.identity.models import Scope
from tieline.identity.users.models import Sighting, UserChange
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import new_ulid

ACCESS = "/api/v1/integration/access"
ONE_OF_EACH = [
    ("POST", "/erp-integration/v3/erp/updates/events", "erp:events"),
    ("POST", "/erp-integration/v1/integrations", "erp:write"),
    ("GET", "/erp-integration/v1/integrations/0190b5a2-0000-7000-8000-000000000001", "erp:read"),
    ("GET", "/entity/v1/entity/contact/0190b5a2-0000-7000-8000-000000000001", "entity:read"),
    ("PUT", "/entity/v1/entity/schemas/contact", "entity:schema"),
    ("POST", "/metering/v1/metering/reading", "metering:write"),
    ("PATCH", "/api/v1/integration/applications/app_x", "application:write"),
    ("GET", "/api/v1/integration/users", "access:read"),
    ("GET", "/api/v1/integration/audit-log", "audit:read"),
]


@pytest.fixture
async def viewer(application, services, org):
    """A client that reads only."""
    _, key = await services.identity.create_key(
        org, name="dashboard", scopes=[Scope.ERP_READ, Scope.ENTITY_READ]
    )
    async with http_client(application, key) as connected:
        yield connected


@pytest.fixture
async def user(services, org):
    seen = Sighting(
        issuer="https://issuer.example",
        subject=new_ulid(),
        email=None,
        name="Kim",
        roles=("operator",),
        issued_at=datetime.now(UTC),
    )
    return await services.users.see(org, seen, found_organisation=True)


async def why(client, **question):
    answer = await client.get(f"{ACCESS}/why", params=question)
    assert answer.status_code == 200, answer.text
    return answer.json()


# --- me


async def test_a_key_learns_what_it_is(viewer, org):
    me = (await viewer.get(f"{ACCESS}/me")).json()

    assert (me["tenant_id"], me["kind"], me["name"]) == (org, "key", "dashboard")
    assert me["scopes"] == ["entity:read", "erp:read"]
    assert me["user_id"] is me["app_id"] is None


async def test_everything_is_spelled_out(client):
    me = (await client.get(f"{ACCESS}/me")).json()

    assert me["scopes"] == ["*", *Scope]


async def test_nobody_learns_nothing(application):
    async with http_client(application, None) as nobody:
        for path in ("me", "why?operation=getMe"):
            assert (await nobody.get(f"{ACCESS}/{path}")).status_code == 401


# --- the operations


def test_the_operations_are_those_of_the_pages():
    operations = Operations({name: app.state.routers for name, app in surfaces().items()})
    served = {
        (
            method.upper(),
            f"/{surface}{path}",
            operation["operationId"],
            operation.get("x-required-scope"),
        )
        for surface, page in openapi_pages().items()
        for path, methods in page["paths"].items()
        for method, operation in methods.items()
    }

    assert {(each.method, each.path, each.name, each.scope) for each in operations} == served
    for each in operations:
        found = operations.at(each.method, each.path.replace("{", "").replace("}", ""))
        assert (found.method, found.scope) == (each.method, each.scope)


def test_a_name_that_two_apis_have_is_asked_for_by_its_path():
    routers = surfaces()["entity"].state.routers
    twice = Operations({"one": routers, "two": routers})

    with pytest.raises(InvalidInput, match=r"GET /one/.*GET /two/"):
        twice.named("getEntity")


@pytest.mark.parametrize(("method", "path", "scope"), ONE_OF_EACH)
async def test_the_answer_agrees_with_what_happens(client, viewer, method, path, scope):
    answer = await why(viewer, method=method.lower(), path=f"{path}/?a=b")
    called = await viewer.request(method, path, json={})

    assert answer["required_scope"] == scope
    assert answer["allowed"] == (called.status_code != 403)
    assert (await why(client, method=method, path=path))["allowed"]


# --- keys


async def test_what_grants_a_scope_is_named(viewer, client):
    answer = await why(viewer, operation="getIntegration")
    assert answer["allowed"]
    assert answer["granted_by"] == [{"kind": "scope", "name": "erp:read"}]
    assert "granted singly" in answer["message"]

    answer = await why(client, operation="getIntegration")
    assert answer["granted_by"] == [{"kind": "everything", "name": "*"}]


async def test_what_is_missing_is_named_with_the_next_step(viewer):
    answer = await why(viewer, operation="createUseCase")

    assert not answer["allowed"]
    assert answer["required_scope"] == "erp:write"
    assert answer["roles_with_scope"] == ["editor", "admin"]
    assert "erp:write" in answer["message"]
    assert "another key" in answer["message"]
    assert answer["able_to_grant"] == []  # whoever may not read users learns of none


async def test_an_operation_for_every_caller_needs_no_scope(viewer):
    answer = await why(viewer, operation="getMe")

    assert answer["allowed"]
    assert answer["required_scope"] is None
    assert "every valid caller" in answer["message"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"blocked": True, "blocked_reason": "lost"}, "blocked (lost)"),
        ({"expires_at": datetime(2020, 1, 1, tzinfo=UTC)}, "has expired"),
    ],
)
async def test_a_key_that_is_refused_everywhere_says_so(
    client, services, database, org, change, words
):
    key, _ = await services.identity.create_key(org, name="old", lifetime=timedelta(days=1))
    assignments = ", ".join(f"{name} = ${number}" for number, name in enumerate(change, start=3))
    async with database.organisation(org) as tx:
        await tx.execute(
            f"UPDATE api_keys SET {assignments} WHERE org_id = $1 AND id = $2",
            key.id,
            *change.values(),
        )

    answer = await why(client, operation="getEntity", caller=key.id)

    assert answer["allowed"] is False
    assert answer["granted_by"]
    assert answer["obstacles"][0]["code"] == "INVALID_API_KEY"
    assert words in answer["message"]


async def test_a_revoked_key_and_its_limit_are_explained(client, services, org):
    key, _ = await services.identity.create_key(org, name="old", rpm_limit=60)
    await services.identity.revoke_key(org, key.id)

    answer = await why(client, operation="getEntity", caller=key.id.replace("api_", "key_"))

    assert "revoked for good" in answer["message"]
    assert "60 requests a minute" in answer["message"]
    assert answer["caller"]["rpm_limit"] == 60


# --- others


async def test_only_whoever_may_read_users_asks_about_others(viewer, user):
    answer = await viewer.get(f"{ACCESS}/why?operation=getEntity&caller={user.id}")

    assert (answer.status_code, answer.json()["code"]) == (403, "MISSING_SCOPE")
    assert "access:read" in answer.json()["message"]


async def test_a_user_is_explained_by_roles_and_who_could_help(client, services, org, user):
    allowed = await why(client, operation="replayEvents", caller=user.id)
    assert allowed["granted_by"] == [{"kind": "role", "name": "operator"}]
    assert "the role operator holds it" in allowed["message"]

    seen = Sighting("https://issuer.example", "root", None, "Root", ("admin",), datetime.now(UTC))
    root = await services.users.see(org, seen)
    refused = await why(client, operation="createIntegration", caller=user.id)
    assert not refused["allowed"]
    assert "updateUser" in refused["message"]
    assert [each["id"] for each in refused["able_to_grant"]] == [root.id]


async def test_a_disabled_user_is_explained(client, services, org, key, user):
    admin = await services.identity.authenticate(key)
    await services.users.update_user(admin, user.id, 1, UserChange(disabled=True))

    answer = await why(client, operation="replayEvents", caller=user.id)

    assert answer["allowed"] is False
    assert answer["obstacles"][0]["code"] == "USER_DISABLED"


async def test_an_application_depends_on_its_token_unless_it_is_suspended(client, services, key):
    admin = await services.identity.authenticate(key)
    crm = await services.applications.create_application(admin, ApplicationDraft(slug="crm"))
    crm_id = APPLICATIONS.wire_id(crm)

    answer = await why(client, operation="createIntegration", caller=crm_id)
    assert answer["allowed"] is None
    assert "erp:write in the token's claim scope" in answer["message"]

    await services.applications.update_application(
        admin, crm.id, crm.version, ApplicationDraft(status="retired")
    )
    answer = await why(client, operation="createIntegration", caller=crm_id)
    assert answer["allowed"] is False
    assert answer["obstacles"][0]["code"] == "APPLICATION_SUSPENDED"


async def test_callers_of_another_organisation_do_not_exist(application, services, user):
    _, other = await services.identity.create_key(f"org-{new_ulid()}", name="other")
    async with http_client(application, other) as stranger:
        answer = await stranger.get(f"{ACCESS}/why?operation=getEntity&caller={user.id}")
    assert (answer.status_code, answer.json()["code"]) == (404, "CALLER_NOT_FOUND")


@pytest.mark.parametrize(
    ("question", "status", "word"),
    [
        ({}, 400, "either"),
        ({"operation": "getEntity", "path": "/x"}, 400, "either"),
        ({"method": "GET"}, 400, "either"),
        ({"operation": "getEntity", "who": "x"}, 400, "who"),
        ({"operation": "nothing"}, 404, "operation"),
        ({"method": "GET", "path": "/nowhere"}, 404, "operation"),
        ({"method": "GET", "path": "entity/v1/entity/schemas"}, 404, "operation"),
        ({"method": "DELETE", "path": "/erp-integration/v1/integrations"}, 404, "operation"),
        ({"operation": "getEntity", "caller": "nobody"}, 404, "key, user or application"),
        ({"operation": "getEntity", "caller": "per_x\x00"}, 400, "caller"),
        ({"operation": "getEntity", "caller": "app_1"}, 400, "id"),
    ],
)
async def test_a_question_that_means_nothing_is_refused(client, question, status, word):
    answer = await client.get(f"{ACCESS}/why", params=question)

    assert answer.status_code == status
    assert word in answer.json()["message"]
