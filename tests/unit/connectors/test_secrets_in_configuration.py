"""A connector's configuration holds no secrets."""

import pytest

from tieline.connectors.configuration import refuse_secrets
from tieline.connectors.errors import SecretInConfiguration


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"password": "hunter2"}, "config.password"),
        ({"auth": {"clientSecret": "hunter2"}}, "config.auth.clientSecret"),
        ({"headers": {"Authorization": "Bearer abc"}}, "config.headers.Authorization"),
        ({"x-api-key": "abc"}, "config.x-api-key"),
        ({"pin": {"token": 4711}}, "config.pin.token"),
        ({"accounts": [{"name": "a"}, {"private_key": "abc"}]}, "config.accounts[1].private_key"),
        ({"credentials": {"user": "hunter2"}}, "config.credentials.user"),
        ({"passwords": ["hunter2"]}, "config.passwords[0]"),
        ({"secrets": {"sap": "hunter2"}}, "config.secrets.sap"),
        ({"token": "Bearer {{env.token}}"}, "config.token"),
        ({"password": "{{env.a}}hunter2"}, "config.password"),
        ({"password": "{{env.a"}, "config.password"),
        ({"baseUrl": "https://sap:hunter2@erp.example.com"}, "config.baseUrl"),
        ({"certificate": "-----BEGIN PRIVATE KEY-----\nMIIEvQ"}, "config.certificate"),
    ],
)
def test_a_secret_is_refused_by_its_place(config, place):
    with pytest.raises(SecretInConfiguration) as refusal:
        refuse_secrets(config)

    assert refusal.value.message.startswith(f"{place}: ")
    assert "{{env.key}}" in refusal.value.message
    assert "vault_path" in refusal.value.message
    assert "hunter2" not in refusal.value.message


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"baseUrl": "https://erp.example.com:8443/api", "region": "eu", "accountId": 4711},
        {"password": "{{env.sap-password}}", "apiKey": "{{ env.sap.key }}"},
        {"credentials": {"user": "{{env.user}}", "password": "{{env.password}}"}},
        {"tokenUrl": "https://login.example.com", "secret_name": "sap", "max_tokens": 4},
        {"tokens": 7, "password": None, "secret": "", "use_token": True},
        {"proxy": "https://{{env.user}}:{{env.password}}@proxy.example.com"},
    ],
)
def test_what_is_no_secret_stays(config):
    refuse_secrets(config)
