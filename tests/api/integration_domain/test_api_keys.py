"""API keys over the domain API: every field, and what each operation does."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from tests.conftest import http_client

from tieline.app import Application
from tieline.http.services import Services
from tieline.kit.time import to_wire

KEYS = "/api/v1/integration/api-keys"
APPLICATIONS = "/api/v1/integration/applications"


async def created(client: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await client.post(KEYS, json={"name": "sap", **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def read(client: httpx.AsyncClient, key_id: str) -> dict[str, Any]:
    answer = await client.get(f"{KEYS}/{key_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def changed(client: httpx.AsyncClient, key: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answer = await client.patch(f"{KEYS}/{key['id']}", json={"version": key["version"], **fields})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def status_of(application: Application, text: str) -> int:
    async with http_client(application, text) as caller:
        return (await caller.get(KEYS)).status_code


def refused(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def test_a_key_shows_every_field(client: httpx.AsyncClient, org: str) -> None:
    end = to_wire(datetime.now(UTC) + timedelta(days=30))
    key = await created(
        client,
        kind="virtual_llm",
        issued_to_service="assistant",
        scopes=["key:usage"],
        allowed_models=["small", "large"],
        tpm_limit=1000,
        rpm_limit=60,
        max_budget_usd=12.5,
        expires_at=end,
        tags=["pilot"],
    )

    shown = await read(client, key["id"])

    assert shown == {name: key[name] for name in shown}
    assert set(key) - set(shown) == {"key", "key_hash", "key_fingerprint"}
    assert shown["tenant_id"] == org
    assert shown["name"] == "sap"
    assert shown["kind"] == "virtual_llm"
    assert shown["issued_to_service"] == "assistant"
    assert shown["issued_to_user_id"] is None
    assert shown["scopes"] == ["key:usage"]
    assert shown["allowed_models"] == ["small", "large"]
    assert (shown["tpm_limit"], shown["rpm_limit"]) == (1000, 60)
    assert (shown["max_budget_usd"], shown["spend_usd"]) == (12.5, 0)
    assert (shown["blocked"], shown["blocked_reason"], shown["status"]) == (False, None, "active")
    assert shown["last_used_at"] is None
    assert shown["expires_at"] == end
    assert shown["rotated_from_key_id"] is None
    assert shown["tags"] == ["pilot"]
    assert shown["version"] == 1
    assert shown["application_id"] is None
    assert shown["key_prefix"] == shown["prefix"] == key["key"][: len(shown["prefix"])]
    assert key["key"].startswith("tl_llm_")


async def test_the_fingerprint_is_the_sha_256_of_the_key(client: httpx.AsyncClient) -> None:
    key = await created(client)

    digest = hashlib.sha256(key["key"].encode()).hexdigest()
    assert key["key_hash"] == key["key_fingerprint"] == digest


@pytest.mark.parametrize(
    ("path", "secret"), [(KEYS, "key"), ("/access-token/v1/access-tokens", "token")]
)
async def test_a_repeated_request_shows_the_key_no_second_time(
    client: httpx.AsyncClient, services: Services, org: str, path: str, secret: str
) -> None:
    request = {"json": {"name": "sap"}, "headers": {"idempotency-key": "once"}}
    first = (await client.post(path, **request)).json()
    again = await client.post(path, **request)

    assert again.status_code == 201
    assert (again.json()["id"], again.json()[secret]) == (first["id"], None)
    async with services.database.reading(org) as tx:
        stored = await tx.fetchval("SELECT body FROM idempotency_keys WHERE org_id = $1")
    assert first[secret].encode() not in stored


async def test_the_stamps_of_the_sample_are_ignored(client: httpx.AsyncClient, org: str) -> None:
    answer = await client.post(
        KEYS,
        json={
            "id": "rec_01HXEXAMPLE",
            "tenant_id": "example tenant_id",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            "app_id": "example app_id",
            "created_by": "rec_01HXEXAMPLE",
        },
    )

    assert answer.status_code == 201, answer.text
    assert answer.json()["tenant_id"] == org
    assert (answer.json()["name"], answer.json()["kind"]) == ("API key", "service")
    assert answer.json()["id"].startswith("key_")
    assert "app_id" not in answer.json()


async def test_a_key_can_be_used_until_it_is_revoked(
    application: Application, client: httpx.AsyncClient
) -> None:
    key = await created(client)
    assert await status_of(application, key["key"]) == 200

    first = (await client.post(f"{KEYS}/{key['id']}/revoke")).json()
    again = (await client.post(f"{KEYS}/{key['id']}/revoke")).json()

    assert await status_of(application, key["key"]) == 401
    assert (first["status"], first["blocked"], first["blocked_reason"]) == (
        "revoked",
        True,
        "revoked",
    )
    assert first["revoked_at"] is not None
    assert first == again


async def test_blocking_refuses_and_unblocking_restores(
    application: Application, client: httpx.AsyncClient
) -> None:
    key = await created(client)

    blocked = await changed(client, key, blocked=True, blocked_reason="lost laptop")
    assert (blocked["status"], blocked["blocked_reason"]) == ("revoked", "lost laptop")
    async with http_client(application, key["key"]) as caller:
        answer = await caller.get(KEYS)
    assert refused(answer) == (401, "INVALID_API_KEY")
    assert "lost laptop" in answer.json()["message"]

    restored = await changed(client, blocked, blocked=False)
    assert (restored["status"], restored["blocked_reason"]) == ("active", None)
    assert await status_of(application, key["key"]) == 200


async def test_a_revoked_key_cannot_be_unblocked(client: httpx.AsyncClient) -> None:
    key = await created(client)
    revoked = (await client.post(f"{KEYS}/{key['id']}/revoke")).json()

    answer = await client.patch(
        f"{KEYS}/{key['id']}", json={"version": revoked["version"], "blocked": False}
    )

    assert refused(answer) == (409, "API_KEY_REVOKED")


async def test_a_key_that_has_ended_is_shown_as_expired(
    application: Application, client: httpx.AsyncClient
) -> None:
    key = await created(client)

    ended = await changed(client, key, expires_at="2026-01-01T00:00:00Z")

    assert ended["status"] == "expired"
    assert await status_of(application, key["key"]) == 401
    answer = await client.get(KEYS, params={"status": "expired"})
    assert [item["id"] for item in answer.json()["items"]] == [key["id"]]


async def test_a_key_remembers_the_person_who_created_it(
    application: Application, client: httpx.AsyncClient
) -> None:
    entry = await created(client, kind="user", issued_to_user_id="usr-jane")
    async with http_client(application, entry["key"]) as jane:
        key = await created(jane, kind="user")

    assert key["created_by_user_id"] == key["created_by"] == "usr-jane"
    assert key["issued_to_user_id"] == "usr-jane"


async def test_what_was_read_can_be_sent_back(client: httpx.AsyncClient) -> None:
    key = await created(client, scopes=["key:read"], tags=["a"])
    shown = await read(client, key["id"])

    after = await changed(client, shown, **{**shown, "tags": ["b"], "status": "revoked"})

    differing = {name for name in shown if after[name] != shown[name]}
    assert differing == {"tags", "version", "updated_at"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "user"),
        ("issued_to_user_id", "usr-other"),
        ("issued_to_service", "other"),
        ("scopes", ["*"]),
        ("scopes", None),
        ("roles", ["admin"]),
        ("application_id", None),
    ],
)
async def test_whom_a_key_is_for_and_what_it_allows_never_changes(
    client: httpx.AsyncClient, name: str, value: Any
) -> None:
    crm = (await client.post(APPLICATIONS, json={"display_name": "CRM"})).json()
    key = await created(client, scopes=["key:read"], application_id=crm["id"])

    answer = await client.patch(f"{KEYS}/{key['id']}", json={"version": 1, name: value})

    assert refused(answer) == (400, "INVALID_API_KEY_REQUEST")
    assert f"{name}: never changes" in answer.json()["message"]
    assert (await read(client, key["id"]))[name] == key[name]


async def test_who_created_a_key_can_be_looked_up(client: httpx.AsyncClient) -> None:
    key = await created(client)

    creator = await read(client, key["created_by"])

    assert creator["id"] == key["created_by"]
    listed = await client.get(KEYS, params={"created_by": creator["id"]})
    assert [each["id"] for each in listed.json()["items"]] == [key["id"]]


async def test_a_stale_version_is_a_conflict(client: httpx.AsyncClient) -> None:
    key = await created(client)
    await changed(client, key, name="first")

    answer = await client.patch(f"{KEYS}/{key['id']}", json={"version": 1, "name": "second"})

    assert refused(answer) == (409, "VERSION_CONFLICT")


async def test_keys_are_filtered_searched_and_sorted(client: httpx.AsyncClient) -> None:
    for name, rpm in (("alpha", 10), ("beta", 20), ("gamma", 30)):
        await created(client, name=name, rpm_limit=rpm)

    answer = await client.get(KEYS, params={"rpm_limit[gte]": 20, "sort": "name"})
    assert [item["name"] for item in answer.json()["items"]] == ["beta", "gamma"]
    found = await client.get(KEYS, params={"search": "alph"})
    assert [item["name"] for item in found.json()["items"]] == ["alpha"]


async def test_a_name_that_is_null_is_the_default(client: httpx.AsyncClient) -> None:
    key = await created(client, name=None)
    assert key["name"] == "API key"

    renamed = await changed(client, key, name="sap")
    assert (await changed(client, renamed, name=None))["name"] == "API key"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\u0000b"}, "name"),
        ({"kind": "robot"}, "kind"),
        ({"scopes": ["erp:everything"]}, "erp:everything"),
        ({"roles": ["king"]}, "king"),
        ({"rpm_limit": 0}, "rpm_limit"),
        ({"rpm_limit": 2.5}, "rpm_limit"),
        ({"rpm_limit": True}, "rpm_limit"),
        ({"tpm_limit": "60"}, "tpm_limit"),
        ({"max_budget_usd": -1}, "max_budget_usd"),
        ({"max_budget_usd": "NaN"}, "max_budget_usd"),
        ({"expires_at": "yesterday"}, "expires_at"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"application_id": "4711"}, "application_id"),
        ({"blocked_reason": "why"}, "blocked_reason"),
        ({"tags": [1]}, "tags"),
        ({"colour": "red"}, "colour"),
    ],
)
async def test_a_wrong_field_is_refused_by_name(
    client: httpx.AsyncClient, fields: dict[str, Any], named: str
) -> None:
    before = (await client.get(KEYS)).json()["total"]

    answer = await client.post(KEYS, json={"name": "sap", **fields})

    assert answer.status_code == 400, answer.text
    assert named in answer.json()["message"]
    assert (await client.get(KEYS)).json()["total"] == before


@pytest.mark.parametrize("key_id", ["key_01J00000000000000000000000", "nonsense"])
async def test_a_key_that_does_not_exist_is_not_found(
    client: httpx.AsyncClient, key_id: str
) -> None:
    expected = 404 if key_id.startswith("key_") else 400

    assert (await client.get(f"{KEYS}/{key_id}")).status_code == expected
    assert (await client.post(f"{KEYS}/{key_id}/revoke")).status_code == expected
    assert (await client.post(f"{KEYS}/{key_id}/rotate")).status_code == expected


class TestPrivileges:
    """Nobody gives away more than they have."""

    async def caller(self, application: Application, client: httpx.AsyncClient, **fields: Any):
        key = await created(client, **fields)
        return http_client(application, key["key"])

    async def test_a_key_gets_the_scopes_of_its_creator(
        self, application: Application, client: httpx.AsyncClient
    ) -> None:
        async with await self.caller(
            application, client, scopes=["key:write", "key:read", "erp:read"]
        ) as limited:
            key = await created(limited)

        assert key["scopes"] == ["erp:read", "key:read", "key:write"]

    async def test_a_key_for_a_gateway_gets_none(self, client: httpx.AsyncClient) -> None:
        assert (await created(client, kind="virtual_llm"))["scopes"] == []

    @pytest.mark.parametrize(
        "more", [{"scopes": ["erp:write"]}, {"scopes": ["*"]}, {"roles": ["admin"]}]
    )
    async def test_more_than_the_creator_has_is_refused(
        self, application: Application, client: httpx.AsyncClient, more: dict[str, Any]
    ) -> None:
        async with await self.caller(
            application, client, scopes=["key:write", "key:read", "erp:read"]
        ) as limited:
            answer = await limited.post(KEYS, json={"name": "more", **more})

        assert refused(answer) == (403, "PRIVILEGE_ESCALATION")

    async def test_a_stronger_key_cannot_be_rotated_into_ones_hands(
        self, application: Application, client: httpx.AsyncClient
    ) -> None:
        strong = await created(client, scopes=["*"])
        async with await self.caller(application, client, scopes=["key:write"]) as limited:
            answer = await limited.post(f"{KEYS}/{strong['id']}/rotate")

        assert refused(answer) == (403, "PRIVILEGE_ESCALATION")
        assert (await read(client, strong["id"]))["expires_at"] is None

    @pytest.mark.parametrize(
        ("ended", "again"),
        [
            ({"blocked": True}, {"blocked": False}),
            ({"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": None}),
            ({"expires_at": "2099-01-01T00:00:00Z"}, {"expires_at": "2099-01-01T00:00:01Z"}),
            ({"expires_at": "2099-01-01T00:00:00Z"}, {"expires_at": None}),
        ],
    )
    async def test_a_stronger_key_is_not_brought_back_and_lasts_no_longer(
        self,
        application: Application,
        client: httpx.AsyncClient,
        ended: dict[str, Any],
        again: dict[str, Any],
    ) -> None:
        strong = await created(client, scopes=["*"])
        ending = await changed(client, strong, **ended)
        own = await created(client, scopes=["key:write"])
        async with http_client(application, own["key"]) as limited:
            answer = await limited.patch(
                f"{KEYS}/{strong['id']}", json={"version": ending["version"], **again}
            )
            shorter = await limited.patch(
                f"{KEYS}/{strong['id']}",
                json={"version": ending["version"], "expires_at": "2021-01-01T00:00:00Z"},
            )

        assert refused(answer) == (403, "PRIVILEGE_ESCALATION")
        assert shorter.status_code == 200, shorter.text
        assert await status_of(application, strong["key"]) == 401

    async def test_a_key_in_anothers_name_needs_more(
        self, application: Application, client: httpx.AsyncClient
    ) -> None:
        async with await self.caller(application, client, scopes=["key:write"]) as limited:
            answer = await limited.post(KEYS, json={"issued_to_user_id": "usr-somebody"})

        assert refused(answer) == (403, "PRIVILEGE_ESCALATION")


class TestRotation:
    """A key is replaced without an interruption."""

    async def test_both_keys_are_valid_in_the_overlap(
        self, application: Application, client: httpx.AsyncClient
    ) -> None:
        old = await created(client, rpm_limit=500, tags=["x"], scopes=["key:read"])
        answer = await client.post(f"{KEYS}/{old['id']}/rotate", json={"overlap_seconds": 600})
        assert answer.status_code == 201, answer.text
        new = answer.json()

        assert await status_of(application, old["key"]) == 200
        assert await status_of(application, new["key"]) == 200
        same = ("name", "kind", "rpm_limit", "tags", "scopes", "expires_at")
        assert {name: new[name] for name in same} == {name: old[name] for name in same}
        assert new["rotated_from_key_id"] == old["id"]
        ends = datetime.fromisoformat((await read(client, old["id"]))["expires_at"])
        assert abs(ends - datetime.now(UTC) - timedelta(seconds=600)) < timedelta(seconds=30)

    async def test_without_overlap_the_old_key_ends_at_once(
        self, application: Application, client: httpx.AsyncClient
    ) -> None:
        old = await created(client)
        new = (await client.post(f"{KEYS}/{old['id']}/rotate", json={"overlap_seconds": 0})).json()

        assert await status_of(application, old["key"]) == 401
        assert await status_of(application, new["key"]) == 200

    async def test_the_old_key_never_lives_longer_than_it_would_have(
        self, client: httpx.AsyncClient
    ) -> None:
        end = to_wire(datetime.now(UTC) + timedelta(hours=1))
        old = await created(client, expires_at=end)

        new = (await client.post(f"{KEYS}/{old['id']}/rotate")).json()

        assert (await read(client, old["id"]))["expires_at"] == end
        assert new["expires_at"] >= end

    @pytest.mark.parametrize("overlap", [-1, 30 * 86_400 + 1, "soon"])
    async def test_an_overlap_has_bounds(self, client: httpx.AsyncClient, overlap: Any) -> None:
        old = await created(client)

        answer = await client.post(f"{KEYS}/{old['id']}/rotate", json={"overlap_seconds": overlap})

        assert answer.status_code == 400
        assert "overlap_seconds" in answer.json()["message"]

    async def test_a_key_is_rotated_once(self, client: httpx.AsyncClient) -> None:
        key = await created(client)
        place = f"{KEYS}/{key['id']}/rotate"
        successor = (await client.post(place)).json()

        again = await client.post(place)
        assert refused(again) == (409, "API_KEY_ALREADY_ROTATED")
        assert successor["id"] in again.json()["message"]

        await client.post(f"{KEYS}/{successor['id']}/revoke")
        assert (await client.post(place)).status_code == 201

    async def test_a_blocked_key_is_not_rotated(self, client: httpx.AsyncClient) -> None:
        old = await created(client, blocked=True)

        answer = await client.post(f"{KEYS}/{old['id']}/rotate")

        assert refused(answer) == (409, "API_KEY_NOT_ACTIVE")


class TestApplications:
    """Keys of applications."""

    async def application(
        self, client: httpx.AsyncClient, name: str, **fields: Any
    ) -> dict[str, Any]:
        answer = await client.post(APPLICATIONS, json={"display_name": name, **fields})
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def test_an_application_makes_and_sees_its_own_keys_only(
        self, application: Application, client: httpx.AsyncClient
    ) -> None:
        crm, other = [await self.application(client, name) for name in ("CRM", "Other")]
        entry = await created(client, application_id=crm["id"])
        async with http_client(application, entry["key"]) as inside:
            own = await created(inside)
            elsewhere = await inside.post(KEYS, json={"application_id": other["id"]})
            seen = (await inside.get(KEYS)).json()["items"]
            hidden = await inside.get(f"{KEYS}/{entry['id']}")

        assert own["app_id"] == crm["slug"]
        assert own["application_id"] == crm["id"]
        assert refused(elsewhere) == (400, "INVALID_REQUEST")
        assert "application_id: there is nothing" in elsewhere.json()["message"]
        assert [item["id"] for item in seen] == [own["id"]]
        assert hidden.status_code == 404

    async def test_an_unknown_application_gets_no_key(self, client: httpx.AsyncClient) -> None:
        answer = await client.post(KEYS, json={"application_id": "app_01J00000000000000000000000"})

        assert refused(answer) == (400, "INVALID_REQUEST")
        assert "application_id: there is nothing" in answer.json()["message"]

    async def test_keys_of_a_suspended_application_are_refused_at_once(
        self, application: Application, client: httpx.AsyncClient, services: Services
    ) -> None:
        crm = await self.application(client, "CRM suspended")
        key = await created(client, application_id=crm["id"])
        assert await status_of(application, key["key"]) == 200

        answer = await client.patch(
            f"{APPLICATIONS}/{crm['id']}", json={"version": crm["version"], "status": "suspended"}
        )
        assert answer.status_code == 200, answer.text
        services.identity.forget()  # what the notification does a moment later

        async with http_client(application, key["key"]) as caller:
            assert refused(await caller.get(KEYS)) == (403, "APPLICATION_SUSPENDED")
        check = await client.post(f"{KEYS}/check", json={"key": key["key"]})
        assert check.json()["code"] == "APPLICATION_SUSPENDED"


async def test_what_is_done_to_keys_is_in_the_audit_log_without_the_key(
    client: httpx.AsyncClient,
) -> None:
    key = await created(client)
    rotated = (await client.post(f"{KEYS}/{key['id']}/rotate")).json()
    await client.post(f"{KEYS}/{key['id']}/revoke")

    answer = await client.get(
        "/api/v1/integration/audit-log", params={"target_id": key["id"], "target_type": "key"}
    )

    actions = [entry["action"] for entry in answer.json()["items"]]
    assert actions == ["key.revoked", "key.rotated", "key.created"]
    for secret in (key["key"], key["key_hash"], rotated["key"]):
        assert secret not in answer.text
