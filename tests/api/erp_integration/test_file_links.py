import asyncio
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from tests.api.erp_integration.file_proxies import ERP, Proxies, raw, step, target
from tests.components.http_protocol import Reply
from tests.conftest import http_client

from tieline.fileproxy.link_service import FileLinks
from tieline.fileproxy.models import Link
from tieline.kit.ids import new_ulid

LINKS = f"{ERP}/file-proxy/links"


@pytest.fixture
async def proxies(application, client, sink):
    async with http_client(application, None) as anonymous:
        made = Proxies(client, anonymous, sink)
        answer = await client.post(f"{ERP}/integrations", json={"name": "Archive"})
        made.integration_id = answer.json()["id"]
        sink.answer("/f", Reply.of("the file"))
        yield made


@pytest.fixture
async def slug(proxies, sink):
    return await proxies.make(
        params=[{"name": "id", "required": True}, {"name": "page", "required": False}],
        steps=[step(sink.at("/f"))],
        response=raw(),
    )


def changed(link, **different):
    """The link with other parameters; None takes one away."""
    parts = urlsplit(link)
    pairs = {**dict(parse_qsl(parts.query, keep_blank_values=True)), **different}
    query = urlencode({name: value for name, value in pairs.items() if value is not None})
    return f"{parts.path}?{query}"


async def test_a_stored_address_is_signed_on_demand(proxies, slug, org, application):
    stored = (
        f"{application.settings.public_address}/erp-integration/download?orgId={org}"
        f"&integrationId={proxies.integration_id}&useCaseSlug={slug}&id=a%2Fb%20c"
    )

    signed = (await proxies.client.post(LINKS, json={"url": stored, "expires_in": 60})).json()

    assert signed["url"].startswith(f"{stored}&expires_at=")
    left = datetime.fromisoformat(signed["expires_at"]) - datetime.now(UTC)
    assert timedelta(seconds=50) < left <= timedelta(seconds=60)
    assert (await proxies.anonymous.get(target(signed["url"]))).text == "the file"


async def test_what_a_mapping_has_stored_can_be_signed_and_fetched(proxies, slug, services, org):
    """The whole way: an event makes an entity with an address, whose file is then fetched."""
    fields = [
        {"attribute": "number", "field": "number"},
        {
            "attribute": "custom_download_url",
            "file_proxy_url": {"use_case_slug": slug, "params": {"id": {"field": "number"}}},
        },
    ]
    configuration = {
        "entities": [{"entity_schema": "file", "unique_ids": ["number"], "fields": fields}]
    }
    inbound = {"name": "Invoices", "slug": "i", "type": "inbound", "enabled": True}
    place = f"{ERP}/integrations/{proxies.integration_id}/use-cases"
    await proxies.client.post(place, json={**inbound, "configuration": configuration})
    event = {
        "use_case_slug": "i",
        "timestamp": "2026-01-01T00:00:00Z",
        "format": "json",
        "payload": {"number": "4711"},
    }
    sent = {"integration_id": proxies.integration_id, "events": [event]}
    answer = await proxies.client.post("/erp-integration/v3/erp/updates/events", json=sent)
    assert answer.json()["results"][0]["status"] == "success", answer.text

    url = await stored_address(proxies.client)
    signed = await proxies.client.post(LINKS, json={"url": url})

    assert (await proxies.anonymous.get(target(signed.json()["url"]))).text == "the file"
    assert (await proxies.anonymous.get(target(url))).status_code == 403


async def stored_address(client):
    """What the mapping has stored, once it has."""
    async with asyncio.timeout(20):
        while True:
            search = {"q": "_schema:file"}
            found = (await client.post("/entity/v1/entity:search", json=search)).json()["results"]
            if found:
                return found[0]["custom_download_url"]
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"id": "2"}, "not as it was signed"),
        ({"page": "1"}, "not as it was signed"),
        ({"id": None}, "not as it was signed"),
        ({"expires_at": "99999999999999"}, "not as it was signed"),
        ({"signature": "A" * 43}, "not as it was signed"),
        ({"signature": "é"}, "not as it was signed"),
        ({"useCaseSlug": "other"}, "not as it was signed"),
        ({"signature": None}, "not signed"),
        ({"expires_at": None}, "not signed"),
        ({"signature": ""}, "not signed"),
    ],
)
async def test_a_changed_link_opens_nothing(proxies, slug, sink, change, words):
    link = changed(await proxies.link(slug, id="1"), **change)

    answer = await proxies.anonymous.get(link)

    assert (answer.status_code, answer.json()["code"]) == (403, "SIGNATURE_VERIFICATION_FAILED")
    assert words in answer.json()["message"]
    assert sink.requests == []
    assert await proxies.downloads() == []


async def test_the_order_of_the_parameters_does_not_matter(proxies, slug):
    parts = urlsplit(await proxies.link(slug, id="1", page="2"))
    turned = "&".join(reversed(parts.query.split("&")))

    assert (await proxies.anonymous.get(f"{parts.path}?{turned}")).status_code == 200


async def test_a_parameter_that_is_there_twice_is_refused(proxies, slug):
    answer = await proxies.anonymous.get(await proxies.link(slug, id="1") + "&id=2")

    assert answer.status_code == 400
    assert "id: is there twice" in answer.json()["message"]


async def test_a_signature_is_of_no_use_to_another_organisation(
    proxies, slug, services, application, sink
):
    stranger = f"org-{new_ulid()}"
    _, key = await services.identity.create_key(stranger, name="test")
    async with http_client(application, key) as theirs:
        foreign = Proxies(theirs, proxies.anonymous, sink)
        created = await theirs.post(f"{ERP}/integrations", json={"name": "Theirs"})
        foreign.integration_id = created.json()["id"]
        own = await foreign.make(steps=[step(sink.at("/f"))], response=raw())
        await foreign.link(own)
        mine = await proxies.link(slug, id="1")

        moved = await proxies.anonymous.get(changed(mine, orgId=stranger))
        stolen = await theirs.post(LINKS, json={"url": f"http://tieline.test{mine}"})

    assert moved.status_code == 403
    assert stolen.status_code == 404


async def test_nothing_is_found_of_an_organisation_without_links(proxies, org):
    nobody = f"org-{new_ulid()}"
    link = f"/erp-integration/download?orgId={nobody}&integrationId=x&useCaseSlug=y"

    answer = await proxies.anonymous.get(f"{link}&expires_at=99999999999999&signature=A")

    assert answer.status_code == 403


async def test_a_link_ends_and_the_list_of_downloads_says_so(proxies, slug, services, org):
    earlier = FileLinks(
        services.database,
        services.secrets,
        services.integrations,
        "http://tieline.test/erp-integration",
        clock=lambda: datetime.now(UTC) - timedelta(seconds=61),
    )
    link = Link(org, proxies.integration_id, slug, None, (("id", "1"),))
    signed = await earlier.sign(org, link, timedelta(seconds=60))

    answer = await proxies.anonymous.get(target(signed.url))

    assert (answer.status_code, answer.json()["code"]) == (403, "SIGNATURE_VERIFICATION_FAILED")
    assert "expired at" in answer.json()["message"]
    [entry] = await proxies.downloads(failed=True)
    assert entry["code"] == "SIGNATURE_VERIFICATION_FAILED"
    assert "expired at" in entry["message"]
    assert entry["params"] == {"id": "1"}


async def test_whoever_makes_a_link_stands_in_the_audit_log(proxies, slug):
    await proxies.link(slug, id="4711", token="hidden-from-everybody")

    listed = await proxies.client.get(
        "/api/v1/integration/audit-log", params={"action": "file_link.created"}
    )

    [entry] = listed.json()["items"]
    assert entry["after"]["params"]["id"] == "4711"
    assert "hidden-from-everybody" not in listed.text
    assert "signature" not in listed.text


@pytest.mark.parametrize("keep_links", [True, False])
async def test_a_new_key_keeps_the_links_there_are_or_ends_them(proxies, slug, keep_links):
    before = await proxies.link(slug, id="1")

    rotated = await proxies.client.post(
        f"{ERP}/file-proxy/link-key/rotate", json={"keep_links": keep_links}
    )

    assert rotated.status_code == 200
    answer = await proxies.anonymous.get(before)
    assert answer.status_code == (200 if keep_links else 403)
    assert (await proxies.fetch(slug, id="1")).status_code == 200


async def test_the_key_before_the_last_ends_with_its_links(proxies, slug):
    before = await proxies.link(slug, id="1")
    for _ in range(2):
        await proxies.client.post(f"{ERP}/file-proxy/link-key/rotate", json={})

    assert (await proxies.anonymous.get(before)).status_code == 403


@pytest.mark.parametrize(
    ("different", "status", "words"),
    [
        ({"params": {}}, 400, "id"),
        ({"use_case_slug": "nowhere"}, 404, "no such file proxy"),
        ({"use_case_slug": None}, 400, "useCaseSlug or useCaseId"),
        ({"integration_id": None}, 400, "url or integration_id"),
        ({"expires_in": 604801}, 400, "expires_in"),
        ({"expires_in": 0}, 400, "expires_in"),
        ({"params": {"id": "1", "orgId": "x"}}, 400, "orgId"),
        ({"params": {"id": "1\x00"}}, 400, "U+0000"),
        ({"params": {"id[]": "1"}}, 400, "id[]"),
        ({"params": {f"p{index}": "" for index in range(60)}}, 400, "50"),
        ({"url": "http://x/download"}, 400, "url"),
    ],
)
async def test_what_cannot_be_signed_is_named(proxies, slug, different, status, words):
    body = {
        "integration_id": proxies.integration_id,
        "use_case_slug": slug,
        "params": {"id": "1"},
        **different,
    }

    answer = await proxies.client.post(
        LINKS, json={name: value for name, value in body.items() if value is not None}
    )

    assert answer.status_code == status, answer.text
    assert words in answer.json()["message"]


@pytest.mark.parametrize(
    "url",
    ["nonsense", "https://elsewhere.example/x?orgId=1", "ftp://x/download", "http://[x/download"],
)
async def test_a_foreign_address_is_not_signed(proxies, url):
    answer = await proxies.client.post(LINKS, json={"url": url})

    assert (answer.status_code, answer.json()["code"]) == (400, "NO_DOWNLOAD_ADDRESS")


async def test_a_parameter_that_became_required_is_missing_in_the_link(proxies, sink):
    slug = await proxies.make(steps=[step(sink.at("/f"))], response=raw())
    link = await proxies.link(slug)
    [use_case] = (
        await proxies.client.get(f"{ERP}/integrations/{proxies.integration_id}/use-cases")
    ).json()["use_cases"]
    place = f"{ERP}/integrations/{proxies.integration_id}/use-cases/{use_case['id']}"
    use_case["configuration"]["params"] = [{"name": "id", "required": True}]
    body = {"type": "file_proxy", "configuration": use_case["configuration"]}
    assert (await proxies.client.put(place, json=body)).status_code == 200

    answer = await proxies.anonymous.get(link)

    assert (answer.status_code, answer.json()["code"]) == (400, "MISSING_REQUIRED_PARAM")
    assert answer.json()["message"].startswith("id: is missing")
    assert (await proxies.downloads())[0]["code"] == "MISSING_REQUIRED_PARAM"

    await proxies.client.put(place, json={"type": "file_proxy", "enabled": False})
    answer = await proxies.anonymous.get(link)
    assert (answer.status_code, answer.json()["code"]) == (409, "FILE_PROXY_DISABLED")

    await proxies.client.delete(place)
    assert (await proxies.anonymous.get(link)).status_code == 404
    codes = [entry["code"] for entry in await proxies.downloads()]
    assert codes == ["USE_CASE_NOT_FOUND", "FILE_PROXY_DISABLED", "MISSING_REQUIRED_PARAM"]


async def test_a_link_by_id_works_like_one_by_slug(proxies, slug):
    [use_case] = (
        await proxies.client.get(f"{ERP}/integrations/{proxies.integration_id}/use-cases")
    ).json()["use_cases"]
    body = {
        "integration_id": proxies.integration_id,
        "use_case_id": use_case["id"],
        "params": {"id": "1"},
    }

    signed = await proxies.client.post(LINKS, json=body)

    assert "useCaseId=" in signed.json()["url"]
    assert (await proxies.anonymous.get(target(signed.json()["url"]))).status_code == 200


async def test_downloads_count_against_the_limit_of_the_organisation(proxies, slug, services, org):
    link = await proxies.link(slug, id="1")
    await services.identity.limit_organisation(org, 2)

    statuses = [(await proxies.anonymous.get(link)).status_code for _ in range(3)]

    assert statuses == [200, 200, 429]
