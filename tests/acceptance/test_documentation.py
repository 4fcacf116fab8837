"""The documentation is complete and true: every setting, error and command is in it."""

import asyncio
import importlib
import inspect
import json
import pkgutil
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

import tieline
from tieline.app import openapi_pages
from tieline.cli.commands import app
from tieline.connectors.models import CONNECTORS
from tieline.expressions.sandbox import SandboxPool
from tieline.identity.api_keys.models import KEYS
from tieline.identity.applications.models import APPLICATIONS
from tieline.identity.models import Scope
from tieline.kit.errors import TielineError
from tieline.mapping.mapper import HANDLER, Mapper
from tieline.outbound.webhooks.models import WEBHOOKS
from tieline.records.envelope import Envelope
from tieline.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
] + sorted((ROOT / "docs").rglob("*.md"))
# Alembic alone can import this one: it runs the migrations as it is imported.
NOT_IMPORTABLE = ("tieline.__main__", "tieline.database.migrations.env")


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def section(text: str, heading: str) -> str:
    """The text below a heading, up to the next one of the same or a higher level."""
    level = heading.split(" ", 1)[0]
    _, found, rest = f"\n{text}".partition(f"\n{heading}\n")
    assert found, f"no heading {heading!r}"
    return re.split(rf"\n#{{1,{len(level)}}} ", rest)[0]


# --- settings


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    (row,) = re.findall(rf"^\| `{PREFIX}{name.upper()}` \|.*$", page("docs/settings.md"), re.M)
    default = Settings.model_fields[name].get_default()

    shown = row.split("|")[2].strip().replace(",", "").strip("`")
    if isinstance(default, int | float):
        assert float(shown) == default
    elif isinstance(default, str):
        assert shown == default


def test_no_setting_is_documented_that_does_not_exist() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {f"{PREFIX}CONFIG"}
    for path in PAGES:
        named = set(re.findall(rf"\b{PREFIX}[A-Z][A-Z_]*[A-Z]\b", path.read_text("utf-8")))
        assert named <= known, path


# --- errors


def error_classes() -> list[type[TielineError]]:
    """Every error class of every module."""
    for module in pkgutil.walk_packages(tieline.__path__, "tieline."):
        if module.name not in NOT_IMPORTABLE:
            importlib.import_module(module.name)
    found: list[type[TielineError]] = [TielineError]
    for kind in found:
        found += [sub for sub in kind.__subclasses__() if sub not in found]
    return found


def test_every_error_code_is_documented_with_its_status() -> None:
    headings = {
        (code, status)
        for code, listed in re.findall(
            r"^### `([A-Z0-9_]+)` \(([\d, ]+)\)$", page("docs/errors.md"), re.M
        )
        for status in listed.split(", ")
    }
    missing = {
        f"{kind.__module__}.{kind.__qualname__}: {kind.code} ({kind.http_status})"
        for kind in error_classes()
        if kind.__module__.startswith("tieline.")
        and (kind.code, str(kind.http_status)) not in headings
    }

    assert not missing


def test_every_documented_code_exists_in_the_code() -> None:
    sources = "\n".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    documented = re.findall(r"^### `([A-Z0-9_]+)`", page("docs/errors.md"), re.M)

    assert len(documented) == len(set(documented))
    assert [code for code in documented if f'"{code}"' not in sources] == []


def test_every_error_says_what_to_do_by_default() -> None:
    silent = [kind for kind in error_classes() if not inspect.getdoc(kind)]

    assert silent == []


# --- commands


def commands(parent: App, path: tuple[str, ...] = ()) -> Iterator[tuple[str, App]]:
    """Every command that does something, by what one types."""
    for name in parent:
        if name.startswith("-"):
            continue
        child = parent[name]
        if child.default_command is None:
            yield from commands(child, (*path, name))
        else:
            yield " ".join(("tieline", *path, name)), child


COMMANDS = dict(commands(app))


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_is_documented_with_all_its_options(command: str) -> None:
    described = section(page("docs/cli.md"), f"## `{command}`")
    options = {
        name
        for argument in COMMANDS[command].assemble_argument_collection()
        for name in argument.names
        if argument.show
    }
    shared = {"--data-dir", "--config"}  # described once, for all commands

    assert [name for name in options - shared if name.strip("-") not in described] == []


def test_no_command_is_documented_that_does_not_exist() -> None:
    documented = re.findall(r"^## `(tieline [a-z -]+)`$", page("docs/cli.md"), re.M)

    assert set(documented) == set(COMMANDS)


def shown_command_lines() -> Iterator[tuple[Path, str]]:
    for path in PAGES:
        for block in re.findall(r"```(?:sh|bash|console)\n(.*?)```", path.read_text("utf-8"), re.S):
            for line in block.replace("\\\n", " ").splitlines():
                yield path, line.partition(" #")[0].strip()


def test_every_command_line_that_is_shown_parses() -> None:
    for path, line in shown_command_lines():
        for words in re.findall(r"(?:^|\$\(|&& )tieline ([^)&|]*)", line):
            tokens = shlex.split(words)
            if "--version" in tokens or "--help" in tokens:
                continue
            command, *_ = app.parse_args(tokens, exit_on_error=False, print_error=False)
            assert command is not None, (path, line)


def test_every_make_target_that_is_shown_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", page("Makefile"), re.M))
    shown = {line.split()[1] for _, line in shown_command_lines() if line.startswith("make ")}

    assert shown <= targets


# --- operations


def test_the_compatibility_page_lists_exactly_the_operations_there_are() -> None:
    rows = re.findall(r"^\| (`.*`) \| yes \|$", page("docs/compatibility.md"), re.M)
    promised = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    served = {
        operation["operationId"]
        for document in openapi_pages().values()
        for path in document["paths"].values()
        for operation in path.values()
    }

    assert promised == served


# --- examples, links, scopes


def example(name: str, document: str) -> Any:
    """The JSON block that follows the line naming the example."""
    (block,) = re.findall(rf"`{re.escape(name)}`[^\n]*:\n\n```json\n(.*?)```", document, re.S)
    return json.loads(block)


async def simulate(configuration: Any, payload: Any) -> Any:
    pool = SandboxPool(handler=HANDLER)
    await pool.start()
    try:
        return await Mapper(pool).simulate(
            json.dumps(configuration).encode(), json.dumps(payload).encode()
        )
    finally:
        await pool.close()


def test_the_mapping_in_the_readme_yields_what_the_readme_says() -> None:
    readme = page("README.md")

    result = asyncio.run(simulate(example("mapping", readme), example("payload", readme)))

    assert result["entity_updates"] == example("result", readme)
    assert result["warnings"] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    local = [target for target in targets if "://" not in target]

    assert [target for target in local if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("scope", list(Scope))
def test_every_scope_is_documented(scope: Scope) -> None:
    assert f"| `{scope}` |" in page("docs/authentication.md")


def test_every_page_can_be_reached_from_the_index() -> None:
    index = page("docs/index.md")
    pages = [path for path in PAGES if path.parent == ROOT / "docs" and path.name != "index.md"]

    assert [path.name for path in pages if f"({path.name})" not in index] == []


def test_the_architecture_names_every_layer() -> None:
    layers = tomllib.loads(page("pyproject.toml"))["tool"]["importlinter"]["contracts"][0]["layers"]
    names = {name for layer in layers for name in re.findall(r"\w+", layer)} - {"__main__"}

    assert [name for name in sorted(names) if f"`{name}`" not in page("docs/architecture.md")] == []


def test_every_decision_states_context_decision_and_consequence() -> None:
    for path in (ROOT / "docs" / "decisions").glob("*.md"):
        headings = re.findall(r"^## (.+)$", path.read_text("utf-8"), re.M)
        assert headings == ["Context", "Decision", "Consequence"], path


# --- conformance


def conformance() -> list[tuple[str, str]]:
    """The tests that the conformance table names, as (file, function)."""
    text = page("docs/reference/conformance.md") + page("docs/reference/integration-domain.md")
    return re.findall(r"`([\w/]+\.py)::(test_\w+)`", text)


def test_the_conformance_table_names_a_test_for_every_feature() -> None:
    rows = re.findall(
        r"^\| (?!feature|---)(.+?) \| (.+) \|$", page("docs/reference/conformance.md"), re.M
    )
    assert len(rows) > 50
    assert [feature for feature, shown in rows if "::test_" not in shown] == []


@pytest.mark.parametrize("file", sorted({file for file, _ in conformance()}))
def test_the_conformance_table_names_tests_that_exist(file: str) -> None:
    source = page(f"tests/{file}")
    named = [test for of_file, test in conformance() if of_file == file]
    assert [test for test in named if f"def {test}(" not in source] == []


# --- the integration domain, field by field

DOMAIN = {
    "Applications": APPLICATIONS,
    "Connectors": CONNECTORS,
    "API keys": KEYS,
    "Webhooks": WEBHOOKS,
}
SHOWN_ONCE = {"API keys": {"key_hash", "key_fingerprint"}}
ENVELOPE = {"id", "tenant_id"} | {field.name for field in fields(Envelope)} - {"org_id"}


def described_fields(heading: str) -> dict[str, str]:
    """The fields of a section of the table, each with the tests that show it."""
    text = section(page("docs/reference/integration-domain.md"), f"## {heading}")
    return dict(re.findall(r"^\| `(\w+)` \| .+ \| (.*) \|$", text, re.M))


@pytest.mark.parametrize("heading", list(DOMAIN))
def test_every_field_of_the_domain_is_described_and_shown_by_a_test(heading: str) -> None:
    table = DOMAIN[heading]
    described = described_fields(heading)
    known = {*table.columns, *table.second_names} - ENVELOPE | SHOWN_ONCE.get(heading, set())

    assert set(described) == known
    assert [name for name, shown in described.items() if "::test_" not in shown] == []


def test_every_stamp_of_a_record_is_described_and_shown_by_a_test() -> None:
    described = described_fields("All records")

    assert set(described) == ENVELOPE
    assert [name for name, shown in described.items() if "::test_" not in shown] == []
