"""`tieline demo` as a newcomer runs it."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tieline.app import Application
from tieline.demo import performance
from tieline.demo.client import Client
from tieline.demo.dataset import generate
from tieline.demo.models import Served
from tieline.demo.portal import open_portal

MOST_SECONDS = 240


@dataclass(frozen=True)
class RunningDemo:
    """A demo that printed its report and keeps serving."""

    process: subprocess.Popen[str]
    data_dir: Path
    report: str

    def shown(self, name: str) -> str:
        """The value that the report assigns to a shell variable."""
        match = re.search(rf"^{name}=(\S+)$", self.report, re.MULTILINE)
        assert match, self.report
        return match[1]


def start(data_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "tieline", "demo"),
            *("--data-dir", str(data_dir), "--port", "0", *arguments),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("TIELINE_")},
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDemo]:
    data_dir = tmp_path_factory.mktemp("demo") / "data"
    process = start(data_dir)
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if "keeps serving" in line:
            break
    report = "".join(lines)
    if process.poll() is not None:
        assert process.stderr is not None
        pytest.fail(f"the demo ended with {process.returncode}:\n{report}\n{process.stderr.read()}")
    yield RunningDemo(process, data_dir, report)
    if process.poll() is None:
        process.kill()
        process.wait()


def test_the_report_says_that_everything_is_as_it_must_be(demo: RunningDemo) -> None:
    assert "differences" not in demo.report
    assert re.search(r"All 3,\d\d\d events ended as they must", demo.report)


def test_the_report_shows_each_kind_of_failure_with_its_reason(demo: RunningDemo) -> None:
    lines = demo.report.splitlines()
    for code in (
        "MALFORMED_PAYLOAD",
        "MISSING_UNIQUE_IDENTIFIERS",
        "MAPPING_EXPRESSION_FAILED",
        "UNIQUE_ID_MULTIPLE_MATCHES",
        "SOFT_DELETED_ENTITY_MATCHED",
        "DUPLICATE_EVENT",
        "EVENT_NOT_CONFIGURED",
        "USE_CASE_DISABLED",
    ):
        (place,) = [number for number, line in enumerate(lines) if line.endswith(code)]
        assert lines[place + 1].startswith("      "), code
        assert len(lines[place + 1].split()) > 3, code


def test_the_report_shows_what_a_change_replaced(demo: RunningDemo) -> None:
    assert re.search(r'^  tariff +".+" became "Musterstrom Öko 24"$', demo.report, re.MULTILINE)


def test_the_report_shows_the_change_at_the_portal_signed_within_a_second(
    demo: RunningDemo,
) -> None:
    portal = demo.report.split("The same change at the sales portal")[1].split("What did not")[0]

    assert '"tariff": "Musterstrom Öko 24"' in " ".join(portal.split())
    assert re.search(r"^signatures +verified \(v1a, v1\)$", portal, re.MULTILINE)
    (milliseconds,) = re.findall(r"^arrived +(\d+) ms after", portal, re.MULTILINE)
    assert int(milliseconds) <= 1000


def test_the_demo_serves_what_it_reports(demo: RunningDemo) -> None:
    answer = httpx.post(
        f"{demo.shown('TIELINE')}/entity/v1/entity:search",
        headers={"authorization": f"Bearer {demo.shown('KEY')}"},
        json={"q": "_schema:contract", "size": 0},
    ).raise_for_status()
    assert re.search(rf"^contract +{answer.json()['hits']}$", demo.report, re.MULTILINE)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_calls_to_try_next_work_when_copied_into_a_shell(demo: RunningDemo) -> None:
    calls = demo.report.split("Try next\n--------\n")[1].split("API pages:")[0]
    assert calls.count("curl ") == 8
    done = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=calls.replace("curl -s", "curl -sS --fail -w '\\n'"),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    contract, history, people, failed, sent, replayed, left, use_cases = done.stdout.splitlines()
    assert '"V700014"' in contract
    assert '"diff"' in history
    assert '"Süß"' in people
    assert '"MALFORMED_PAYLOAD"' in failed
    assert "V700014" in sent
    assert '"replayed":1' in replayed
    assert '"TariffChange"' in left
    assert '"marketing_consent"' in use_cases


async def test_a_wrong_result_is_named_and_fails_the_demo(
    application: Application,
    org: str,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    dataset = generate(customers=150)
    dataset.expectation.entities["contract"] += 1
    sample = dataset.expectation.samples[0]
    wrong = dataclasses.replace(sample, attributes={"source": "nowhere"})
    dataset.expectation.samples[:] = [wrong]
    transport = httpx.ASGITransport(app=application.asgi)
    monkeypatch.setattr(performance, "Client", functools.partial(Client, transport=transport))
    monkeypatch.setattr(performance, "generate", lambda: dataset)

    async with open_portal() as portal:
        code = await performance.play(Served("http://tieline.test", key, org), portal)

    printed = capsys.readouterr().out
    contracts = dataset.expectation.entities["contract"]
    assert code == performance.DIFFERENT == 1
    assert f"  schema contract: expected {contracts}, found {contracts - 1}\n" in printed
    assert f'{sample.value}.source: expected "nowhere", found "ERP"\n' in printed
    assert "2 differences" in printed
    assert "Try next" not in printed


def test_a_second_demo_leaves_the_running_one_alone(demo: RunningDemo) -> None:
    second = start(demo.data_dir, "--once")
    _, errors = second.communicate(timeout=60)
    assert second.returncode == 2
    assert "still running" in errors
    assert "Traceback" not in errors


def test_ctrl_c_ends_it_and_the_next_run_starts_afresh(demo: RunningDemo) -> None:
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 0
    again = start(demo.data_dir, "--once")
    report, errors = again.communicate(timeout=MOST_SECONDS)
    assert again.returncode == 0, report + errors
    assert "ended as they must" in report
    assert "keeps serving" not in report


def test_a_directory_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("dear")
    refused = start(tmp_path, "--once")
    _, errors = refused.communicate(timeout=60)
    assert refused.returncode == 2
    assert "nothing was changed" in errors
    assert len(errors.splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_an_interrupted_demo_says_so_by_its_exit_code(tmp_path: Path) -> None:
    interrupted = start(tmp_path / "data", "--once")
    assert interrupted.stdout is not None
    assert "Starting Tieline" in interrupted.stdout.readline()
    interrupted.send_signal(signal.SIGINT)
    _, errors = interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130
    assert "Traceback" not in errors
