"""The ways in which somebody who may name an address could try to get inside, each with its name.

Nothing is allowed besides public addresses unless a test says so. Behind every address of this
machine there is a server that would answer; it must never notice anything.
"""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator

import pytest
from tests.components.certificates import Authority
from tests.components.http_protocol import Fault, Reply
from tests.components.sink import Sink
from tests.unit.egress.conftest import LOOPBACK, Names, RawServer, answering

from tieline.egress.allowances import AllowList
from tieline.egress.client import EgressClient
from tieline.egress.errors import (
    AddressRefused,
    BrokenResponse,
    EgressError,
    NameUnknown,
    RedirectRefused,
    RequestRefused,
    ResponseTooLarge,
    TimedOut,
    TlsFailed,
    Unreachable,
)
from tieline.egress.models import Bounds, OutgoingRequest

Refused = (AddressRefused, NameUnknown, RequestRefused)

# Where an address stands in a URL, {p} being the port of the server that must not be reached.
ADDRESSES = {
    "loopback": "http://127.0.0.1:{p}/",
    "loopback, another one": "http://127.8.9.10:{p}/",
    "localhost": "http://localhost:{p}/",
    "localhost in capitals": "http://LOCALHOST:{p}/",
    "decimal": "http://2130706433:{p}/",
    "octal": "http://0177.0.0.1:{p}/",
    "octal, all parts": "http://0177.0000.0000.0001:{p}/",
    "octal, one number": "http://017700000001:{p}/",
    "hexadecimal": "http://0x7f000001:{p}/",
    "hexadecimal parts": "http://0x7f.0x0.0x0.0x1:{p}/",
    "mixed bases": "http://0x7f.0.0.01:{p}/",
    "short, two parts": "http://127.1:{p}/",
    "short, three parts": "http://127.0.1:{p}/",
    "leading zeros": "http://127.000.000.001:{p}/",
    "zero": "http://0:{p}/",
    "unspecified": "http://0.0.0.0:{p}/",
    "this network": "http://0.1.2.3:{p}/",
    "trailing dot": "http://127.0.0.1.:{p}/",
    "trailing dot of a name": "http://localhost.:{p}/",
    "full-width digits": "http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{p}/",
    "circled digits": "http://①②⑦.⓪.⓪.①:{p}/",
    "ideographic full stops": "http://127。0。0。1:{p}/",
    "half-width full stops": "http://127｡0｡0｡1:{p}/",
    "superscript digits": "http://¹²⁷.⁰.⁰.¹:{p}/",
    "full-width name": "http://\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54:{p}/",
    "percent-encoded address": "http://127%2e0%2e0%2e1:{p}/",
    "percent-encoded name": "http://%6c%6f%63alhost:{p}/",
    "twice percent-encoded": "http://%2531%2532%2537.0.0.1:{p}/",
    "soft hyphen": "http://local\xadhost:{p}/",
    "IPv6 loopback": "http://[::1]:{p}/",
    "IPv6 loopback in full": "http://[0:0:0:0:0:0:0:1]:{p}/",
    "IPv6 unspecified": "http://[::]:{p}/",
    "IPv4-mapped": "http://[::ffff:127.0.0.1]:{p}/",
    "IPv4-mapped, in hexadecimal": "http://[::ffff:7f00:1]:{p}/",
    "IPv4-mapped, in full": "http://[0:0:0:0:0:ffff:127.0.0.1]:{p}/",
    "IPv4-compatible": "http://[::127.0.0.1]:{p}/",
    "6to4": "http://[2002:7f00:1::]:{p}/",
    "Teredo": "http://[2001:0:7f00:1::]:{p}/",
    "NAT64": "http://[64:ff9b::7f00:1]:{p}/",
    "NAT64 of the network itself": "http://[64:ff9b:1::7f00:1]:{p}/",
    "IPv6 link-local": "http://[fe80::1]:{p}/",
    "zone": "http://[fe80::1%25lo]:{p}/",
    "zone, not encoded": "http://[::1%lo]:{p}/",
    "IPv6 unique local": "http://[fd00::1]:{p}/",
    "IPv6 site-local": "http://[fec0::1]:{p}/",
    "IPv6 multicast": "http://[ff02::1]:{p}/",
    "IPv6 documentation": "http://[2001:db8::1]:{p}/",
    "IPv6 discard": "http://[100::1]:{p}/",
    "private, class A": "http://10.0.0.1/",
    "private, class B": "http://172.16.0.1/",
    "private, class C": "http://192.168.1.1/",
    "shared (CGNAT)": "http://100.64.0.1/",
    "link-local": "http://169.254.1.1/",
    "benchmarking": "http://198.18.0.1/",
    "documentation": "http://192.0.2.1/",
    "multicast": "http://224.0.0.1/",
    "reserved": "http://240.0.0.1/",
    "broadcast": "http://255.255.255.255/",
    "metadata of AWS, Azure, GCP": "http://169.254.169.254/latest/meta-data/",
    "the same in decimal": "http://2852039166/",
    "the same in octal": "http://0251.0376.0251.0376/",
    "the same in hexadecimal": "http://0xa9fea9fe/",
    "the same, IPv4-mapped": "http://[::ffff:a9fe:a9fe]/",
    "the same by NAT64": "http://[64:ff9b::a9fe:a9fe]/",
    "metadata of ECS": "http://169.254.170.2/v2/credentials",
    "metadata of AWS, IPv6": "http://[fd00:ec2::254]/",
    "metadata of GCP, IPv6": "http://[fd20:ce::254]/",
    "metadata of Oracle, older": "http://192.0.0.192/",
    "metadata of Alibaba": "http://100.100.100.200/",
    "the host of an Azure machine": "http://168.63.129.16/",
    "Kubernetes": "https://10.96.0.1/api",
}
# Where the address that is seen is not the one that is called.
DISGUISES = {
    "userinfo": "http://good.example@127.0.0.1:{p}/",
    "userinfo with a password": "http://good.example:80@127.0.0.1:{p}/",
    "userinfo, encoded": "http://good.example%40127.0.0.1:{p}/",
    "two at signs": "http://a@good.example@127.0.0.1:{p}/",
    "backslash": "http://good.example\\@127.0.0.1:{p}/",
    "backslashes for slashes": "http:\\\\127.0.0.1:{p}\\",
    "fragment before the host": "http://127.0.0.1:{p}#@good.example/",
    "query before the host": "http://127.0.0.1:{p}?@good.example/",
    "tab in the host": "http://127.0\t.0.1:{p}/",
    "newline in the host": "http://127.0.0.1\n:{p}/",
    "newline and a header": "http://127.0.0.1:{p}/\r\nX-Evil: 1",
    "null in the host": "http://127.0.0.1\x00.good.example:{p}/",
    "space in the host": "http://127.0.0.1 .good.example:{p}/",
    "encoded CRLF in the host": "http://127.0.0.1%0d%0aX:{p}/",
    "space before the scheme": " http://127.0.0.1:{p}/",
    "no scheme": "//127.0.0.1:{p}/",
    "one slash": "http:/127.0.0.1:{p}/",
    "three slashes": "http:///127.0.0.1:{p}/",
    "port of another base": "http://127.0.0.1:0x50/",
    "port out of range": "http://127.0.0.1:99999999/",
    "file": "file:///etc/passwd",
    "file with a host": "file://127.0.0.1:{p}/etc/passwd",
    "gopher": "gopher://127.0.0.1:{p}/_GET%20/",
    "dict": "dict://127.0.0.1:{p}/info",
    "ftp": "ftp://127.0.0.1:{p}/",
    "ldap": "ldap://127.0.0.1:{p}/",
    "data": "data:text/plain,hello",
    "javascript": "javascript:alert(1)",
    "websocket": "ws://127.0.0.1:{p}/",
    "jar": "jar:http://127.0.0.1:{p}!/",
    "unix socket": "unix:///var/run/docker.sock",
    "unix socket over http": "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "nested scheme": "http:http://127.0.0.1:{p}/",
}


@pytest.fixture
async def inside() -> AsyncIterator[RawServer]:
    """What must not be reached."""
    async with RawServer(answering(b"secret")).running() as server:
        yield server
        assert server.connections == 0


@pytest.fixture
async def outside() -> AsyncIterator[RawServer]:
    """A server of the attacker, which may be reached."""
    async with RawServer(answering()).running() as server:
        yield server


@pytest.fixture
async def guarded() -> AsyncIterator[EgressClient]:
    client = EgressClient()
    yield client
    await client.close()


def get(url: str, **bounds: float) -> OutgoingRequest:
    return OutgoingRequest("GET", url, bounds=Bounds(**bounds))  # type: ignore[arg-type]


def test_there_are_enough_of_them() -> None:
    assert len({*ADDRESSES.values(), *DISGUISES.values()}) >= 100


@pytest.mark.parametrize("url", ADDRESSES.values(), ids=ADDRESSES)
async def test_an_address_inside_is_refused(
    guarded: EgressClient, inside: RawServer, url: str
) -> None:
    with pytest.raises(Refused) as refused:
        await guarded.send(get(url.format(p=inside.port)))
    assert refused.value.message.endswith((".", "`."))


@pytest.mark.parametrize("url", DISGUISES.values(), ids=DISGUISES)
async def test_a_disguise_is_refused(guarded: EgressClient, inside: RawServer, url: str) -> None:
    with pytest.raises(Refused):
        await guarded.send(get(url.format(p=inside.port)))


@pytest.mark.parametrize("url", ADDRESSES.values(), ids=ADDRESSES)
async def test_it_is_refused_as_the_target_of_a_redirect_too(
    inside: RawServer, outside: RawServer, url: str
) -> None:
    client = EgressClient(AllowList.parse([f"127.0.0.1:{outside.port}"]))
    location = url.format(p=inside.port).encode("utf-8").decode("latin-1")
    outside.handler = answering(b"", "302 Found", f"Location: {location}\r\n")

    with pytest.raises(EgressError) as refused:
        await client.send(get(outside.url, max_redirects=5))
    assert isinstance(refused.value, Refused)
    await client.close()


# --- names

DNS = {
    "a name that leads inside": [["127.0.0.1"]],
    "a name that leads to IPv6 inside": [["::1"]],
    "a name of a private address": [["10.1.2.3"]],
    "a name of metadata": [["169.254.169.254"]],
    "a name of a mapped address": [["::ffff:127.0.0.1"]],
    "several that are all inside": [["10.0.0.1", "::1", "127.0.0.1"]],
    "a name that changes after the check": [["10.0.0.1"], ["127.0.0.1"]],
}


@pytest.mark.parametrize("answers", DNS.values(), ids=DNS)
async def test_a_name_that_leads_inside_is_refused(
    inside: RawServer, answers: list[list[str]]
) -> None:
    client = EgressClient(resolver=Names(evil_example=[*answers]))

    with pytest.raises(AddressRefused):
        await client.send(get(f"http://evil.example:{inside.port}/"))
    await client.close()


async def test_of_a_name_with_public_and_private_addresses_only_the_public_are_called(
    inside: RawServer,
) -> None:
    """The public one does not answer here, and the private one is not taken in its place."""
    client = EgressClient(resolver=Names(evil_example=["127.0.0.1", "192.0.2.1", "8.8.8.8"]))

    with pytest.raises((TimedOut, Unreachable)):
        await client.send(get(f"http://evil.example:{inside.port}/", connect_seconds=0.2))
    await client.close()


async def test_rebinding_between_check_and_connection_gains_nothing(
    inside: RawServer, outside: RawServer
) -> None:
    """The name is resolved once for each connection; what it becomes later is checked then."""
    names = Names(evil_example=[["127.0.0.1"], ["127.0.0.2"], ["127.0.0.2"]])
    client = EgressClient(AllowList.parse([f"127.0.0.1:{outside.port}"]), resolver=names)
    outside.handler = answering(length=False)

    assert (await client.send(get(f"http://evil.example:{outside.port}/"))).status == 200
    for _ in range(2):
        with pytest.raises(AddressRefused):
            await client.send(get(f"http://evil.example:{outside.port}/"))
    assert names.asked == ["evil.example"] * 3
    await client.close()


async def test_a_kept_connection_of_another_name_is_not_used(
    inside: RawServer, outside: RawServer
) -> None:
    names = Names(good_example=["127.0.0.1"], evil_example=["127.0.0.2"])
    client = EgressClient(AllowList.parse([f"127.0.0.1:{outside.port}"]), resolver=names)
    await client.send(get(f"http://good.example:{outside.port}/"))

    with pytest.raises(AddressRefused):
        await client.send(get(f"http://evil.example:{outside.port}/"))
    await client.close()


# --- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_every_kind_of_redirect_to_metadata_is_refused(
    outside: RawServer, status: int
) -> None:
    client = EgressClient(LOOPBACK)
    location = "Location: http://169.254.169.254/latest/meta-data/\r\n"
    outside.handler = answering(b"", f"{status} Elsewhere", location)

    with pytest.raises(AddressRefused):
        await client.send(get(outside.url, max_redirects=5))
    await client.close()


async def test_a_chain_of_redirects_is_checked_at_each_step(outside: RawServer) -> None:
    async def next_step(request: str, writer: asyncio.StreamWriter) -> None:
        step = int(request.split(" ")[1].strip("/") or 0)
        where = f"/{step + 1}" if step < 3 else "http://[::ffff:169.254.169.254]/"
        await answering(b"", "302 Found", f"Location: {where}\r\n")(request, writer)

    outside.handler = next_step
    client = EgressClient(LOOPBACK)
    with pytest.raises(AddressRefused):
        await client.send(get(outside.url, max_redirects=5))
    assert len(outside.requests) == 4
    await client.close()


async def test_a_redirect_takes_no_credentials_along(outside: RawServer) -> None:
    async with RawServer(answering()).running() as thief:
        outside.handler = answering(b"", "307 Elsewhere", f"Location: {thief.url}\r\n")
        client = EgressClient(LOOPBACK)
        headers = (("Authorization", "Bearer abc"), ("X-Api-Key", "abc"), ("Cookie", "abc"))
        request = OutgoingRequest("GET", outside.url, headers, bounds=Bounds(max_redirects=2))
        await client.send(request)
        assert "abc" not in thief.requests[0]
        await client.close()


async def test_a_redirect_to_an_address_with_credentials_is_refused(outside: RawServer) -> None:
    location = f"Location: http://admin:admin@127.0.0.1:{outside.port}/\r\n"
    outside.handler = answering(b"", "302 Found", location)
    client = EgressClient(LOOPBACK)

    with pytest.raises(RequestRefused, match="credentials"):
        await client.send(get(outside.url, max_redirects=2))
    await client.close()


async def test_a_redirect_from_https_to_http_is_refused(authority: Authority) -> None:
    client = EgressClient(LOOPBACK, ca_file=authority.ca_file)
    async with Sink(tls=authority.good()).serving() as sink, Sink().serving() as plain:
        sink.answer("/", Reply(302, b"", {"location": plain.url}))
        with pytest.raises(RedirectRefused, match="encrypted"):
            await client.send(get(sink.url, max_redirects=2))
        assert not plain.connections
        await client.close()


# --- the environment, and headers


@pytest.mark.parametrize(
    "name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]
)
async def test_the_environment_names_no_proxy(
    inside: RawServer, outside: RawServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, f"http://127.0.0.1:{inside.port}")
    client = EgressClient(LOOPBACK)

    assert (await client.send(get(outside.url))).status == 200
    await client.close()


SMUGGLED = {
    "CRLF in a value": ("X-A", "1\r\nHost: inside"),
    "newline in a value": ("X-A", "1\nX-B: 2"),
    "carriage return in a value": ("X-A", "1\rX-B: 2"),
    "null in a value": ("X-A", "1\x00"),
    "beyond Latin in a value": ("X-A", "\u010d\u010a"),
    "CRLF in a name": ("X-A: 1\r\nX-B", "2"),
    "colon in a name": ("X-A:", "1"),
    "space in a name": ("Host ", "inside"),
    "another host": ("Host", "inside"),
    "another host in capitals": ("HOST", "inside"),
    "another length": ("Content-Length", "0"),
    "chunks": ("Transfer-Encoding", "chunked"),
    "upgrade": ("Upgrade", "h2c"),
    "for a proxy": ("Proxy-Authorization", "Basic x"),
}


@pytest.mark.parametrize(("name", "value"), SMUGGLED.values(), ids=SMUGGLED)
async def test_headers_smuggle_nothing(
    egress: EgressClient, inside: RawServer, name: str, value: str
) -> None:
    with pytest.raises(RequestRefused):
        await egress.send(OutgoingRequest("GET", inside.url, ((name, value),)))


@pytest.mark.parametrize(
    "path", ["/a\r\nX: y", "/a\nb", "/a b\x7f", "/\x00", "/a\tb", "/ HTTP/1.1\r\n\r\nGET /"]
)
async def test_a_path_smuggles_nothing(egress: EgressClient, outside: RawServer, path: str) -> None:
    try:
        await egress.send(get(outside.url + path))
    except RequestRefused:
        assert not outside.requests
    else:
        line, *headers = outside.requests[0].split("\r\n")
        assert line.count(" ") == 2
        assert [header.split(":")[0] for header in headers if header] == [
            *("Host", "Accept-Encoding", "User-Agent")
        ]


# --- answers

HOSTILE = {
    "HTTP/0.9": (b"<html>hello</html>", BrokenResponse),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n", BrokenResponse),
    "HTTP/2": (b"HTTP/2.0 200 OK\r\n\r\n", BrokenResponse),
    "nothing": (b"", Unreachable),
    "cut in the headers": (b"HTTP/1.1 200 OK\r\nX-A", BrokenResponse),
    "cut in the body": (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", BrokenResponse),
    "cut in a chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc",
        BrokenResponse,
    ),
    "two lengths": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        BrokenResponse,
    ),
    "length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        BrokenResponse,
    ),
    "a length beyond all bounds": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
        ResponseTooLarge,
    ),
    "gzip bomb": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(bytes(50_000_000)),
        ResponseTooLarge,
    ),
    "deflate bomb": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\n\r\n" + zlib.compress(bytes(50_000_000)),
        ResponseTooLarge,
    ),
    "bomb in a bomb": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n",
        BrokenResponse,
    ),
    "brotli, not asked for": (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\nabc",
        BrokenResponse,
    ),
    "endless headers": (b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20_000, ResponseTooLarge),
    "one endless header": (b"HTTP/1.1 200 OK\r\nX-A: " + b"b" * 200_000, ResponseTooLarge),
    "endless interim answers": (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, ResponseTooLarge),
    "endless body": (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000, ResponseTooLarge),
}


@pytest.mark.parametrize(("answer", "error"), HOSTILE.values(), ids=HOSTILE)
async def test_a_hostile_answer_is_bounded(
    egress: EgressClient, outside: RawServer, answer: bytes, error: type[EgressError]
) -> None:
    async def hostile(_request: str, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    outside.handler = hostile
    with pytest.raises(error) as refused:
        await egress.send(get(outside.url))
    assert f"127.0.0.1:{outside.port}" in refused.value.message


SLOW = {
    "no answer": Fault.HANG,
    "a byte now and then": Fault.DRIP,
    "a header now and then": Fault.ENDLESS_HEADERS,
}


@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
async def test_a_slow_answer_is_bounded(egress: EgressClient, sink: Sink, fault: Fault) -> None:
    url = sink.answer("/", Reply(200, b"x" * 10_000, fault=fault, delay=0.03))

    with pytest.raises(TimedOut, match=r"within 0\.2 seconds"):
        await egress.send(get(url, total_seconds=0.2))


# --- TLS

DISTRUSTED = {
    "expired": (lambda authority: authority.expired(), "expired"),
    "of another host": (lambda authority: authority.wrong_host(), "IP address mismatch"),
    "self-signed": (lambda authority: authority.self_signed(), "self-signed"),
    "TLS 1.1": (lambda authority: authority.old_protocol(), r"TLS 1\.2"),
}


@pytest.mark.parametrize(("made", "reason"), DISTRUSTED.values(), ids=DISTRUSTED)
async def test_a_server_that_cannot_be_trusted_is_sent_nothing(
    authority: Authority, made, reason: str
) -> None:
    client = EgressClient(LOOPBACK, ca_file=authority.ca_file)
    async with Sink(tls=made(authority)).serving() as sink:
        with pytest.raises(TlsFailed, match=reason):
            await client.send(get(sink.url))
        assert not sink.requests
        await client.close()


async def test_an_authority_that_is_not_named_is_not_trusted(authority: Authority) -> None:
    client = EgressClient(LOOPBACK)
    async with Sink(tls=authority.good()).serving() as sink:
        with pytest.raises(TlsFailed, match="unable to get local issuer"):
            await client.send(get(sink.url))
        await client.close()


async def test_a_server_that_hangs_up_instead_of_tls_is_told_apart() -> None:
    async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(gone, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = EgressClient(LOOPBACK)
    with pytest.raises(TlsFailed, match="https"):
        await client.send(get(f"https://127.0.0.1:{port}/"))
    server.close()
    await client.close()


# --- what the operator allows

ALLOWED = {
    "an address": ("127.0.0.1", "http://127.0.0.1:{p}/", True),
    "an address and its port": ("127.0.0.1:{p}", "http://127.0.0.1:{p}/", True),
    "its network": ("127.0.0.0/8", "http://127.0.0.1:{p}/", True),
    "the address of a name": ("127.0.0.1:{p}", "http://erp.local:{p}/", True),
    "a name": ("erp.local", "http://erp.local:{p}/", True),
    "a name and its port": ("erp.local:{p}", "http://ERP.Local:{p}/", True),
    "another port": ("127.0.0.1:1", "http://127.0.0.1:{p}/", False),
    "another port of a name": ("erp.local:1", "http://erp.local:{p}/", False),
    "another address": ("127.0.0.2", "http://127.0.0.1:{p}/", False),
    "a name that only ends alike": ("local", "http://erp.local:{p}/", False),
    "a name, called by its address": ("erp.local", "http://127.0.0.1:{p}/", False),
    "an address, called in disguise": ("127.0.0.1", "http://[::ffff:127.0.0.1]:{p}/", False),
}


@pytest.mark.parametrize(("entry", "url", "reached"), ALLOWED.values(), ids=ALLOWED)
async def test_the_operator_allows_exactly_what_is_written(
    outside: RawServer, entry: str, url: str, reached: bool
) -> None:
    allowed = AllowList.parse([entry.format(p=outside.port)])
    client = EgressClient(allowed, resolver=Names(erp_local=["127.0.0.1"]))
    request = get(url.format(p=outside.port))

    if reached:
        assert (await client.send(request)).status == 200
    else:
        with pytest.raises(AddressRefused):
            await client.send(request)
        assert outside.connections == 0
    await client.close()
