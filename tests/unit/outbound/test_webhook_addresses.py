"""Which addresses and headers a webhook may have."""

import pytest

from tieline.outbound.webhooks.addresses import check_headers, check_url
from tieline.outbound.webhooks.errors import InvalidWebhookHeader, InvalidWebhookUrl


@pytest.mark.parametrize(
    "url",
    [
        "https://erp.example.com/hooks?tenant=7",
        "http://10.0.0.7:8080",
        "HTTPS://erp.example.com",
        "https://[2001:db8::7]:8443/hooks",
        "https://erp.example.com/%C3%BCber",
    ],
)
def test_an_absolute_address_is_taken(url):
    check_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/hooks",
        "erp.example.com/hooks",
        "ftp://erp.example.com",
        "javascript:alert(1)",
        "https://",
        "https:///hooks",
        "https://user:hunter2@erp.example.com",
        "https://token@erp.example.com",
        "https://erp.example.com/hooks#part",
        "https://erp.example.com/hooks#",
        "https://erp.example.com:99999",
        "https://erp.example.com:0",
        "https://erp.example.com:x",
        "https://[2001:db8::7",
        "https://erp.example.com/a b",
        "https://erp.example.com/a\r\nHost: x",
        "https://erp.example.com/\u00fc",
        "https://\u0435xample.com",
    ],
)
def test_any_other_is_refused(url):
    with pytest.raises(InvalidWebhookUrl) as refusal:
        check_url(url)

    assert refusal.value.message.startswith("url: ")
    assert "hunter2" not in refusal.value.message


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Tenant": "7", "Accept": "application/json; q=1", "X-Empty": ""},
        {"X-Auth-Token": "Bearer {{env.token}}"},
        {"x-api-key": "{{ env.key }}"},
        {"Cookie": "{{env.cookie}}"},
    ],
)
def test_a_header_that_can_be_sent_is_taken(headers):
    check_headers(headers)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"": "x"}, "no name of a header"),
        ({"X Tenant": "x"}, "no name of a header"),
        ({"X-T\u00e4nant": "x"}, "no name of a header"),
        ({"X-Tenant\r\nHost": "x"}, "no name of a header"),
        ({"X-Tenant": "a\r\nHost: b"}, "characters that no header can carry"),
        ({"X-Tenant": " a"}, "spaces at an end"),
        ({"X-Tenant": "\u00e4"}, "characters that no header can carry"),
        ({"X-Tenant": "a", "x-tenant": "b"}, "is there twice"),
        ({"X-Tenant": "a" * 8_000}, "more than 8,000"),
        *[
            ({name: "x"}, "is set by the delivery itself")
            for name in (
                *("Connection", "keep-alive", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
                *("Proxy-Connection", "Proxy-Authorization", "Proxy-Authenticate", "Host"),
                *("Content-Length", "webhook-id", "Webhook-Signature", "X-Webhook-Signature"),
                *("Content-Type", "content-encoding", "User-Agent", "Accept-Encoding", "Expect"),
                *("X-Forwarded-For", "X-Amz-Date", "X-Amzn-Trace-Id", "Forwarded", "Via"),
                *("X-Real-IP", "CF-Connecting-IP", "Sec-Fetch-Site", "X-Webhook-Attempt"),
            )
        ],
        *[
            ({name: value}, "is for auth")
            for name in ("Authorization", "authorization")
            for value in ("Bearer hunter2", "Bearer {{env.a}}")
        ],
        *[
            ({name: value}, "carries a secret")
            for name in ("X-Api-Key", "Cookie", "X-Auth-Token", "X-Client-Secret")
            for value in ("hunter2", "Bearer hunter2", "{{env.a}} hunter2", "hunter2 x {{env.a}}")
        ],
    ],
)
def test_any_other_header_is_refused(headers, words):
    with pytest.raises(InvalidWebhookHeader, match=words) as refusal:
        check_headers(headers)

    assert refusal.value.message.startswith("headers")
    assert "hunter2" not in refusal.value.message
