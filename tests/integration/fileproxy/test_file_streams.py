"""Files as they pass through: how much, how long, how many, and by which way."""

from __future__ import annotations

import asyncio
import contextlib
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from tests.components.forward_proxy import ForwardProxy
from tests.components.http_protocol import Fault, Reply
from tests.components.sink import Sink

from tieline.egress.allowances import AllowList
from tieline.egress.client import EgressClient
from tieline.egress.errors import ResponseTooLarge, TimedOut
from tieline.egress.forward_proxy import ForwardProxy as ProxySetting
from tieline.egress.targets import Target
from tieline.egress.tokens import TokenSource
from tieline.fileproxy.errors import ExternalApiError, TooManyDownloads
from tieline.fileproxy.models import Caller, DownloadQuery, Ending, File, Link
from tieline.fileproxy.service import MOST_AT_ONCE, FileProxy
from tieline.fileproxy.steps import Reach
from tieline.http.services import Services
from tieline.integrations.models import UseCaseChange, UseCaseType
from tieline.kit.ids import new_ulid
from tieline.secrets.environments.models import ValueType, VariableChange
from tieline.secrets.material import SecretText

Make = Callable[..., Awaitable[Link]]
CALLER = Caller("request-1", "127.0.0.1")


@pytest.fixture
async def make(services: Services, org: str, key: str) -> Make:
    """Makes file proxies with one binary step."""
    created = await services.integrations.create_integration(org, {"name": "Archive"})
    secret = VariableChange(type=ValueType.SECRET, value=SecretText("client-secret-4711"))
    await services.environments.create(org, "dms", secret)
    integration_id = created.integration.id

    async def made(url: str, **different: Any) -> Link:
        configuration = {
            "steps": [{"url": url, "method": "GET", "response_type": "binary"}],
            "response": {"body": "steps[0].body", "encoding": "binary"},
            **different,
        }
        slug = f"s-{new_ulid().lower()}"
        change = UseCaseChange(
            type=UseCaseType.FILE_PROXY,
            name="F",
            slug=slug,
            enabled=True,
            configuration=configuration,
        )
        await services.integrations.create_use_case(org, integration_id, change)
        return Link(org, str(integration_id), slug, None)

    return made


def proxy_with(services: Services, **bounds: Any) -> FileProxy:
    egress = bounds.pop("egress", services.egress)
    return FileProxy(
        services.database,
        services.file_links,
        services.environments,
        services.mapper,
        Reach(egress, TokenSource(egress), **bounds),
        services.file_downloads,
    )


@contextlib.asynccontextmanager
async def opened(proxy: FileProxy, link: Link) -> AsyncIterator[File]:
    file = await proxy.open(link, CALLER)
    try:
        yield file
    finally:
        await file.close(Ending(0))


async def listed(services: Services, link: Link) -> list[str]:
    query = DownloadQuery()
    page = await services.file_downloads.query(link.org_id, UUID(link.integration_id), query)
    return [download.code for download in page.downloads]


async def test_the_first_bytes_are_passed_on_while_the_last_are_not_even_sent(
    services: Services, make: Make, sink: Sink
) -> None:
    url = sink.answer("/f", Reply(200, b"x" * 40, delay=0.02, fault=Fault.DRIP))

    async with opened(proxy_with(services), await make(url)) as file:
        first = await anext(file.chunks)
        rest = [chunk async for chunk in file.chunks]

    assert file.size == 40
    assert len(first) < 20
    assert len(first + b"".join(rest)) == 40


async def test_a_large_file_is_never_held_as_a_whole(
    services: Services, make: Make, sink: Sink
) -> None:
    largest = 40_000_000
    link = await make(sink.answer("/f", Reply(fault=Fault.ENDLESS_BODY)))
    seen = 0

    async with opened(proxy_with(services, file_bytes=largest), link) as file:
        tracemalloc.start()
        try:
            with contextlib.suppress(ResponseTooLarge):
                async for chunk in file.chunks:
                    seen += len(chunk)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()

    assert seen > largest - 1_000_000
    assert peak < 10_000_000


@pytest.mark.parametrize("reply", [Reply(200, b"x" * 2_000), Reply(fault=Fault.ENDLESS_BODY)])
async def test_a_file_that_is_too_large_ends_there(
    services: Services, make: Make, sink: Sink, reply: Reply
) -> None:
    link = await make(sink.answer("/f", reply))

    async with opened(proxy_with(services, file_bytes=1_000), link) as file:
        with pytest.raises(ResponseTooLarge):
            _ = [chunk async for chunk in file.chunks]


async def test_a_system_that_does_not_begin_to_answer_is_given_up(
    services: Services, make: Make, sink: Sink
) -> None:
    link = await make(sink.answer("/f", Reply(fault=Fault.HANG)))

    with pytest.raises(ExternalApiError) as caught:
        await proxy_with(services, step_seconds=0.2).open(link, CALLER)

    assert "EGRESS_TIMEOUT" in caught.value.message
    assert await listed(services, link) == ["EXTERNAL_API_ERROR"]


async def test_a_system_that_falls_silent_within_a_file_is_given_up(
    services: Services, make: Make, sink: Sink
) -> None:
    link = await make(sink.answer("/f", Reply(200, b"xy", delay=30, fault=Fault.DRIP)))

    async with opened(proxy_with(services, step_seconds=0.2), link) as file:
        with pytest.raises(TimedOut):
            _ = [chunk async for chunk in file.chunks]


async def test_an_organisation_gets_a_few_files_at_once(
    services: Services, make: Make, sink: Sink
) -> None:
    link = await make(sink.answer("/f", Reply(200, b"x")))
    proxy = proxy_with(services)
    async with contextlib.AsyncExitStack() as files:
        for _ in range(MOST_AT_ONCE):
            await files.enter_async_context(opened(proxy, link))

        with pytest.raises(TooManyDownloads):
            await proxy.open(link, CALLER)

    async with opened(proxy, link) as file:
        assert [chunk async for chunk in file.chunks] == [b"x"]
    assert (await listed(services, link)).count("TOO_MANY_DOWNLOADS") == 1


async def test_requests_into_the_network_inside_go_through_the_forward_proxy(
    services: Services, make: Make, token_server: Any, forward_proxy: ForwardProxy
) -> None:
    forward_proxy.routes["dms.example", 80] = ("127.0.0.1", token_server.sink.port)
    token_server.guard("/f", Reply(200, b"the file"))
    auth = {
        "type": "oauth2_client_credentials",
        "token_url": "http://dms.example/oauth/token",
        "client_id": "tieline",
        "client_secret": "{{env.dms}}",
    }
    link = await make("http://dms.example/f", requires_vpc=True, auth=auth)
    egress = EgressClient(
        AllowList.parse(["127.0.0.1"]), proxy=ProxySetting(Target.parse(forward_proxy.url))
    )
    try:
        async with opened(proxy_with(services, egress=egress), link) as file:
            content = [chunk async for chunk in file.chunks]
    finally:
        await egress.close()

    assert content == [b"the file"]
    assert {passage.authority for passage in forward_proxy.passages} == {"dms.example:80"}
    assert len(token_server.sink.requests) == 2


async def test_a_redirect_to_another_host_takes_no_credentials_along(
    services: Services, make: Make, token_server: Any
) -> None:
    with Sink().running() as storage:
        where = storage.answer("/blob", Reply(200, b"the file"))
        token_server.guard("/f", Reply(302, headers={"location": where}))
        auth = {
            "type": "oauth2_client_credentials",
            "token_url": token_server.url,
            "client_id": "tieline",
            "client_secret": "{{env.dms}}",
        }
        link = await make(token_server.sink.at("/f"), auth=auth)

        async with opened(proxy_with(services), link) as file:
            content = [chunk async for chunk in file.chunks]

        assert content == [b"the file"]
        [asked] = storage.requests
        assert asked.header("authorization") is None
    assert await listed(services, link) == ["FILE_PROXY_OK"]


async def test_whoever_is_cancelled_leaves_nothing_open(
    services: Services, make: Make, sink: Sink
) -> None:
    link = await make(sink.answer("/f", Reply(fault=Fault.HANG)))
    proxy = proxy_with(services)
    waiting = asyncio.create_task(proxy.open(link, CALLER))
    await sink.wait_for(1)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    sink.answer("/f", Reply(200, b"x"))
    async with contextlib.AsyncExitStack() as files:
        for _ in range(MOST_AT_ONCE):
            await files.enter_async_context(opened(proxy, link))
