"""The requests that carry messages: who calls, signed with what, and what of it may be shown."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import standardwebhooks
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from tests.components.oauth_server import TokenServer
from webhook_making import (
    all_heard,
    another_directory,
    calling,
    changed,
    credentials_of,
    made,
    message,
)

from tieline.database import OrgTransaction
from tieline.egress.models import OutgoingRequest
from tieline.http.services import Services
from tieline.kit.time import utc_now
from tieline.outbound.webhooks.credentials import SECONDS_REMEMBERED
from tieline.outbound.webhooks.directory import WebhookDirectory
from tieline.outbound.webhooks.errors import (
    InvalidHeaderValue,
    WebhookAuthIncomplete,
    WebhookIncomplete,
    WebhookSecretMissing,
)
from tieline.outbound.webhooks.models import WEBHOOKS
from tieline.outbound.webhooks.requests import USER_AGENT, RequestMaker
from tieline.secrets.environments.models import ValueType, VariableChange
from tieline.secrets.errors import UnresolvedVariable
from tieline.secrets.material import HIDDEN, SecretText, SecretValues
from tieline.secrets.store import SecretStore

PLAIN = "a-password-of-the-erp-4711"


class Ticking:
    """A clock that goes when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


class Counting:
    """A store of secrets that counts who reads."""

    def __init__(self, store: SecretStore) -> None:
        self._store = store
        self.paths = store.paths
        self.read_paths: list[str] = []

    async def read(self, tx: OrgTransaction, path: str) -> SecretValues | None:
        self.read_paths.append(path)
        return await self._store.read(tx, path)


def headers(request: OutgoingRequest) -> dict[str, str]:
    return dict(request.headers)


async def variable(services: Services, org: str, key: str, value: str) -> None:
    change = VariableChange(type=ValueType.SECRET, value=SecretText(value))
    await services.environments.put(org, key, change)


@pytest.fixture
async def directory(services: Services) -> AsyncIterator[WebhookDirectory]:
    async with another_directory(services) as found:
        yield found


async def test_a_message_goes_out_signed_by_secret_and_key(services: Services, org: str) -> None:
    shown = await made(services, org, headers={"X-Tenant": "7"})
    request = await services.request_maker.request_for(
        shown.webhook, message(b'{"a":1}', attempt=3), utc_now()
    )
    public = load_pem_public_key((await services.webhook_keys.public_key(org)).encode())
    found = headers(request)

    assert (request.method, request.url, request.body) == ("POST", shown.webhook.url, b'{"a":1}')
    assert found["x-tenant"] == "7"
    assert found["content-type"] == "application/json"
    assert found["user-agent"] == USER_AGENT
    assert found["webhook-id"] == message().id
    assert found["x-webhook-attempt"] == "3"
    standardwebhooks.Webhook(shown.signing_secret).verify(request.body, found)
    asymmetric = found["webhook-signature"].split(" ")[0].removeprefix("v1a,")
    signed = f"{message().id}.{found['webhook-timestamp']}.".encode() + request.body
    public.verify(base64.b64decode(asymmetric), signed)
    assert not request.through_proxy


async def test_a_policy_says_how_long_a_request_may_take(services: Services, org: str) -> None:
    webhook = (await made(services, org, retry_policy={"timeoutMs": 2_500})).webhook
    request = await services.request_maker.request_for(webhook, message(), utc_now())

    assert request.bounds.total_seconds == 2.5
    assert request.bounds.connect_seconds == 2.5


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_method_that_only_asks_carries_no_body(
    services: Services, org: str, method: str
) -> None:
    shown = await made(services, org, http_method=method)
    request = await services.request_maker.request_for(shown.webhook, message(), utc_now())

    assert (request.method, request.body) == (method, b"")
    assert "content-type" not in headers(request)
    standardwebhooks.Webhook(shown.signing_secret).verify(b"", headers(request), json_parse=False)


@pytest.mark.parametrize(
    "fields",
    [
        {"enable_static_ip": True},
        {
            "secure_proxy": {
                "integration_id": "123e4567-e89b-12d3-a456-426614174000",
                "use_case_slug": "x",
            }
        },
    ],
)
async def test_requests_leave_through_the_proxy_if_they_have_to(
    services: Services, org: str, fields: dict[str, Any]
) -> None:
    webhook = (await made(services, org, **fields)).webhook

    assert (await services.request_maker.request_for(webhook, message(), utc_now())).through_proxy


async def test_the_signature_of_the_body_alone(services: Services, org: str) -> None:
    shown = await made(services, org, signature_scheme="hmac-sha256")
    found = headers(await services.request_maker.request_for(shown.webhook, message(), utc_now()))
    assert shown.signing_secret is not None
    expected = hmac.new(shown.signing_secret.encode(), message().body, hashlib.sha256).hexdigest()

    assert found["x-webhook-signature"] == f"sha256={expected}"
    assert found["webhook-id"] == message().id
    assert "webhook-signature" not in found


async def test_without_a_signature_the_message_has_its_id_all_the_same(
    services: Services, org: str
) -> None:
    shown = await made(services, org, signature_scheme="none")
    found = headers(await services.request_maker.request_for(shown.webhook, message(), utc_now()))

    assert found["webhook-id"] == message().id
    assert not {"webhook-signature", "x-webhook-signature"} & set(found)


async def test_for_a_day_after_a_rotation_both_secrets_are_good(
    services: Services, org: str
) -> None:
    old = await made(services, org)
    new = await services.webhooks.rotate_secret(calling(org), old.webhook.id)

    def accepted(request: OutgoingRequest, secret: str | None) -> bool:
        signatures = headers(request)["webhook-signature"].split(" ")[1:]
        key = base64.b64decode(str(secret).removeprefix("whsec_"))
        stamp = headers(request)["webhook-timestamp"]
        signed = f"{message().id}.{stamp}.".encode() + request.body
        expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        return f"v1,{expected}" in signatures

    for hours, old_is_good in ((0, True), (23.9, True), (24.1, False)):
        at = datetime.now(UTC) + timedelta(hours=hours)
        request = await services.request_maker.request_for(new.webhook, message(), at)
        assert accepted(request, new.signing_secret)
        assert accepted(request, old.signing_secret) is old_is_good


async def test_a_secret_of_ones_own_signs(services: Services, org: str, key: str) -> None:
    async with services.database.organisation(org) as tx:
        await services.secrets.write(tx, "partners/erp", {"secret": "a secret of our own"})
    path = f"secret/data/tieline/{org}/partners/erp"
    webhook = (await made(services, org, vault_path=path)).webhook
    request = await services.request_maker.request_for(webhook, message(), utc_now())

    standardwebhooks.Webhook(b"a secret of our own").verify(request.body, headers(request))


BASIC = {"authType": "BASIC", "basicAuthConfig": {"username": "erp"}}
KEY = {"authType": "API_KEY", "apiKeyConfig": {"keyName": "X-ERP-Key"}}


def with_secret(auth: dict[str, Any], name: str, secret: str) -> dict[str, Any]:
    section = next(key for key in auth if key != "authType")
    return {**auth, section: {**auth[section], name: secret}}


@pytest.mark.parametrize("text", [PLAIN, "{{env.erp}}", "{{ env.erp }}"])
async def test_a_name_and_a_password(services: Services, org: str, key: str, text: str) -> None:
    await variable(services, org, "erp", PLAIN)
    webhook = (await made(services, org, auth=with_secret(BASIC, "password", text))).webhook
    request = await services.request_maker.request_for(webhook, message(), utc_now())

    expected = base64.b64encode(f"erp:{PLAIN}".encode()).decode()
    assert headers(request)["authorization"] == f"Basic {expected}"
    assert PLAIN not in repr(webhook)
    assert expected not in repr(request)


@pytest.mark.parametrize(
    ("text", "sent"),
    [(PLAIN, PLAIN), ("Bearer {{env.erp}}", f"Bearer {PLAIN}"), ("{{env.erp}}", PLAIN)],
)
async def test_a_key_in_a_header(
    services: Services, org: str, key: str, text: str, sent: str
) -> None:
    await variable(services, org, "erp", PLAIN)
    webhook = (await made(services, org, auth=with_secret(KEY, "keyValue", text))).webhook
    request = await services.request_maker.request_for(webhook, message(), utc_now())

    assert headers(request)["x-erp-key"] == sent


async def test_a_secret_that_is_left_out_of_a_change_still_works(
    services: Services, org: str
) -> None:
    webhook = (await made(services, org, auth=with_secret(KEY, "keyValue", PLAIN))).webhook
    after = await changed(services, webhook, auth=KEY, name="x")
    request = await services.request_maker.request_for(after, message(), utc_now())

    assert headers(request)["x-erp-key"] == PLAIN


async def test_a_key_that_was_removed_says_so(services: Services, org: str) -> None:
    webhook = (await made(services, org, auth=with_secret(KEY, "keyValue", PLAIN))).webhook
    nothing = {"authType": "API_KEY", "apiKeyConfig": {"keyName": "X-Key", "keyValue": None}}
    after = await changed(services, webhook, auth=nothing)

    with pytest.raises(WebhookAuthIncomplete):
        await services.request_maker.request_for(after, message(), utc_now())


@pytest.mark.parametrize(("auth", "name"), [(BASIC, "password"), (KEY, "keyValue")])
async def test_a_secret_that_is_lost_says_so(
    services: Services, org: str, auth: dict[str, Any], name: str
) -> None:
    webhook = (await made(services, org, auth=with_secret(auth, name, PLAIN))).webhook
    async with services.database.organisation(org) as tx:
        await services.secrets.delete(tx, f"webhooks/{WEBHOOKS.wire_id(webhook)}/auth")

    with pytest.raises(WebhookAuthIncomplete):
        await services.request_maker.request_for(webhook, message(), utc_now())


async def test_a_cleared_password_is_an_empty_one(services: Services, org: str) -> None:
    webhook = (await made(services, org, auth=BASIC)).webhook
    request = await services.request_maker.request_for(webhook, message(), utc_now())

    expected = base64.b64encode(b"erp:").decode()
    assert headers(request)["authorization"] == f"Basic {expected}"


async def test_a_token_is_asked_for_and_asked_for_anew_once_it_is_refused(
    services: Services, org: str, key: str, token_server: TokenServer
) -> None:
    await variable(services, org, "resource", "the-erp-resource")
    auth = {
        "authType": "OAUTH_CLIENT_CREDENTIALS",
        "oauthConfig": {
            "clientId": "tieline",
            "clientSecret": token_server.clients["tieline"],
            "endpoint": token_server.url,
            "httpMethod": "POST",
            "customParameterList": [
                {"type": "body", "key": "resource", "value": "{{env.resource}}"},
                {"type": "query", "key": "tenant", "value": "7"},
                {"type": "header", "key": "X-Tenant", "value": "7"},
            ],
        },
    }
    webhook = (await made(services, org, auth=auth)).webhook
    clock = Ticking()
    async with another_directory(services) as directory:
        maker = RequestMaker(credentials_of(services, directory), services.tokens, monotonic=clock)

        async def token() -> str:
            request = await maker.request_for(webhook, message(), utc_now())
            return headers(request)["authorization"]

        first = await token()
        assert first == f"Bearer {token_server.issued[0].token}"
        assert await token() == first
        [asked] = token_server.requests
        assert asked.header("x-tenant") == "7"
        assert asked.query["tenant"] == "7"
        assert token_server.issued[0].parameters["resource"] == "the-erp-resource"

        await maker.unauthorised(webhook)
        second = await token()
        assert second == f"Bearer {token_server.issued[1].token}"
        await maker.unauthorised(webhook)  # the new one is refused as well
        assert await token() == second
        clock.now += 61
        await maker.unauthorised(webhook)
        assert await token() not in (first, second)


async def test_a_refusal_means_nothing_where_there_is_no_token(
    services: Services, org: str
) -> None:
    webhook = (await made(services, org)).webhook

    await services.request_maker.unauthorised(webhook)


async def test_what_cannot_be_sent_says_why(services: Services, org: str, key: str) -> None:
    await variable(services, org, "broken", "line one\nline two")
    for fields, error in (
        ({"url": None}, WebhookIncomplete),
        ({"headers": {"X-A": "{{env.missing}}"}}, UnresolvedVariable),
        ({"headers": {"X-A": "{{env.broken}}"}}, InvalidHeaderValue),
        ({"auth": with_secret(BASIC, "password", "{{env.missing}}")}, UnresolvedVariable),
        ({"auth": with_secret(KEY, "keyValue", "{{env.broken}}")}, InvalidHeaderValue),
        ({"vault_path": f"secret/data/tieline/{org}/partners/later"}, WebhookSecretMissing),
    ):
        webhook = (await made(services, org, **fields)).webhook
        with pytest.raises(error) as refusal:
            await services.request_maker.request_for(webhook, message(), utc_now())
        assert "line two" not in str(refusal.value)


async def test_the_log_is_shown_no_secret(services: Services, org: str, key: str) -> None:
    await variable(services, org, "erp", PLAIN)
    own = {"X-Plain": "7", "X-Resolved": "a {{env.erp}}", "X-Api-Key": "{{env.erp}}"}
    webhook = (
        await made(services, org, headers=own, auth=with_secret(KEY, "keyValue", PLAIN))
    ).webhook
    request = await services.request_maker.request_for(webhook, message(), utc_now())
    shown = dict(services.request_maker.shown_headers(request))

    assert PLAIN not in str(shown)
    for hidden in ("x-resolved", "x-api-key", "x-erp-key"):
        assert shown[hidden] == HIDDEN
    assert shown["x-plain"] == "7"
    assert shown["webhook-signature"] == headers(request)["webhook-signature"]


async def test_what_pulls_a_message_gets_the_signature_of_a_push(
    services: Services, org: str
) -> None:
    shown = await made(services, org, transport="pull", url=None, headers={"X-Tenant": "7"})
    found = dict(await services.request_maker.signature_for(shown.webhook, message(), utc_now()))

    standardwebhooks.Webhook(shown.signing_secret).verify(message().body, found)
    assert set(found) == {
        *("webhook-id", "webhook-timestamp", "webhook-signature", "x-webhook-attempt")
    }


async def test_a_thousand_messages_read_their_secrets_once(
    services: Services, org: str, directory: WebhookDirectory
) -> None:
    webhook = (await made(services, org, auth=with_secret(KEY, "keyValue", PLAIN))).webhook
    await services.webhook_keys.private_key(org)
    await all_heard(services, directory)
    counting, clock = Counting(services.secrets), Ticking()
    source = credentials_of(services, directory, secrets=counting, monotonic=clock)
    maker = RequestMaker(source, services.tokens)

    async def send(count: int) -> Sequence[OutgoingRequest]:
        return await asyncio.gather(
            *(maker.request_for(webhook, message(), utc_now()) for _ in range(count))
        )

    await send(500)
    await send(500)
    once = len(counting.read_paths)
    clock.now += SECONDS_REMEMBERED + 1
    await send(10)

    assert once == 2  # that of the signature and that of the receiver
    assert len(counting.read_paths) == 2 * once


async def test_a_changed_variable_is_used_within_seconds(
    services: Services, org: str, key: str, directory: WebhookDirectory
) -> None:
    await variable(services, org, "erp", PLAIN)
    webhook = (await made(services, org, headers={"X-A": "{{env.erp}}"})).webhook
    clock = Ticking()
    maker = RequestMaker(credentials_of(services, directory, monotonic=clock), services.tokens)
    await maker.request_for(webhook, message(), utc_now())
    await variable(services, org, "erp", f"{PLAIN}-new")
    clock.now += SECONDS_REMEMBERED + 0.1

    request = await maker.request_for(webhook, message(), utc_now())
    assert headers(request)["x-a"] == f"{PLAIN}-new"


async def test_a_failure_is_not_remembered(
    services: Services, org: str, key: str, directory: WebhookDirectory
) -> None:
    webhook = (await made(services, org, headers={"X-A": "{{env.erp}}"})).webhook
    maker = RequestMaker(credentials_of(services, directory), services.tokens)
    with pytest.raises(UnresolvedVariable):
        await maker.request_for(webhook, message(), utc_now())
    await variable(services, org, "erp", PLAIN)

    assert headers(await maker.request_for(webhook, message(), utc_now()))["x-a"] == PLAIN


async def test_a_change_of_the_webhook_counts_at_once(
    services: Services, org: str, directory: WebhookDirectory
) -> None:
    webhook = (await made(services, org, auth=with_secret(KEY, "keyValue", PLAIN))).webhook
    maker = RequestMaker(credentials_of(services, directory), services.tokens)
    await maker.request_for(webhook, message(), utc_now())
    after = await changed(services, webhook, auth=with_secret(KEY, "keyValue", f"{PLAIN}-new"))

    request = await maker.request_for(after, message(), utc_now())
    assert headers(request)["x-erp-key"] == f"{PLAIN}-new"


async def test_deleting_a_webhook_forgets_its_secrets(services: Services, org: str) -> None:
    webhook = (await made(services, org, auth=with_secret(KEY, "keyValue", PLAIN))).webhook
    await services.webhooks.delete_webhook(calling(org), webhook.id)
    async with services.database.organisation(org) as tx:
        left = await tx.fetchval(
            "SELECT count(*) FROM secrets WHERE org_id = $1 AND path LIKE 'webhooks/whk_%'"
        )

    assert left == 0
