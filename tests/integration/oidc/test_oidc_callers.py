"""Whom a token stands for: a user with roles, or the application of a client."""

from __future__ import annotations

import asyncio
import time

import pytest

from tieline.identity.applications.errors import ApplicationSuspended
from tieline.identity.applications.models import APPLICATIONS, ApplicationDraft
from tieline.identity.models import EVERYTHING, CallerKind, Scope
from tieline.identity.oidc.errors import InvalidToken
from tieline.identity.users.errors import UserDisabled
from tieline.identity.users.models import UserChange
from tieline.records.envelope import SystemCaller


@pytest.fixture
async def admin(services, org):
    """Somebody who may do everything in the organisation."""
    _, key = await services.identity.create_key(org, name="admin")
    return await services.identity.authenticate(key)


@pytest.fixture
async def crm(services, org, admin):
    return await services.applications.create_application(
        admin, ApplicationDraft(display_name="CRM", oauth_client_id="crm-client")
    )


def machine(issuer, client: str = "crm-client", **claims: object) -> str:
    """A token that a client has got for itself."""
    return issuer.token(sub=client, client_id=client, email=None, name=None, **claims)


async def refused(verifier, token: str, *, within: float) -> None:
    """Ask until the token is refused, which raises why."""
    async with asyncio.timeout(within):
        while await verifier.authenticate(token):
            await asyncio.sleep(0)


# --- people


async def test_a_person_becomes_a_user_at_first_sight(verifier, issuer, services, admin):
    caller = await verifier.authenticate(issuer.token(roles=["viewer"]))

    user = await services.users.get_user(admin, caller.id)
    assert (user.issuer, user.subject) == (issuer.url, "4711")
    assert (user.email, user.name, user.roles) == ("kim@example.org", "Kim", ("viewer",))
    assert not user.roles_given
    assert user.version == 1


async def test_the_same_person_is_the_same_user(verifier, issuer):
    callers = await asyncio.gather(
        *(verifier.authenticate(issuer.token(jti=str(number))) for number in range(8))
    )

    assert len({caller.id for caller in callers}) == 1


async def test_a_person_in_two_organisations_is_two_users(verifier_of, configured, issuer, org):
    here = verifier_of(configured())
    there = verifier_of(configured(organisation=f"{org}-2"))

    first = await here.authenticate(issuer.token())
    second = await there.authenticate(issuer.token())

    assert (first.org_id, second.org_id) == (org, f"{org}-2")
    assert first.id != second.id


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"roles": ["admin"]}, ("admin",)),
        ({"roles": ["editor", "viewer", "editor"]}, ("viewer", "editor")),
        ({"roles": "operator"}, ("operator",)),
        ({"roles": ["Admin", "*", "owner", 5, None]}, ()),
        ({"roles": {"admin": True}}, ()),
        ({}, ()),
    ],
)
async def test_without_a_mapping_claims_name_roles(verifier, issuer, claims, roles):
    assert (await verifier.authenticate(issuer.token(**claims))).roles == roles


@pytest.mark.parametrize(
    ("path", "claims"),
    [
        ("realm_access.roles", {"realm_access": {"roles": ["erp-admins"]}}),
        ("https://tieline.example/roles", {"https://tieline.example/roles": ["erp-admins"]}),
        ("a.b.c", {"a": {"b.c": "erp-admins"}}),
        ("a.b.c", {"a.b": {"c": "erp-admins"}, "a": 1}),
    ],
)
async def test_roles_are_mapped_from_any_claim(verifier_of, configured, issuer, path, claims):
    mapping = {"erp-admins": "admin"}
    verifier = verifier_of(configured(roles_claim=path, role_mapping=mapping))

    assert (await verifier.authenticate(issuer.token(**claims))).roles == ("admin",)


async def test_with_a_mapping_only_what_it_names_counts(verifier_of, configured, issuer):
    verifier = verifier_of(
        configured(roles_claim="roles", role_mapping={"x": "viewer"}, default_roles=["operator"])
    )

    assert (await verifier.authenticate(issuer.token(roles=["admin"]))).roles == ("operator",)
    assert (await verifier.authenticate(issuer.token(sub="2", roles=["x"]))).roles == ("viewer",)


async def test_a_newer_token_changes_mapped_roles_and_an_older_one_does_not(verifier, issuer):
    now = int(time.time())
    old, new = (issuer.token(iat=now - 10, roles=["admin"]), issuer.token(roles=["viewer"]))

    assert (await verifier.authenticate(old)).roles == ("admin",)
    assert (await verifier.authenticate(new)).roles == ("viewer",)
    verifier.forget()
    assert (await verifier.authenticate(old)).roles == ("viewer",)


async def test_an_older_token_changes_nothing_after_a_newer_one_that_said_nothing_new(
    verifier, issuer
):
    now = int(time.time())
    first, stale, newest = (
        issuer.token(iat=now - 30, roles=["viewer"]),
        issuer.token(iat=now - 20, roles=["admin"]),
        issuer.token(iat=now - 10, roles=["viewer"]),
    )
    for token in (first, newest):
        assert (await verifier.authenticate(token)).roles == ("viewer",)

    assert (await verifier.authenticate(stale)).roles == ("viewer",)


async def test_roles_given_by_hand_stay_until_they_are_given_up(verifier, issuer, services, admin):
    caller = await verifier.authenticate(issuer.token(roles=["viewer"]))

    user = await services.users.update_user(admin, caller.id, 1, UserChange(roles=("editor",)))
    assert user.roles_given
    assert (await verifier.authenticate(issuer.token(roles=["admin"]))).roles == ("editor",)

    await services.users.update_user(admin, caller.id, user.version, UserChange(follow_issuer=True))
    assert (await verifier.authenticate(issuer.token(roles=["operator"]))).roles == ("operator",)


async def test_a_disabled_user_is_refused_and_an_enabled_one_is_not(
    verifier, issuer, services, admin
):
    token = issuer.token()
    caller = await verifier.authenticate(token)

    user = await services.users.update_user(admin, caller.id, 1, UserChange(disabled=True))
    with pytest.raises(UserDisabled):
        await verifier.authenticate(token)
    await services.users.update_user(admin, caller.id, user.version, UserChange(disabled=False))
    assert await verifier.authenticate(token)


async def test_a_remembered_token_costs_nothing_until_something_changes(
    verifier, issuer, services, admin
):
    await verifier.start()
    await verifier._listener.wait_until_alive()
    token = issuer.token()
    caller = await verifier.authenticate(token)
    assert await verifier.authenticate(token) is caller

    await services.users.update_user(admin, caller.id, 1, UserChange(disabled=True))
    with pytest.raises(UserDisabled):
        await refused(verifier, token, within=1)


async def test_a_remembered_token_still_ends(verifier_of, configured, issuer, seconds):
    verifier = verifier_of(configured(clock_skew_seconds=0))
    await verifier.start()
    await verifier._listener.wait_until_alive()
    token = issuer.token(exp=time.time() + 0.3)
    caller = await verifier.authenticate(token)

    assert await verifier.authenticate(token) is caller
    with pytest.raises(InvalidToken, match="expired"):
        await refused(verifier, token, within=2)


async def test_when_a_user_was_seen_last_is_written_together(verifier, issuer, services, admin):
    token = issuer.token()
    caller = await verifier.authenticate(token)
    first = (await services.users.get_user(admin, caller.id)).last_seen_at

    for _ in range(3):
        await verifier.authenticate(token)
    assert (await services.users.get_user(admin, caller.id)).last_seen_at == first
    await verifier._users.last_seen.write()

    seen = await services.users.get_user(admin, caller.id)
    assert seen.last_seen_at > first
    assert seen.version == 1


# --- organisations


async def test_the_issuer_may_name_an_organisation_that_exists(
    verifier_of, configured, issuer, services, org
):
    verifier = verifier_of(configured(organisation=None, organisation_claim="tenant.id"))
    await services.identity.create_key(org, name="makes the organisation")

    caller = await verifier.authenticate(issuer.token(tenant={"id": org}))

    assert caller.org_id == org


@pytest.mark.parametrize(
    "tenant",
    [None, "", "nobody", ["a", "b"], [], 5, {"id": "x"}, "\ud800", "a\x00", "x" * 300, "../a"],
)
async def test_an_organisation_that_does_not_exist_is_not_made(
    verifier_of, configured, issuer, tenant
):
    verifier = verifier_of(configured(organisation=None, organisation_claim="tenant"))

    with pytest.raises(InvalidToken, match="organisation"):
        await verifier.authenticate(issuer.token(tenant=tenant))


async def test_the_audience_tells_entries_of_one_issuer_apart(verifier_of, configured, issuer, org):
    verifier = verifier_of(
        configured(audience="one"), configured(audience="two", organisation=f"{org}-2")
    )

    assert (await verifier.authenticate(issuer.token(aud="one"))).org_id == org
    assert (await verifier.authenticate(issuer.token(aud="two"))).org_id == f"{org}-2"


# --- machines


async def test_a_clients_own_token_speaks_for_its_application(verifier, issuer, org, crm):
    caller = await verifier.authenticate(
        machine(issuer, scope="openid erp:events erp:read everything *", roles=["viewer"])
    )

    assert caller.kind is CallerKind.APPLICATION
    assert (caller.org_id, caller.app_id, caller.name) == (org, crm.slug, "CRM")
    assert caller.id == APPLICATIONS.wire_id(crm)
    assert caller.application_id == str(crm.id)
    assert {Scope.ERP_EVENTS, Scope.METERING_READ} <= caller.scopes
    assert EVERYTHING not in caller.scopes
    assert Scope.ERP_WRITE not in caller.scopes
    assert caller.user_id is None


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "crm-client", "azp": "crm-client"},
        {"sub": "crm-client@clients", "azp": "crm-client", "gty": "client-credentials"},
        {"sub": "5f2c", "azp": "crm-client", "idtyp": "app"},
    ],
)
async def test_issuers_mark_machines_in_several_ways(verifier, issuer, crm, claims):
    caller = await verifier.authenticate(issuer.token(**claims))

    assert caller.kind is CallerKind.APPLICATION


async def test_a_claim_that_only_machines_have_can_be_configured(
    verifier_of, configured, issuer, crm
):
    verifier = verifier_of(configured(machine_claim="client_id", client_id_claim=["azp"]))

    person = await verifier.authenticate(issuer.token(azp="crm-client"))
    robot = await verifier.authenticate(issuer.token(azp="crm-client", client_id="crm-client"))

    assert (person.kind, robot.kind) == (CallerKind.USER, CallerKind.APPLICATION)


@pytest.mark.parametrize(
    "claims", [{"idtyp": "app"}, {"grant_type": "client_credentials"}, {"client_id": "crm-client"}]
)
async def test_a_machine_that_does_not_say_which_is_no_person(
    verifier_of, configured, issuer, crm, claims
):
    # The client stands where the configuration does not look for it.
    verifier = verifier_of(
        configured(machine_claim="client_id", client_id_claim=["azp"], default_roles=["viewer"])
    )

    with pytest.raises(InvalidToken, match=r"does not say of which.* azp;"):
        await verifier.authenticate(issuer.token(**claims))


async def test_a_person_who_uses_an_application_stays_a_person(verifier, issuer, crm):
    caller = await verifier.authenticate(
        issuer.token(
            azp="crm-client",
            client_id="crm-client",
            preferred_username="service-account-crm-client",
            scope="erp:write",
        )
    )

    assert caller.kind is CallerKind.USER
    assert caller.app_id is None
    assert caller.scopes == frozenset()


async def test_a_client_without_an_application_is_refused(verifier, issuer, crm):
    with pytest.raises(InvalidToken, match="oauth_client_id"):
        await verifier.authenticate(machine(issuer, "another-client"))


async def test_a_client_of_another_organisation_cannot_be_captured(
    verifier_of, configured, issuer, services, org, crm
):
    """Whoever registers a client id in their organisation gets none of another's tokens."""
    thief = SystemCaller(f"{org}-thief", "thief")
    await services.identity.create_key(thief.org_id, name="makes the organisation")
    await services.applications.create_application(
        thief, ApplicationDraft(display_name="Thief", oauth_client_id="crm-client")
    )
    await services.applications.create_application(
        thief, ApplicationDraft(display_name="Other", oauth_client_id="only-here")
    )

    verifier = verifier_of(configured())
    caller = await verifier.authenticate(machine(issuer))

    assert (caller.org_id, caller.app_id) == (org, crm.slug)
    with pytest.raises(InvalidToken):
        await verifier.authenticate(machine(issuer, "only-here"))


async def test_a_suspended_application_is_refused_at_once(verifier, issuer, services, admin, crm):
    await verifier.start()
    await verifier._listener.wait_until_alive()
    token = machine(issuer)
    await verifier.authenticate(token)

    await services.applications.update_application(
        admin, crm.id, crm.version, ApplicationDraft(status="suspended")
    )
    with pytest.raises(ApplicationSuspended):
        await refused(verifier, token, within=1)
