"""The search for secrets finds what it is there to find."""

import base64

import pytest
from tests.leaks import Leaks

from tieline.identity.applications.models import ApplicationDraft
from tieline.identity.keys import new_key
from tieline.identity.models import KeyKind
from tieline.records.envelope import SystemCaller

SECRET = "planted-horse-battery-staple"  # nothing that another test keeps in the store


@pytest.fixture
def watching() -> Leaks:
    leaks = Leaks()
    leaks.watch([SECRET])
    return leaks


@pytest.mark.parametrize(
    "text",
    [
        f"password={SECRET}",
        SECRET.encode().hex(),
        *(base64.b64encode(b"x" * shift + SECRET.encode()).decode() for shift in range(3)),
        pytest.param(new_key(KeyKind.SERVICE), id="key"),
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTw==",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
async def test_a_planted_secret_is_found(watching, database, tmp_path, text):
    (tmp_path / "server.log").write_text(f"before {text} after")
    watching.note_refusal(f'{{"message": "{text}"}}')
    async with database.system() as tx:
        await tx.execute(f"CREATE TABLE planted AS SELECT '{text}' AS told")
    try:
        tables = await watching.in_database(database)
    finally:
        async with database.system() as tx:
            await tx.execute("DROP TABLE planted")

    logs = watching.in_files(tmp_path)
    (tmp_path / "server.log").unlink()  # or it is found once more when all tests are over
    assert [found for found in tables if found.startswith("table planted")]
    assert logs
    assert watching.in_refusals()


async def test_a_secret_in_an_export_is_found(watching, services, org):
    caller = SystemCaller(org, "test")
    await services.identity.create_key(org, name="makes the organisation")
    await services.applications.create_application(
        caller, ApplicationDraft(display_name="harmless")
    )
    assert not await watching.in_exports(services, org)

    await services.applications.create_application(caller, ApplicationDraft(display_name=SECRET))

    files, log = await watching.in_exports(services, org)
    assert files.startswith("export of the files")
    assert log.startswith("export of the audit log")


def test_nothing_is_found_where_nothing_is(watching, tmp_path):
    (tmp_path / "server.log").write_text("correct horse, tl_service_Ab3dEf, whsec_")
    watching.note_refusal('{"message": "nothing"}')

    assert not watching.in_files(tmp_path)
    assert not watching.in_refusals()
