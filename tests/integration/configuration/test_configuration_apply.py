"""Plans and their application on a real database: all or nothing, one after the other."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from tests.integration.configuration.conftest import EVERYTHING

from tieline.app import Application
from tieline.audit.actor import Actor, ActorKind, acting_as
from tieline.configuration.errors import (
    DeletionRefused,
    PlanOutdated,
    UnusableConfigurationFiles,
)
from tieline.configuration.reading import Source, Wanted, read_sources
from tieline.configuration.rendering import flat_steps
from tieline.configuration.service import ConfigurationService
from tieline.configuration.writing import export_files
from tieline.database import Database, OrgTransaction
from tieline.http.services import Services
from tieline.integrations.models import UseCaseChange
from tieline.kit.ids import new_ulid
from tieline.secrets.environments.models import VariableChange
from tieline.secrets.material import SecretText
from tieline.secrets.table_store import TableSecretStore

INTEGRATION = UUID("0199a1b2-0000-7000-8000-000000000001")
USE_CASE = UUID("0199a1b2-0000-7000-8000-000000000002")
ONE = """\
tieline: 1
integrations:
  - name: one
    use_cases: [{name: u, slug: u, type: inbound, enabled: true}]
"""
TABLES = (
    *("integrations", "use_cases", "use_case_versions", "use_case_samples", "app_mappings"),
    *("applications", "connectors", "webhooks", "environment_variables", "environment_groups"),
    *("secrets", "audit_log", "organisations"),
)


def wanted(service: ConfigurationService, text: str) -> Wanted:
    return read_sources([Source("f", text.encode())], service.kinds)


async def apply(
    service: ConfigurationService, org: str, text: str = EVERYTHING, **options: Any
) -> list[tuple[str, str]]:
    """What was done, as (action, name)."""
    options.setdefault("prune", False)
    applied = await service.apply(org, wanted(service, text), **options)
    return [(step.action.value, named) for named, step in flat_steps(applied.plan)]


async def exported(service: ConfigurationService, org: str) -> Mapping[str, str]:
    return export_files(service.kinds, await service.export(org, service.kinds)).files


async def rows(database: Database, org: str) -> dict[str, int]:
    """How many rows an organisation has in each table."""
    async with database.reading(org) as tx:
        names = await tx.fetch(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relname = ANY($2) "
            "AND $1::text IS NOT NULL",
            list(TABLES),
        )
        found = {}
        for name in (row["relname"] for row in names):
            column = "id" if name == "organisations" else "org_id"
            found[name] = await tx.fetchval(f"SELECT count(*) FROM {name} WHERE {column} = $1")
    return found


async def test_what_was_exported_makes_the_same_elsewhere_byte_for_byte(
    configuration: ConfigurationService, org: str
) -> None:
    done = await apply(configuration, org)
    files = await exported(configuration, org)

    elsewhere = f"org-{new_ulid()}"
    sources = [Source(name, text.encode()) for name, text in files.items()]
    everything = read_sources(sources, configuration.kinds)
    await configuration.apply(elsewhere, everything, prune=True)

    assert await exported(configuration, elsewhere) == files
    assert {action for action, _ in done} == {"create"}
    assert len(done) == 14
    for where in (org, elsewhere):
        plan = await configuration.plan(where, everything, prune=True)
        assert (flat_steps(plan), plan.unmanaged) == ([], ())
    shown = files["integrations/erp.yaml"]
    assert "constant: 12345678901234567890.50\n" in shown
    assert "jsonataExpression: |\n                    first & ' ' &\n" in shown
    assert "id: 0199a1b2-0000-7000-8000-000000000002" in shown
    assert "rate: 0.10" in files["connectors.yaml"]
    assert "vault_path: connectors/jira" in files["connectors.yaml"]
    assert "vault_path" not in files["webhooks.yaml"]


async def test_a_plan_changes_nothing(
    configuration: ConfigurationService, database: Database, org: str
) -> None:
    plan = await configuration.plan(org, wanted(configuration, EVERYTHING), prune=False)

    assert len(flat_steps(plan)) == 14
    assert not any((await rows(database, org)).values())


async def test_a_plan_puts_nothing_into_the_vault(
    configuration: ConfigurationService, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []

    async def write(
        self: TableSecretStore, tx: OrgTransaction, path: str, values: Mapping[str, str]
    ) -> None:
        written.append(path)

    monkeypatch.setattr(TableSecretStore, "write", write)
    text = "tieline: 1\nwebhooks: [{name: a, url: 'https://e.example'}]\n"

    await configuration.plan(org, wanted(configuration, text), prune=False)
    assert written == []
    await apply(configuration, org, text)
    assert len(written) == 1


async def test_a_failure_at_the_last_thing_leaves_nothing(
    configuration: ConfigurationService, database: Database, org: str
) -> None:
    last = (
        "  - name: last\n    use_cases:\n      - name: x\n        type: inbound\n"
        "        enabled: true\n        id: 0199a1b2-0000-7000-8000-000000000002\n"
    )

    with pytest.raises(UnusableConfigurationFiles) as raised:
        await apply(configuration, org, EVERYTHING + last)

    [fault] = raised.value.faults
    assert fault.path == "integrations[1].use_cases[0]"
    assert "belongs to a use case of another integration" in fault.message
    assert not any((await rows(database, org)).values())


async def test_all_that_services_refuse_is_found_at_once_and_by_its_line(
    configuration: ConfigurationService, org: str
) -> None:
    text = (
        "tieline: 1\n"
        "webhooks:\n"
        "  - {name: a, url: 'ftp://e.example'}\n"
        "  - {name: b, url: 'https://e.example'}\n"
        "  - {name: c, connector_id: cnn_01M83HPWJXE84RWAEPT86E79DS}\n"
        "applications:\n"
        "  - {slug: a, kind: library, oauth_client_id: x}\n"
    )

    with pytest.raises(UnusableConfigurationFiles) as raised:
        await configuration.plan(org, wanted(configuration, text), prune=False)

    assert [(fault.line, fault.path) for fault in raised.value.faults] == [
        (3, "webhooks[0]"),
        (5, "webhooks[2]"),
        (7, "applications[0]"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("slug: customers", "slug: clients", "slug: is 'customers' and cannot be changed"),
        ("type: inbound", "type: outbound", "type: is 'inbound' and cannot be changed"),
        ("- {attribute: number, field: id}", "- {attribute: n, field: id}", "unique_ids[0]"),
        ("first & ' ' &", "first & (", "fields[1].jsonataExpression"),
        ("event_catalog_event: contract.created", "event: x", "event_catalog_event"),
        ("slug: billing", "slug: billings", "slug: is 'billing' and cannot be changed"),
        ("type: SecretString, description", "description", "never made readable"),
        (
            "app_01M83HPWJTFGSA26Z5GWGX6KYE\nwebhooks",
            "app_01M83HPWJTFGSA26Z5GWGX6KYF\nwebhooks",
            "application_id",
        ),
    ],
)
async def test_what_cannot_become_so_is_told_by_the_plan(
    configuration: ConfigurationService,
    services: Services,
    org: str,
    old: str,
    new: str,
    fault: str,
) -> None:
    await apply(configuration, org)
    await services.environments.put(org, "erp.token", VariableChange(value=SecretText(new_ulid())))
    assert old in EVERYTHING

    with pytest.raises(UnusableConfigurationFiles) as raised:
        await configuration.plan(
            org, wanted(configuration, EVERYTHING.replace(old, new)), prune=False
        )

    assert fault in str(raised.value.faults[0])


async def test_two_who_apply_the_same_at_once_make_it_once(
    configuration: ConfigurationService, database: Database, org: str
) -> None:
    done = await asyncio.gather(*(apply(configuration, org, ONE) for _ in range(3)))

    assert sorted(map(len, done)) == [0, 0, 2]
    found = await rows(database, org)
    assert (found["integrations"], found["use_cases"]) == (1, 1)


async def test_a_plan_that_is_outdated_is_not_carried_out(
    configuration: ConfigurationService, services: Services, org: str
) -> None:
    await apply(configuration, org)
    text = EVERYTHING.replace("name: Customers", "name: Clients")
    agreed = await configuration.plan(org, wanted(configuration, text), prune=False)
    await services.integrations.update_use_case(
        org, INTEGRATION, USE_CASE, UseCaseChange(name="Buyers")
    )

    with pytest.raises(PlanOutdated):
        await apply(configuration, org, text, agreed=agreed)

    assert (await services.integrations.get_use_case(org, INTEGRATION, USE_CASE)).name == "Buyers"


async def test_a_plan_that_still_holds_is_carried_out(
    configuration: ConfigurationService, org: str
) -> None:
    await apply(configuration, org)
    text = EVERYTHING.replace("name: Customers", "name: Clients")
    agreed = await configuration.plan(org, wanted(configuration, text), prune=False)

    assert await apply(configuration, org, text, agreed=agreed) == [
        ("change", "integration 'ERP' / use case 'customers'")
    ]


async def test_a_change_by_somebody_else_meanwhile_is_not_overwritten(
    configuration: ConfigurationService,
    services: Services,
    org: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await apply(configuration, org)
    kind = next(one for one in configuration.kinds if one.section == "integrations")
    [use_cases] = [part for part in kind.parts if part.section == "use_cases"]
    change = use_cases.change

    async def overtaken(*arguments: Any) -> Any:
        # Another task without this one's transaction: another request.
        other = services.integrations.update_use_case(
            org, INTEGRATION, USE_CASE, UseCaseChange(name="Buyers")
        )
        await asyncio.create_task(other, context=contextvars.Context())
        return await change(*arguments)

    monkeypatch.setattr(use_cases, "change", overtaken)

    with pytest.raises(PlanOutdated, match="Somebody else"):
        await apply(configuration, org, EVERYTHING.replace("name: Customers", "name: Clients"))

    assert (await services.integrations.get_use_case(org, INTEGRATION, USE_CASE)).name == "Buyers"


async def test_pruning_deletes_and_the_same_files_bring_it_back_with_its_ids(
    configuration: ConfigurationService, services: Services, org: str
) -> None:
    await apply(configuration, org)
    files = await exported(configuration, org)
    nothing = "tieline: 1\n" + "".join(
        f"{kind.section}: []\n" for kind in configuration.kinds if kind.permanent is None
    )
    unprotected = EVERYTHING.replace(", protected: true", "")

    with pytest.raises(DeletionRefused, match=r"'erp\.url' stays: .*protected"):
        await apply(configuration, org, nothing, prune=True)
    await apply(configuration, org, unprotected)
    deleted = await apply(configuration, org, nothing, prune=True)
    assert {action for action, _ in deleted} == {"delete"}
    assert "integrations/erp.yaml" not in await exported(configuration, org)

    sources = [Source(name, text.encode()) for name, text in files.items()]
    await configuration.apply(org, read_sources(sources, configuration.kinds), prune=False)
    assert await exported(configuration, org) == files


async def test_a_sample_that_its_use_case_breaks_is_a_warning(
    configuration: ConfigurationService, org: str
) -> None:
    await apply(configuration, org)
    text = EVERYTHING.replace("first & ' ' &", "first & '-' &")

    applied = await configuration.apply(org, wanted(configuration, text), prune=False)

    assert any("a person" in warning for warning in applied.warnings)
    both = text.replace('name: "Anna Schmidt', 'name: "Anna-Schmidt')
    assert both != text
    applied = await configuration.apply(org, wanted(configuration, both), prune=False)
    assert applied.warnings == ()


async def test_a_component_moves_between_integrations_of_the_files(
    configuration: ConfigurationService, org: str
) -> None:
    app_id, component_id = (f"{digit * 8}-1111-4111-8111-111111111111" for digit in "12")
    ids = f"app_id: {app_id}, component_id: {component_id}"
    one = f"tieline: 1\nintegrations: [{{name: a, app_mappings: [{{{ids}}}]}}, {{name: b}}]\n"
    other = f"tieline: 1\nintegrations: [{{name: a}}, {{name: b, app_mappings: [{{{ids}}}]}}]\n"
    await apply(configuration, org, one)

    assert len(await apply(configuration, org, other, prune=True)) == 2
    assert await apply(configuration, org, other, prune=True) == []


async def test_running_processes_hear_of_it(
    configuration: ConfigurationService, services: Services, org: str
) -> None:
    await apply(configuration, org)
    routes = await services.integrations.resolve_routes(org, INTEGRATION)
    assert routes is not None
    assert routes.by_slug["customers"].enabled

    await apply(
        configuration,
        org,
        EVERYTHING.replace("enabled: true\n        conf", "enabled: false\n        conf"),
    )

    async with asyncio.timeout(5):
        while routes is None or routes.by_slug["customers"].enabled:
            await asyncio.sleep(0.01)
            routes = await services.integrations.resolve_routes(org, INTEGRATION)


async def test_every_change_is_audited_with_who_made_it(
    configuration: ConfigurationService, database: Database, org: str
) -> None:
    with acting_as(Actor(ActorKind.COMMAND, "deployer", "command line")):
        await apply(configuration, org)

    async with database.reading(org) as tx:
        found = await tx.fetch(
            "SELECT DISTINCT action, actor_kind, actor_id FROM audit_log WHERE org_id = $1"
        )
    assert {(row["actor_kind"], row["actor_id"]) for row in found} == {("command", "deployer")}
    assert {row["action"] for row in found} >= {
        "application.created",
        "connector.created",
        "webhook.created",
        "environment.created",
        "environment_group.created",
        "integration.created",
        "use_case.created",
        "sample.created",
        "app_mapping.created",
    }


async def test_what_has_no_value_yet_is_named(
    configuration: ConfigurationService, org: str
) -> None:
    await apply(configuration, org)

    lines = await configuration.reminders(org, wanted(configuration, EVERYTHING))

    assert [line.strip() for line in lines[1:]] == ["erp.token", "erp.url"]


async def test_the_description_of_the_change_is_in_the_history(
    configuration: ConfigurationService, services: Services, org: str
) -> None:
    await apply(configuration, org)

    stored = await services.integrations.get_use_case(org, INTEGRATION, USE_CASE)
    assert stored.change_description == "from files"


async def test_a_kill_in_the_middle_leaves_nothing_half(
    application: Application,
    configuration: ConfigurationService,
    database: Database,
    org: str,
    tmp_path: Path,
) -> None:
    use_cases = "".join(
        f"      - {{name: u{number}, slug: u{number}, type: inbound, enabled: true}}\n"
        for number in range(300)
    )
    file = tmp_path / "many.yaml"
    file.write_text(f"tieline: 1\nintegrations:\n  - name: many\n    use_cases:\n{use_cases}")
    command = [sys.executable, "-m", "tieline", "apply", str(file), "--yes", "--org", org]
    data_dir = application.settings.data_dir
    process = subprocess.Popen(
        [*command, "--data-dir", str(data_dir)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TIELINE_LOG_LEVEL": "error"},
    )
    assert process.stdout is not None

    await asyncio.to_thread(_read_until, process.stdout.readline, "301 to create")
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert not any((await rows(database, org)).values())
    again = await asyncio.to_thread(
        subprocess.run, [*command, "--data-dir", str(data_dir)], capture_output=True, check=True
    )
    assert b"Applied." in again.stdout
    assert (await rows(database, org))["use_cases"] == 300


def _read_until(readline: Callable[[], str], beginning: str) -> None:
    while not (line := readline()).startswith(beginning):
        assert line, "it ended before"


CHANGES = {
    "What the ERP needs": "What it needs",
    "description: Its token": "description: A token",
    "display_name: Billing": "display_name: Invoices",
    "user_id: usr-1": "owner_id: usr-2",
    "    webhook_endpoint_id: whk_01M83HPWJZE04TSN003MPA8E7H\n": "",
    "rate: 0.10": "rate: 0.1",
    "https://example.com/hook": "https://example.com/other",
    "enabled: false\nintegrations": "signature_scheme: none\nintegrations",
    "other: kept": "other: changed",
    "    settings: {autoRefresh: {enabled: true}}\n": "",
    "{b: 1, a: 2}": "{a: 2, b: 1}",
    "name: Contracts out": "name: Contracts outside",
    "encoding: binary": "encoding: base64",
    "payload: {id: 7, first: Anna": "payload: {id: 7, first: Anne",
}


async def test_things_of_every_kind_are_changed_and_then_are_as_they_should_be(
    configuration: ConfigurationService, org: str
) -> None:
    await apply(configuration, org)
    text = EVERYTHING
    for old, new in CHANGES.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)

    done = await apply(configuration, org, text, prune=True)
    back = await apply(configuration, org, prune=True)

    assert sorted(done) == [
        ("change", "application 'billing'"),
        ("change", "connector 'jira'"),
        ("change", "environment group 'ERP'"),
        ("change", "environment variable 'erp.token'"),
        ("change", "integration 'ERP'"),
        ("change", "integration 'ERP' / use case 'customers' / sample 'a person'"),
        ("change", "integration 'ERP' / use case 'documents'"),
        ("change", "webhook 'orders'"),
        ("create", "integration 'ERP' / use case 'Contracts outside'"),
        ("delete", "integration 'ERP' / use case 'Contracts out'"),
    ]
    assert len(back) == len(done)
    assert await apply(configuration, org, prune=True) == []


async def test_only_a_reference_to_something_new_is_set_at_the_end(
    configuration: ConfigurationService, services: Services, org: str
) -> None:
    start = "tieline: 1\nconnectors: [{name: c, id: cnn_01M83HPWJXE84RWAEPT86E79DS}]\n"
    hook = "whk_01M83HPWJZE04TSN003MPA8E7H"
    later = (
        f"{start.replace('}]', f', webhook_endpoint_id: {hook}}}]')}"
        f"webhooks: [{{name: w, id: {hook}, connector_id: cnn_01M83HPWJXE84RWAEPT86E79DS}}]\n"
    )
    await apply(configuration, org, start)

    await apply(configuration, org, later)

    plan = await configuration.plan(org, wanted(configuration, later), prune=True)
    assert flat_steps(plan) == []
    files = await exported(configuration, org)
    assert f"webhook_endpoint_id: {hook}" in files["connectors.yaml"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("vault_path: connectors/jira", "vault_path: ../x", "vault_path: is no path of a secret"),
        (
            "vault_path: connectors/jira",
            "vault_path: secret/data/tieline/x/connectors/jira",
            "vault_path: begins in a file after the organisation",
        ),
        ("    type: tickets\n", "    last_error: x\n", "last_error: is not known here"),
        ("url: https://example.com/hook", "url: 7", "webhooks[0].url: must be a text"),
        ("slug: billing\n    id: app", "id: app", "applications[0].slug: is missing"),
        ("id: cnn_01M83HPWJXE84RWAEPT86E79DS\n    type", "id: x_1\n    type", "is no id"),
        ("id: 0199a1b2-0000-7000-8000-000000000002", "id: '1'", "is no id"),
        ("key: erp.url,", "key: erp.url, value: x,", "value: files hold no values"),
        ("key: erp.url,", "key: ERP,", "key: must match the pattern"),
        ("group: Others", "group: a/b", "group: must have"),
        ("key: erp.url,", "key: erp.url, type: Number,", "type: must be"),
        ("{name: ERP, desc", "{name: ' ', desc", "environment_groups[0].name: must have"),
        ("additional: {owner", "additional: {name: x, owner", "additional.name: belongs beside"),
        ("    settings: {a", "    orgId: x\n    settings: {a", "orgId: is not known here"),
        ('payload: "<a>\\r\\n</a>"', "payload: {a: 1}", "payload: is a JSON object"),
        ("{error: MISSING", "{entity_updates: [{}], error: MISSING", "expected.error: excludes"),
        ("component_id: 2222", "component_id: 2", "component_id: must be a UUID"),
        ("  - name: orders\n", "  - url: https://e.example\n  - name: orders\n", "neither a name"),
    ],
)
async def test_what_files_may_not_say_is_told_by_its_place(
    configuration: ConfigurationService, old: str, new: str, fault: str
) -> None:
    assert EVERYTHING.count(old) == 1

    with pytest.raises(UnusableConfigurationFiles) as raised:
        wanted(configuration, EVERYTHING.replace(old, new))

    assert fault in str(raised.value.faults[0])


async def test_samples_that_were_exported_were_looked_at(
    configuration: ConfigurationService, database: Database, org: str
) -> None:
    await apply(configuration, org)
    await exported(configuration, org)

    async with database.reading(org) as tx:
        seen = await tx.fetchval(
            "SELECT count(*) FROM audit_log WHERE org_id = $1 AND action = 'payload.viewed'"
        )
    assert seen == 1


async def test_a_record_without_a_name_is_found_by_its_id(
    configuration: ConfigurationService, org: str
) -> None:
    text = "tieline: 1\nwebhooks: [{id: whk_01M83HPWJZE04TSN003MPA8E7H}]\n"

    assert await apply(configuration, org, text) == [
        ("create", "webhook 'whk_01M83HPWJZE04TSN003MPA8E7H'")
    ]
    assert await apply(configuration, org, text) == []
