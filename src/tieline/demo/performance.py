"""`tieline demo`: start, post, wait, check, explain, keep serving."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import uvloop

from tieline.demo.client import Client
from tieline.demo.dataset import generate
from tieline.demo.models import Dataset, Served
from tieline.demo.place import demo_settings, prepare
from tieline.demo.portal import Portal, open_portal
from tieline.demo.report import next_calls, report
from tieline.demo.server import served
from tieline.demo.story import Posted, expected_receipts, follow, post_all
from tieline.demo.tariff_changes import differences, lateness, tariff_changes, use_case, webhook
from tieline.demo.use_cases import INTEGRATION_NAME, use_cases
from tieline.demo.verification import Findings, verify
from tieline.settings import Settings

CHECKED, DIFFERENT, INTERRUPTED = 0, 1, 130


def run_demo(settings: Settings, *, once: bool) -> int:
    """See `tieline.demo.run`."""
    placed = demo_settings(settings)
    prepare(placed.data_dir)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(placed, once=once))


async def _run(settings: Settings, *, once: bool) -> int:
    with _stopping() as stopping:
        _say(f"Starting Tieline with a database of its own in {_shown(settings.data_dir)}.")
        async with open_portal() as portal, served(_allowing(settings, portal)) as place:
            playing = asyncio.create_task(play(place, portal))
            stopped = asyncio.create_task(stopping.wait())
            await asyncio.wait({playing, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                playing.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await playing
                return INTERRUPTED
            code = playing.result()
            if code == CHECKED and not once:
                _say(f"\nTieline keeps serving {place.address}. Stop it with Ctrl-C.")
                await stopped
            stopped.cancel()
            return code


async def play(place: Served, portal: Portal) -> int:
    """Post, wait, check and explain; `CHECKED` or `DIFFERENT`."""
    dataset = generate()
    async with Client(place.address, place.key) as client:
        integration_id = await _configure(client, place, portal)
        _say(f"Posting {len(dataset):,} events to {place.address}, then waiting for the last one.")
        posted = await post_all(client, integration_id, dataset, portal)
        _say("Reading back what became of them.\n")
        findings = await verify(client, integration_id, dataset.expectation)
        findings = _with_receipts(findings, dataset, posted)
        findings = _with_deliveries(findings, dataset, posted, portal)
        story = await follow(client, integration_id, dataset, posted)
    _say(report(dataset, posted, findings, story))
    if findings.differences:
        return DIFFERENT
    _say("\n" + next_calls(place, integration_id, story))
    return CHECKED


async def _configure(client: Client, place: Served, portal: Portal) -> str:
    """Create what is needed; the integration's id."""
    webhook_id, secret = await client.create_webhook(webhook(portal.url))
    portal.check_with(secret, await client.public_key(place.org_id))
    return await client.create_integration(INTEGRATION_NAME, [*use_cases(), use_case(webhook_id)])


def _allowing(settings: Settings, portal: Portal) -> Settings:
    """The settings with leave to send to the portal, which is on this machine."""
    allowed = (*settings.egress_allow, portal.place)
    return settings.model_copy(update={"egress_allow": allowed})


def _with_deliveries(
    findings: Findings, dataset: Dataset, posted: Posted, portal: Portal
) -> Findings:
    return dataclasses.replace(
        findings,
        differences=(
            *findings.differences,
            *differences(portal.arrivals, tariff_changes(dataset.events())),
            *lateness(posted.arrival_seconds, posted.arrival),
        ),
    )


def _with_receipts(findings: Findings, dataset: Dataset, posted: Posted) -> Findings:
    expected = expected_receipts(dataset)
    if posted.receipts == expected:
        return findings
    told, due = _listed(posted.receipts), _listed(expected)
    difference = f"answers to the sender: expected {due}, got {told}"
    return dataclasses.replace(findings, differences=(difference, *findings.differences))


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def _shown(directory: Path) -> str:
    with contextlib.suppress(ValueError):
        return str(directory.relative_to(Path.cwd()))
    return str(directory)


def _say(text: str) -> None:
    print(text, flush=True)


@contextlib.contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set; a second signal ends the process at once."""
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop() -> None:
        stopping.set()
        release()

    def release() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield stopping
    finally:
        release()
