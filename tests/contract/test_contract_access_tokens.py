"""Access tokens, as the published SDK deals with them."""

from __future__ import annotations

from typing import Any

import pytest
from contract_sdk import Sdk
from joserfc import jwt
from joserfc.jwk import KeySet


def created(sdk: Sdk, name: str, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = sdk.access_token(
        "createAccessToken", None, {"name": name, **more}, expect=201
    ).data
    return found


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"token_type": "api", "assignments": []},
        {"token_type": "api", "expires_in": 3600},
        {"token_type": "app", "assignments": ["default:viewer"], "expires_in": "10h"},
        {"token_type": "assume", "assignments": ["default:operator"]},
        {"token_type": "journey", "journey_id": "u29g7-97gajsaog-028t02jag-a9a72tk"},
        {"token_type": "portal", "portal_id": "END_CUSTOMER_PORTAL", "expires_in": "2 days"},
    ],
)
def test_each_kind_of_token_is_created_and_listed(
    sdk: Sdk, name: str, wish: dict[str, Any]
) -> None:
    token = created(sdk, name, **wish)

    kind = wish.get("token_type", "api")
    listed = sdk.access_token("listAccessTokens", {"token_type": [kind]}).data

    expected = {key: value for key, value in token.items() if key != "token"}
    assert [item for item in listed if item["id"] == token["id"]] == [expected]
    assert {item["token_type"] for item in listed} == {kind}


def test_tokens_of_several_types_are_listed_together(sdk: Sdk, name: str) -> None:
    created(sdk, name)
    wanted = [
        created(sdk, name, token_type="journey", journey_id="j"),
        created(sdk, name, token_type="portal", portal_id="p"),
    ]

    listed = sdk.access_token("listAccessTokens", {"token_type": ["journey", "portal"]}).data

    assert {token["id"] for token in wanted} <= {item["id"] for item in listed}
    assert {item["token_type"] for item in listed} == {"journey", "portal"}


def test_a_created_token_calls_the_apis(sdk: Sdk, name: str) -> None:
    token = created(sdk, name, assignments=["default:viewer"])["token"]

    sdk.erp("listIntegrations", token=token)
    sdk.access_token(
        "createAccessToken", None, {"name": "x"}, token=token, expect=403, undocumented=True
    )


def test_a_revoked_token_is_no_longer_listed_nor_taken(sdk: Sdk, name: str) -> None:
    token = created(sdk, name)

    revoked = sdk.access_token("revokeAccessToken", {"id": token["id"]}).data

    assert revoked["id"] == token["id"]
    listed = sdk.access_token("listAccessTokens").data
    assert token["id"] not in [item["id"] for item in listed]
    sdk.access_token("listAccessTokens", token=token["token"], expect=401, undocumented=True)


def test_the_keys_are_where_the_discovery_says(sdk: Sdk, name: str) -> None:
    token = created(sdk, name)["token"]
    discovery = sdk.access_token("getAccessTokenOIDC", token=None).data
    keys = KeySet.import_key_set(sdk.access_token("getAccessTokenJwks", token=None).data)

    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims

    assert claims["iss"] == discovery["issuer"]
    assert sdk.access_token("getPublicTokenJwks", token=None).data["keys"]
    assert sdk.access_token("getPublicTokenOIDC", token=None).data["issuer"].endswith("/public")


@pytest.mark.parametrize(
    "wish",
    [{"assignments": ["739224:employee"]}, {"expires_in": 5}, {"token_type": "journey"}],
)
def test_a_wish_that_cannot_be_met_is_a_400(sdk: Sdk, name: str, wish: dict[str, Any]) -> None:
    sdk.access_token("createAccessToken", None, {"name": name, **wish}, expect=400)


def test_an_unknown_token_is_a_404(sdk: Sdk) -> None:
    sdk.access_token("revokeAccessToken", {"id": "api_unknown"}, expect=404, undocumented=True)
