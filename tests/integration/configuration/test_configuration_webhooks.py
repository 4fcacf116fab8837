"""Webhooks in files: all that somebody has decided about them, and no secret."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.integration.configuration.test_configuration_apply import apply, exported, wanted

from tieline.configuration.errors import UnusableConfigurationFiles
from tieline.configuration.rendering import flat_steps
from tieline.configuration.service import ConfigurationService
from tieline.http.services import Services
from tieline.kit import yaml
from tieline.kit.errors import TielineError
from tieline.outbound.webhooks.auth_secrets import AuthSecrets
from tieline.outbound.webhooks.drafts import WebhookDraft
from tieline.outbound.webhooks.models import Webhook
from tieline.records.envelope import SystemCaller

ID = "whk_01M83HPWJZE04TSN003MPA8E7H"
PLAIN = "a-password-of-the-erp-4711"


def file(**auth: str) -> str:
    """A file with one webhook; `auth` is what it says of the user beside the name."""
    said = "".join(f', {name}: "{value}"' for name, value in auth.items())
    return (
        f"tieline: 1\nwebhooks:\n  - name: orders\n    id: {ID}\n"
        f"    auth: {{authType: BASIC, basicAuthConfig: {{username: erp{said}}}}}\n"
    )


async def stored(services: Services, org: str) -> Webhook:
    caller = SystemCaller(org, "test")
    [found] = await services.webhooks.outbound_webhooks(caller)
    return found


async def kept(services: Services, org: str) -> str | None:
    """The secret or the reference of the one webhook."""
    webhook = await stored(services, org)
    async with services.database.organisation(org) as tx:
        return await AuthSecrets(services.secrets).read(tx, webhook)


async def set_secret(services: Services, org: str) -> None:
    """What somebody does over the API."""
    webhook = await stored(services, org)
    auth = {"authType": "BASIC", "basicAuthConfig": {"username": "erp", "password": PLAIN}}
    draft = WebhookDraft.model_validate({"auth": auth})
    await services.webhooks.update_webhook(SystemCaller(org, "test"), webhook.id, None, draft)


async def open_steps(service: ConfigurationService, org: str, text: str) -> list[Any]:
    return flat_steps(await service.plan(org, wanted(service, text), prune=False))


async def test_a_secret_is_not_for_files_and_survives_them(
    configuration: ConfigurationService, services: Services, org: str
) -> None:
    await apply(configuration, org, file())
    await set_secret(services, org)
    shown = (await exported(configuration, org))["webhooks.yaml"]

    assert PLAIN not in shown
    assert "password" not in shown
    assert await open_steps(configuration, org, shown) == []
    await apply(configuration, org, file().replace("orders", "others"))
    assert await kept(services, org) == PLAIN


async def test_a_reference_comes_with_a_file_and_goes_with_it(
    configuration: ConfigurationService, services: Services, org: str
) -> None:
    with_one = file(password="{{env.erp}}")
    await apply(configuration, org, file())
    await set_secret(services, org)
    await apply(configuration, org, with_one)

    assert await kept(services, org) == "{{env.erp}}"
    assert await open_steps(configuration, org, with_one) == []
    await apply(configuration, org, file())
    assert await kept(services, org) is None
    assert await open_steps(configuration, org, file()) == []


@pytest.mark.parametrize(
    ("auth", "place"),
    [
        ("{authType: BASIC, basicAuthConfig: {username: a, password: %s}}", "password"),
        ("{authType: API_KEY, apiKeyConfig: {keyName: X, keyValue: %s}}", "keyValue"),
        (
            "{authType: OAUTH_CLIENT_CREDENTIALS, oauthConfig: {clientId: a, "
            'endpoint: "https://e.example", clientSecret: %s}}',
            "clientSecret",
        ),
    ],
)
@pytest.mark.parametrize("secret", [PLAIN, f'"{PLAIN}{{{{env.erp}}}}"'])
async def test_a_plain_secret_in_a_file_is_refused(
    configuration: ConfigurationService, auth: str, place: str, secret: str
) -> None:
    text = f"tieline: 1\nwebhooks:\n  - name: a\n    auth: {auth % secret}\n"
    with pytest.raises(UnusableConfigurationFiles) as refusal:
        wanted(configuration, text)

    [fault] = refusal.value.faults
    assert fault.line == 4
    assert place in str(fault)
    assert PLAIN not in str(fault)


async def test_a_plan_finds_what_only_saving_would_refuse(
    configuration: ConfigurationService, org: str
) -> None:
    text = "tieline: 1\nwebhooks: [{name: a, jsonata_expression: '{'}]\n"
    with pytest.raises(TielineError) as refusal:
        await configuration.plan(org, wanted(configuration, text), prune=False)

    assert "jsonata_expression" in str(refusal.value) + str(vars(refusal.value))


async def test_what_is_as_it_would_be_unsaid_is_not_said(
    configuration: ConfigurationService, org: str
) -> None:
    await apply(configuration, org, "tieline: 1\nwebhooks: [{name: a}]\n")
    files: Mapping[str, str] = await exported(configuration, org)

    said = yaml.read(files["webhooks.yaml"]).value["webhooks"]
    assert [set(webhook) for webhook in said] == [{"name", "id"}]
