"""Each role on each operation of every surface: allowed what it is there for, and nothing else."""

from __future__ import annotations

import re
from uuid import uuid4

import pytest
from tests.conftest import http_client

from tieline.app import openapi_pages
from tieline.identity.models import EVERYTHING, Scope
from tieline.identity.roles import SCOPES_OF, Role
from tieline.kit.ids import new_ulid

METHODS = ("get", "post", "put", "patch", "delete")
UNSAFE = frozenset(METHODS) - {"get"}

# Operations that need no scope of their own, and why.
WITHOUT_SCOPE = {
    "getAccessTokenJwks": "public keys",
    "getAccessTokenOIDC": "where the public keys are",
    "getPublicTokenJwks": "public keys",
    "getPublicTokenOIDC": "where the public keys are",
    "getPublicKey": "a public key",
    "downloadFile": "the signature of the link opens the door",
    "getMe": "every caller may know who it is",
    "explainAccess": "every caller may ask about itself",
}
# Unsafe methods that change nothing, only ask: a body is where their question fits.
ASKING = {
    "simulateMapping",
    "simulateMappingV2",
    "runSamples",
    "remapEvents",
    "queryInboundMonitoringEvents",
    "queryOutboundMonitoringEvents",
    "getMonitoringStats",
    "getMonitoringTimeSeries",
    "queryAccessLogs",
    "queryFileDownloads",
    "queryEvents",
    "searchEventHistory",
    "searchEventHistoryV2",
    "previewCustomEvent",
    "queryDeadLetters",
    "queryDeadLetterGroups",
    "getWebhookExample",
    "getWebhookEventsV2",
    "queryDeadDeliveries",
    "queryDeadDeliveryGroups",
    "searchEntities",
    "listEntities",
    "validateEntity",
    "validateEntityV2",
}


def operations():
    for surface, page in openapi_pages().items():
        for path, methods in page["paths"].items():
            for method in METHODS:
                if method in methods:
                    yield surface, method, path, methods[method]


ALL = list(operations())
PREFIXES = {"keyId": "key", "applicationId": "app", "connectorId": "cnn", "webhookId": "whk"}


def with_ids(path):
    """The path with ids of their right forms in it, of things that do not exist."""

    def identifier(match):
        prefix = PREFIXES.get(match[1])
        return f"{prefix}_{new_ulid()}" if prefix else str(uuid4())

    return re.sub(r"{([^}]+)}", identifier, path)


def the_id(surface, method, path):
    return f"{method} /{surface}{path}"


@pytest.mark.parametrize(
    ("surface", "method", "path", "operation"), ALL, ids=[the_id(*each[:3]) for each in ALL]
)
async def test_an_operation_lets_in_the_roles_with_its_scope(
    application, services, org, surface, method, path, operation
):
    scope = operation.get("x-required-scope")
    if scope is None:
        assert operation["operationId"] in WITHOUT_SCOPE
        return
    url = f"/{surface}{with_ids(path)}"
    for role in Role:
        scopes = SCOPES_OF[role]
        _, key = await services.identity.create_key(org, name=role, scopes=scopes)
        async with http_client(application, key) as caller:
            answer = await caller.request(method, url, json={})
        refused = answer.status_code == 403 and answer.json().get("code") == "MISSING_SCOPE"
        assert refused == (scope not in scopes and EVERYTHING not in scopes), (role, answer.text)
        assert answer.status_code not in (401, 500), answer.text


@pytest.mark.parametrize(
    ("surface", "method", "path", "operation"), ALL, ids=[the_id(*each[:3]) for each in ALL]
)
async def test_no_operation_answers_without_a_key(application, surface, method, path, operation):
    if operation["operationId"] in WITHOUT_SCOPE and not operation.get("security"):
        return
    url = f"/{surface}{with_ids(path)}"
    async with http_client(application, None) as stranger:
        answer = await stranger.request(method, url, json={})
    assert answer.status_code == 401, answer.text


def test_a_viewer_changes_nothing():
    viewer = SCOPES_OF[Role.VIEWER]
    for surface, method, path, operation in ALL:
        if method in UNSAFE and operation.get("x-required-scope") in viewer:
            assert operation["operationId"] in ASKING, the_id(surface, method, path)


def test_only_an_administrator_deals_with_keys_people_and_the_audit_log():
    reserved = {
        Scope.KEY_READ,
        Scope.KEY_WRITE,
        Scope.KEY_USAGE,
        Scope.ACCESS_READ,
        Scope.ACCESS_WRITE,
        Scope.AUDIT_READ,
    }
    for role in (Role.VIEWER, Role.OPERATOR, Role.EDITOR):
        assert not SCOPES_OF[role] & reserved
    required = {operation.get("x-required-scope") for *_, operation in ALL}
    assert reserved <= required


def test_every_role_may_all_that_the_one_before_it_may():
    ladder = [SCOPES_OF[role] for role in (Role.VIEWER, Role.OPERATOR, Role.EDITOR)]
    assert ladder[0] < ladder[1] < ladder[2]
    assert SCOPES_OF[Role.ADMIN] == {EVERYTHING}


def test_every_scope_is_required_somewhere():
    assert {operation.get("x-required-scope") for *_, operation in ALL} - {None} == set(Scope)
