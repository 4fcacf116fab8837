import base64
import zlib

import pytest
from tests.api.erp_integration.file_proxies import SECRET, Proxies, binary, raw, step
from tests.components.http_protocol import Fault, Reply
from tests.conftest import http_client

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40


@pytest.fixture
async def proxies(application, client, sink):
    async with http_client(application, None) as anonymous:
        made = Proxies(client, anonymous, sink)
        answer = await client.post("/erp-integration/v1/integrations", json={"name": "Archive"})
        made.integration_id = answer.json()["id"]
        yield made


def archive(sink, content=PDF, kind="application/pdf"):
    """A document system: a search that finds an id, and the file under it."""
    sink.answer("/search", Reply.of({"hits": [{"id": "a/b c", "name": "Rechnung 3.pdf"}]}))
    sink.answer("/files/a/b c", Reply(200, content, {"content-type": kind}))


async def test_a_file_comes_by_a_search_and_its_result(proxies, sink):
    archive(sink)
    slug = await proxies.make(
        params=[{"name": "number", "required": True}],
        steps=[
            step(sink.at("/search?q={{params.number}}")),
            binary(sink.at("/files/{{steps.0.body.hits.0.id}}")),
        ],
        response=raw(
            "steps[1].body",
            filename="steps[0].body.hits[0].name",
            content_type="steps[1].headers.`content-type`",
        ),
    )

    answer = await proxies.fetch(slug, number="7 & 8")

    assert answer.status_code == 200, answer.text
    assert answer.content == PDF
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-length"] == str(len(PDF))
    assert answer.headers["content-disposition"] == 'attachment; filename="Rechnung 3.pdf"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    [asked, fetched] = sink.requests
    assert asked.query == {"q": "7 & 8"}
    assert fetched.target == "/files/a%2Fb%20c"
    [listed] = await proxies.downloads()
    assert listed["code"] == "FILE_PROXY_OK"
    assert listed["bytes"] == len(PDF)
    assert listed["filename"] == "Rechnung 3.pdf"
    assert listed["params"] == {"number": "7 & 8"}
    assert listed["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    "written",
    [
        base64.b64encode(PDF).decode(),
        base64.urlsafe_b64encode(PDF).decode().rstrip("="),
        "data:application/pdf;base64," + base64.b64encode(PDF).decode(),
        base64.encodebytes(PDF).decode(),
    ],
)
async def test_a_file_in_base64_is_decoded(proxies, sink, written):
    sink.answer("/d", Reply.of({"doc": {"data": written}}))
    slug = await proxies.make(
        steps=[step(sink.at("/d"))],
        response={"body": "steps[0].body.doc.data", "encoding": "base64"},
    )

    answer = await proxies.fetch(slug)

    assert answer.content == PDF
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="download"'


async def test_a_file_larger_than_any_expression_may_handle_is_chosen_by_one(proxies, sink):
    content = bytes(1_000) * 9_000
    documents = [{"kind": "letter", "data": "bm8="}]
    documents.append({"kind": "invoice", "data": base64.b64encode(content).decode()})
    sink.answer("/d", Reply.of({"documents": documents}))
    slug = await proxies.make(
        steps=[step(sink.at("/d"))],
        response={"body": "steps[0].body.documents[kind='invoice'].data", "encoding": "base64"},
    )

    answer = await proxies.fetch(slug)

    assert answer.content == content


async def test_a_binary_answer_that_holds_base64_is_decoded(proxies, sink):
    sink.answer("/d", Reply(200, base64.b64encode(PDF)))
    slug = await proxies.make(
        steps=[binary(sink.at("/d"))],
        response={"body": "steps[0].body", "encoding": "base64"},
    )

    assert (await proxies.fetch(slug)).content == PDF


async def test_the_file_may_be_in_an_earlier_step_than_the_last(proxies, sink):
    sink.answer("/file", Reply(200, PDF))
    sink.answer("/name", Reply.of({"name": "n.pdf"}))
    slug = await proxies.make(
        steps=[binary(sink.at("/file")), step(sink.at("/name"))],
        response=raw(filename="steps[1].body.name"),
    )

    answer = await proxies.fetch(slug)

    assert answer.content == PDF
    assert 'filename="n.pdf"' in answer.headers["content-disposition"]


async def test_what_an_expression_writes_is_a_file_too(proxies, sink):
    sink.answer("/d", Reply.of({"a": [1, 2]}))
    slug = await proxies.make(
        steps=[step(sink.at("/d"))],
        response=raw("{'sum': $sum(steps[0].body.a), 'of': params.who}", content_type="'text/x'"),
    )

    answer = await proxies.fetch(slug, who="ü")

    assert answer.json() == {"sum": 3, "of": "ü"}
    assert answer.headers["content-type"] == "text/x"


async def test_a_compressed_answer_is_passed_on_as_what_it_is(proxies, sink):
    sink.answer("/f", Reply(200, zlib.compress(PDF), {"content-encoding": "deflate"}))
    slug = await proxies.make(steps=[binary(sink.at("/f"))], response=raw())

    answer = await proxies.fetch(slug)

    assert answer.content == PDF
    assert "content-length" not in answer.headers


async def test_a_body_is_written_as_json_whatever_the_parameters_hold(proxies, sink):
    sink.answer("/q", Reply.of("ok"))
    slug = await proxies.make(
        steps=[
            step(
                sink.at("/q"),
                method="POST",
                body='{"name": "{{params.name}}", "n": {{params.n}}, "all": {{params.name}}}',
                headers={"X-Number": "{{params.n}}"},
            )
        ],
        response=raw(),
    )

    await proxies.fetch(slug, name='a"b\n', n="5")

    [asked] = sink.requests
    assert asked.json() == {"name": 'a"b\n', "n": 5, "all": 'a"b\n'}
    assert asked.header("content-type") == "application/json"
    assert asked.header("x-number") == "5"


async def test_a_line_break_never_gets_into_a_header(proxies, sink):
    slug = await proxies.make(
        steps=[step(sink.at("/q"), headers={"X-Number": "{{params.n}}"})], response=raw()
    )

    answer = await proxies.fetch(slug, n="5\r\nX-Admin: 1")

    assert answer.status_code == 502
    assert answer.json()["code"] == "EXTERNAL_API_ERROR"
    assert sink.requests == []


class TestAuthorisation:
    def auth(self, token_server, **different):
        return {
            "type": "oauth2_client_credentials",
            "token_url": token_server.url,
            "client_id": "{{params.client}}",
            "client_secret": "\\{{env.dms_secret}}",
            **different,
        }

    async def test_client_credentials_bring_a_token_that_is_used_again(
        self, proxies, sink, token_server
    ):
        token_server.guard("/a", Reply.of("ok"))
        sink.answer(
            "/a", lambda request: Reply.of("ok", 200 if token_server.accepts(request) else 401)
        )
        await proxies.variable("dms_secret", SECRET)
        slug = await proxies.make(
            auth=self.auth(
                token_server,
                scope="read",
                audience="dms",
                body_params={"tenant": "{{params.client}}"},
                headers={"x-t": "1"},
                query_params={"q": "a b"},
            ),
            steps=[step(sink.at("/a")), step(sink.at("/a"))],
            response=raw(),
        )

        for _ in range(2):
            assert (await proxies.fetch(slug, client="tieline")).status_code == 200

        [asked] = token_server.requests
        assert asked.header("x-t") == "1"
        [issued] = token_server.issued
        assert issued.grant == "client_credentials"
        wanted = {"scope": "read", "audience": "dms", "tenant": "tieline", "q": "a b"}
        assert wanted.items() <= issued.parameters.items()
        assert len(sink.received("/a")) == 4

    async def test_a_token_that_was_revoked_is_replaced_once(self, proxies, sink, token_server):
        sink.answer(
            "/a", lambda request: Reply.of("ok", 200 if token_server.accepts(request) else 401)
        )
        await proxies.variable("dms_secret", SECRET)
        slug = await proxies.make(
            auth=self.auth(token_server), steps=[step(sink.at("/a"))], response=raw()
        )
        await proxies.fetch(slug, client="tieline")
        token_server.revoke_all()

        answer = await proxies.fetch(slug, client="tieline")

        assert answer.status_code == 200
        assert len(token_server.requests) == 2
        assert len(sink.received("/a")) == 3

    async def test_a_system_that_refuses_every_token_is_asked_twice(
        self, proxies, sink, token_server
    ):
        sink.answer("/a", Reply(401))
        await proxies.variable("dms_secret", SECRET)
        slug = await proxies.make(
            auth=self.auth(token_server), steps=[binary(sink.at("/a"))], response=raw()
        )

        answer = await proxies.fetch(slug, client="tieline")

        assert (answer.status_code, answer.json()["upstream_status"]) == (502, 401)
        assert len(sink.received("/a")) == 2

    async def test_the_password_grant_sends_user_and_password(self, proxies, sink, token_server):
        sink.answer(
            "/a", lambda request: Reply.of("ok", 200 if token_server.accepts(request) else 401)
        )
        await proxies.variable("dms_secret", SECRET)
        await proxies.variable("dms_password", "password-of-kim-4711")
        slug = await proxies.make(
            auth=self.auth(
                token_server,
                type="oauth2_password",
                username="kim",
                password="{{ env.dms_password }}",
            ),
            steps=[step(sink.at("/a"))],
            response=raw(),
        )

        assert (await proxies.fetch(slug, client="tieline")).status_code == 200
        assert token_server.issued[0].grant == "password"

    async def test_a_step_with_its_own_authorization_gets_no_token(
        self, proxies, sink, token_server
    ):
        await proxies.variable("dms_secret", SECRET)
        own = step(sink.at("/a"), headers={"authorization": "Basic \\{{env.dms_secret}}"})
        slug = await proxies.make(auth=self.auth(token_server), steps=[own], response=raw())

        await proxies.fetch(slug, client="tieline")

        assert token_server.requests == []
        assert sink.received("/a")[0].header("authorization") == f"Basic {SECRET}"

    async def test_no_token_is_an_error_of_its_own(self, proxies, sink, token_server):
        await proxies.variable("dms_secret", "a-wrong-secret-4712")
        slug = await proxies.make(
            auth=self.auth(token_server), steps=[step(sink.at("/a"))], response=raw()
        )

        answer = await proxies.fetch(slug, client="tieline")

        assert (answer.status_code, answer.json()["code"]) == (502, "OAUTH2_TOKEN_FAILURE")
        [listed] = await proxies.downloads(failed=True)
        assert "invalid_client" in listed["message"]
        assert sink.received("/a") == []


class TestSecrets:
    async def test_a_parameter_that_looks_like_a_reference_reads_no_secret(self, proxies, sink):
        await proxies.variable("dms_key", "the-key-of-the-archive")
        sink.answer("/f", Reply.of({"echo": "{{env.dms_key}}"}))
        slug = await proxies.make(
            steps=[
                step(
                    sink.at("/f?a={{params.id}}&b={{{params.id}}}"),
                    headers={"x-key": "\\{{env.dms_key}}", "x-id": "{{params.id}}"},
                ),
                step(
                    sink.at("/f"),
                    method="POST",
                    body='{"a": "{{steps.0.body.echo}}", "b": "{{{params.id}}}"}',
                ),
            ],
            response=raw("params.id & steps[0].body.echo", filename="params.id"),
        )

        answer = await proxies.fetch(slug, id="{{env.dms_key}}\\{{env.dms_key}}")

        first, second = sink.requests
        assert first.header("x-key") == "the-key-of-the-archive"
        assert first.header("x-id") == "{{env.dms_key}}\\{{env.dms_key}}"
        assert "the-key" not in first.target + second.body.decode()
        assert answer.text == "{{env.dms_key}}\\{{env.dms_key}}{{env.dms_key}}"

    async def test_an_expression_gets_the_variables_that_it_names_itself(self, proxies, sink):
        await proxies.variable("company", "Stadtwerke & Co")
        sink.answer("/f", Reply.of("x"))
        slug = await proxies.make(
            steps=[step(sink.at("/f"))],
            response=raw(filename="'{{env.company}} ' & params.id & '.txt'"),
        )

        answer = await proxies.fetch(slug, id="7{{env.company}}")

        name = answer.headers["content-disposition"]
        assert 'filename="Stadtwerke & Co 7{{env.company}}.txt"' in name

    async def test_an_answer_that_repeats_a_secret_is_listed_without_it(self, proxies, sink):
        await proxies.variable("dms_key", "the-key-of-the-archive")
        sink.answer("/f", Reply.of({"error": "no such key: the-key-of-the-archive"}, 403))
        slug = await proxies.make(
            steps=[step(sink.at("/f"), headers={"x-key": "{{env.dms_key}}"})], response=raw()
        )

        answer = await proxies.fetch(slug)

        assert "no such key" not in answer.text
        [listed] = await proxies.downloads()
        assert "no such key: ..." in listed["message"]
        assert "the-key-of-the-archive" not in listed["message"]

    async def test_a_variable_that_is_not_set_is_named(self, proxies, sink):
        slug = await proxies.make(
            steps=[step(sink.at("/f"), headers={"x": "{{env.nowhere}}"})], response=raw()
        )

        answer = await proxies.fetch(slug)

        assert (answer.status_code, answer.json()["code"]) == (422, "UNRESOLVED_VARIABLE")
        assert "nowhere" in answer.json()["message"]
        assert sink.requests == []


class TestFailures:
    async def test_a_refusal_names_the_step_and_the_status(self, proxies, sink):
        sink.answer("/a", Reply.of({"id": 1}))
        sink.answer("/b", Reply.of({"why": "archived"}, 410))
        slug = await proxies.make(
            steps=[step(sink.at("/a")), binary(sink.at("/b"))], response=raw("steps[1].body")
        )

        answer = await proxies.fetch(slug)

        found = answer.json()
        assert answer.status_code == 502
        assert (found["code"], found["step"], found["upstream_status"]) == (
            *("EXTERNAL_API_ERROR", 2, 410),
        )
        assert "archived" not in answer.text
        [listed] = await proxies.downloads(code="EXTERNAL_API_ERROR")
        assert "archived" in listed["message"]
        assert (listed["step"], listed["upstream_status"]) == (2, 410)

    @pytest.mark.parametrize("fault", [Fault.DROP, Fault.GARBAGE])
    async def test_a_system_that_does_not_answer_is_told_without_its_address(
        self, proxies, sink, fault
    ):
        sink.answer("/a", Reply(fault=fault))
        slug = await proxies.make(steps=[step(sink.at("/a"))], response=raw())

        answer = await proxies.fetch(slug)

        assert answer.json()["code"] == "EXTERNAL_API_ERROR"
        assert "127.0.0.1" not in answer.text
        assert "127.0.0.1" in (await proxies.downloads())[0]["message"]

    async def test_an_address_inside_is_refused(self, proxies):
        slug = await proxies.make(steps=[step("http://10.0.0.1/a")], response=raw())

        answer = await proxies.fetch(slug)

        assert answer.json()["code"] == "EXTERNAL_API_ERROR"
        assert "EGRESS_ADDRESS_REFUSED" in answer.json()["message"]

    async def test_an_answer_that_is_no_json_is_an_error(self, proxies, sink):
        sink.answer("/a", Reply(200, b"<html>Please log in</html>"))
        slug = await proxies.make(steps=[step(sink.at("/a"))], response=raw())

        answer = await proxies.fetch(slug)

        assert answer.json()["code"] == "EXTERNAL_API_ERROR"
        assert "Please log in" in (await proxies.downloads())[0]["message"]

    @pytest.mark.parametrize(
        ("body", "encoding", "words"),
        [
            ("steps[0].body.missing", "base64", "finds nothing"),
            ("steps[0].body.n", "base64", "no text in Base64"),
            ("steps[0].body.t", "base64", "not Base64"),
            ("$toMillis(steps[0].body.t)", "binary", "response.body"),
        ],
    )
    async def test_no_file_where_it_is_looked_for(self, proxies, sink, body, encoding, words):
        sink.answer("/a", Reply.of({"n": 5, "t": "*"}))
        slug = await proxies.make(
            steps=[step(sink.at("/a"))], response={"body": body, "encoding": encoding}
        )

        answer = await proxies.fetch(slug)

        assert (answer.status_code, answer.json()["code"]) == (502, "FILE_EXTRACTION_FAILED")
        assert words in (await proxies.downloads())[0]["message"]

    async def test_an_address_needs_the_forward_proxy_that_it_asks_for(self, proxies, sink):
        slug = await proxies.make(requires_vpc=True, steps=[step(sink.at("/a"))], response=raw())

        answer = await proxies.fetch(slug)

        assert "EGRESS_PROXY_MISSING" in answer.json()["message"]
        assert sink.requests == []


@pytest.mark.parametrize(
    ("name", "header"),
    [
        (
            'a"; x="b.pdf',
            "attachment; filename=\"a_; x=_b.pdf\"; filename*=UTF-8''a%22%3B%20x%3D%22b.pdf",
        ),
        (
            "Zähler\r\nX: 1.pdf",
            "attachment; filename=\"Z_hlerX: 1.pdf\"; filename*=UTF-8''Z%C3%A4hlerX%3A%201.pdf",
        ),
        ("../../etc/passwd", 'attachment; filename="passwd"'),
        ("..", 'attachment; filename="download"'),
        ("50%.pdf", "attachment; filename=\"50_.pdf\"; filename*=UTF-8''50%25.pdf"),
    ],
)
async def test_a_filename_does_nothing_but_name_the_file(proxies, sink, name, header):
    sink.answer("/f", Reply.of({"name": name, "type": "text/html\r\nX-Evil: 1"}))
    slug = await proxies.make(
        steps=[step(sink.at("/f"))],
        response=raw("'x'", filename="steps[0].body.name", content_type="steps[0].body.type"),
    )

    answer = await proxies.fetch(slug)

    assert answer.headers["content-disposition"] == header
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "x-evil" not in answer.headers


async def test_a_head_request_tells_of_the_file_without_it(proxies, sink):
    archive(sink)
    slug = await proxies.make(
        steps=[binary(sink.at("/files/a/b c"))], response=raw(filename="'n.pdf'")
    )

    answer = await proxies.anonymous.head(await proxies.link(slug))

    assert answer.status_code == 200
    assert answer.headers["content-length"] == str(len(PDF))
    assert 'filename="n.pdf"' in answer.headers["content-disposition"]
    assert answer.content == b""


async def test_the_list_of_downloads_goes_on_from_page_to_page(proxies, sink):
    sink.answer("/f", Reply.of("x"))
    slug = await proxies.make(steps=[step(sink.at("/f"))], response=raw())
    for index in range(3):
        await proxies.fetch(slug, n=str(index))

    place = f"/erp-integration/v1/integrations/{proxies.integration_id}/monitoring/file-downloads"
    first = (await proxies.client.post(place, json={"limit": 2})).json()
    second = (
        await proxies.client.post(place, json={"limit": 2, "cursor": first["next_cursor"]})
    ).json()

    seen = [entry["params"]["n"] for entry in first["data"] + second["data"]]
    assert seen == ["2", "1", "0"]
    assert (first["has_more"], second["has_more"], second["next_cursor"]) == (True, False, None)
    assert await proxies.downloads(failed=True) == []
    assert len(await proxies.downloads(failed=False, code="FILE_PROXY_OK")) == 3


async def test_a_download_stands_in_the_access_log_without_its_query(proxies, sink, services, org):
    sink.answer("/f", Reply.of("x"))
    slug = await proxies.make(steps=[step(sink.at("/f"))], response=raw())
    answer = await proxies.fetch(slug)
    await services.access_log.flush()

    listed = await proxies.client.get(
        "/api/v1/integration/access-log", params={"path": "/erp-integration/download"}
    )

    entries = [e for e in listed.json()["items"] if "download" in e["path"]]
    assert [e["path"] for e in entries] == ["/erp-integration/download"]
    assert entries[0]["request_id"] == answer.headers["x-request-id"]
