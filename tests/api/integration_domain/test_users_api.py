"""Users over HTTP: listed, given roles, disabled, and never left without an admin."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
from tests.conftest import http_client

from tieline.app import Application
from tieline.http.services import Services
from tieline.identity.models import Scope
from tieline.identity.users.models import Sighting, User
from tieline.kit.ids import new_ulid
from tieline.records.envelope import SystemCaller

USERS = "/api/v1/integration/users"
Make = Callable[..., Awaitable[User]]


@pytest.fixture
def person(services: Services, org: str) -> Make:
    """Makes users of the organisation, as their first token does."""

    async def make(name: str = "Kim", *roles: str, of: str = org) -> User:
        seen = Sighting(
            issuer="https://issuer.example",
            subject=new_ulid(),
            email=f"{name.lower()}@example.org",
            name=name,
            roles=roles,
            issued_at=datetime.now(UTC),
        )
        return await services.users.see(of, seen, found_organisation=True)

    return make


async def key_with(services: Services, org: str, *scopes: str) -> str:
    _, key = await services.identity.create_key(org, name="limited", scopes=scopes)
    return key


async def change(client: httpx.AsyncClient, user: User, **what: object) -> httpx.Response:
    return await client.patch(f"{USERS}/{user.id}", json={"version": user.version, **what})


# --- reading


async def test_a_user_shows_everything_known(client: httpx.AsyncClient, person: Make, org: str):
    user = await person("Kim", "viewer")

    shown = (await client.get(f"{USERS}/{user.id}")).json()

    assert (shown["id"], shown["tenant_id"], shown["name"]) == (user.id, org, "Kim")
    assert (shown["issuer"], shown["subject"]) == (user.issuer, user.subject)
    assert (shown["roles"], shown["roles_given"], shown["disabled"]) == (["viewer"], False, False)
    assert shown["first_seen_at"] == shown["created_at"] == shown["last_seen_at"]
    assert "app_id" not in shown


async def test_users_are_listed_filtered_and_searched(client: httpx.AsyncClient, person: Make):
    kim, lee = await person("Kim", "viewer"), await person("Lee", "editor")

    async def found(query: str) -> list[str]:
        answer = (await client.get(f"{USERS}?{query}")).json()
        assert answer["total"] == len(answer["items"])
        return [item["id"] for item in answer["items"]]

    assert await found("sort=created_at") == [kim.id, lee.id]
    assert await found("roles=editor") == [lee.id]
    assert await found("search=KIM@ex") == [kim.id]
    assert await found("disabled=true") == []
    assert await found(f"subject={lee.subject}") == [lee.id]


async def test_an_unknown_user_is_not_found(client: httpx.AsyncClient):
    answer = await client.get(f"{USERS}/per_01J00000000000000000000000")
    assert (answer.status_code, answer.json()["code"]) == (404, "USER_NOT_FOUND")

    for text in ("x", "per_", "per_%00", "app_01J00000000000000000000000", "PER_01J0"):
        assert (await client.get(f"{USERS}/{text}")).status_code == 400


async def test_users_of_another_organisation_do_not_exist(
    client: httpx.AsyncClient, person: Make, org: str
):
    other = await person(of=f"{org}-other")

    assert (await client.get(f"{USERS}/{other.id}")).status_code == 404
    assert (await change(client, other, disabled=True)).status_code == 404


# --- changing


async def test_roles_are_given_and_taken(client: httpx.AsyncClient, person: Make):
    user = await person("Kim", "viewer")

    given = (await change(client, user, roles=["operator", "editor"])).json()
    assert (given["roles"], given["roles_given"], given["version"]) == (
        ["operator", "editor"],
        True,
        2,
    )
    answer = await client.patch(f"{USERS}/{user.id}", json={"version": 2, "roles": []})
    assert answer.json()["roles"] == []
    answer = await client.patch(f"{USERS}/{user.id}", json={"version": 3, "roles": None})
    assert not answer.json()["roles_given"]


async def test_a_change_of_what_was_changed_meanwhile_is_refused(
    client: httpx.AsyncClient, person: Make
):
    user = await person()
    await change(client, user, disabled=True)

    answer = await change(client, user, roles=["admin"])
    assert (answer.status_code, answer.json()["code"]) == (409, "VERSION_CONFLICT")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "version"),
        ({"version": 1}, "nothing to change"),
        ({"version": 1, "roles": ["owner"]}, "roles"),
        ({"version": 1, "roles": "admin"}, "roles"),
        ({"version": 1, "roles": ["viewer"] * 9}, "roles"),
        ({"version": 1, "disabled": "yes"}, "disabled"),
        ({"version": "1", "disabled": True}, "version"),
        ({"version": 2**60, "disabled": True}, "version"),
        ({"version": 1, "disabled": True, "email": "x"}, "email"),
    ],
)
async def test_a_wrong_change_names_the_field(client, person, body, named):
    user = await person()

    answer = await client.patch(f"{USERS}/{user.id}", json=body)

    assert answer.status_code == 400
    assert named in answer.json()["message"]
    assert (await client.get(f"{USERS}/{user.id}")).json()["version"] == 1


async def test_every_change_is_in_the_audit_log(client: httpx.AsyncClient, person: Make):
    user = await person("Kim", "viewer")
    await change(client, user, roles=["editor"])

    log = await client.get(f"/api/v1/integration/audit-log?target_id={user.id}")
    changed, created = log.json()["items"]

    assert (created["action"], created["actor"]["id"]) == ("user.created", user.id)
    assert changed["action"] == "user.updated"
    assert (changed["before"]["roles"], changed["after"]["roles"]) == (["viewer"], ["editor"])


async def test_the_keys_of_a_disabled_user_are_refused_too(
    application: Application, services: Services, client: httpx.AsyncClient, org: str, person: Make
):
    user = await person("Kim", "viewer")
    key, text = await services.identity.create_key(org, name="Kim's", issued_to_user_id=user.id)
    async with http_client(application, text) as kim:
        me = "/api/v1/integration/access/me"
        assert (await kim.get(me)).status_code == 200

        changed = (await change(client, user, disabled=True)).json()
        answer = await kim.get(me)
        assert (answer.status_code, answer.json()["code"]) == (403, "USER_DISABLED")
        why = await client.get(
            f"/api/v1/integration/access/why?operation=getEntity&caller={key.id}"
        )
        assert why.json()["obstacles"][0]["code"] == "USER_DISABLED"

        enabled = {"version": changed["version"], "disabled": False}
        await client.patch(f"{USERS}/{user.id}", json=enabled)
        assert (await kim.get(me)).status_code == 200


# --- nobody gives what they have not


async def test_nobody_gives_rights_that_they_have_not(
    application: Application, services: Services, org: str, person: Make
):
    key = await key_with(services, org, Scope.ACCESS_READ, Scope.ACCESS_WRITE, Scope.ERP_READ)
    user = await person()
    async with http_client(application, key) as caller:
        answer = await change(caller, user, roles=["admin"])
        assert (answer.status_code, answer.json()["code"]) == (403, "PRIVILEGE_ESCALATION")
        assert "*" in answer.json()["message"]
        answer = await change(caller, user, roles=["viewer"])
        assert "entity:read" in answer.json()["message"]
        assert (await change(caller, user, disabled=True)).status_code == 200


async def test_nobody_touches_somebody_with_more_rights(
    application: Application, services: Services, org: str, person: Make
):
    key = await key_with(services, org, Scope.ACCESS_WRITE)
    async with http_client(application, key) as caller:
        for what in ({"disabled": True}, {"roles": []}, {"roles": None}):
            answer = await change(caller, await person("Root", "admin"), **what)
            assert answer.json()["code"] == "PRIVILEGE_ESCALATION"


# --- somebody stays who may do everything


async def as_user(services: Services, user: User):
    """The caller that a user is."""
    from tieline.identity.oidc.verifier import _person

    return _person(user)


async def lose(services: Services, user: User, by: User, **what: object):
    from tieline.identity.users.models import UserChange

    return await services.users.update_user(
        await as_user(services, by), user.id, user.version, UserChange(**what)
    )


@pytest.mark.parametrize("what", [{"disabled": True}, {"roles": ("editor",)}, {"roles": ()}])
async def test_the_last_admin_stays(services: Services, person: Make, what):
    from tieline.identity.users.errors import LastAdmin

    root = await person("Root", "admin")

    with pytest.raises(LastAdmin):
        await lose(services, root, root, **what)
    other = await person("Other", "admin")
    assert not (await lose(services, root, other, **what)).is_acting_admin


async def test_a_key_with_all_rights_is_enough(services: Services, person: Make, org: str):
    root = await person("Root", "admin")
    key, _ = await services.identity.create_key(org, name="all")

    assert (await lose(services, root, root, disabled=True)).disabled

    again = await person("Again", "admin")
    await services.identity.keys.revoke(SystemCaller(org, "test"), key.id)
    from tieline.identity.users.errors import LastAdmin

    with pytest.raises(LastAdmin):
        await lose(services, again, again, disabled=True)


async def test_two_admins_who_disable_each_other_at_once_do_not_both_succeed(
    services: Services, person: Make
):
    from tieline.identity.users.errors import LastAdmin

    one, two = await person("One", "admin"), await person("Two", "admin")

    results = await asyncio.gather(
        lose(services, one, two, disabled=True),
        lose(services, two, one, disabled=True),
        return_exceptions=True,
    )

    assert [type(result) for result in results].count(LastAdmin) == 1


async def test_giving_up_roles_given_by_hand_keeps_them_until_the_next_token(
    services: Services, person: Make
):
    root = await person("Root", "admin")

    user = await lose(services, root, root, follow_issuer=True)

    assert user.is_acting_admin


async def test_the_own_key_of_the_last_admin_is_no_other_admin(
    application: Application, services: Services, person: Make, org: str
) -> None:
    admin = await person("Ada", "admin")
    _, text = await services.identity.create_key(org, name="own", issued_to_user_id=admin.id)

    async with http_client(application, text) as own:
        answer = await change(own, admin, disabled=True)

    assert (answer.status_code, answer.json()["code"]) == (409, "LAST_ADMIN")
