"""Keys that are refused: malformed, unknown, tried too often."""

from __future__ import annotations

import random
from datetime import timedelta
from types import SimpleNamespace

import pytest

from tieline.database import Database, Transaction
from tieline.database.errors import DatabaseUnavailable
from tieline.identity.access_tokens.claims import Claims, new_signing_key, sign
from tieline.identity.api_keys import checking
from tieline.identity.api_keys.last_used import LastUsed
from tieline.identity.api_keys.models import ApiKey
from tieline.identity.api_keys.repository import Credential
from tieline.identity.changes import Change
from tieline.identity.errors import InvalidApiKey
from tieline.identity.keys import fingerprint, new_key
from tieline.identity.limits.errors import LoginThrottled
from tieline.identity.limits.logins import LoginThrottle
from tieline.identity.models import KeyKind
from tieline.identity.service import IdentityService
from tieline.kit.time import utc_now
from tieline.records.envelope import SystemCaller


@pytest.fixture
def unreachable() -> IdentityService:
    """A service whose database nobody can reach: whoever asks it fails."""
    return IdentityService(Database("postgresql://nobody@127.0.0.1:1/none"))


async def test_ten_thousand_random_keys_are_refused(database: Database, org: str) -> None:
    identity = IdentityService(database, throttle=LoginThrottle(1_000_000))
    await identity.create_key(org, name="real")
    kinds = list(KeyKind)

    refused = 0
    for number in range(10_000):
        try:
            await identity.authenticate(new_key(kinds[number % len(kinds)]), "192.0.2.1")
        except InvalidApiKey:
            refused += 1

    assert refused == 10_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "tl_",
        "tl_service_",
        "tl_service_" + "0" * 43 + "_000000",
        "tl_king_" + "0" * 43 + "_000000",
        pytest.param(new_key(KeyKind.USER)[:-1], id="cut"),
        pytest.param(new_key(KeyKind.USER) + "0", id="longer"),
        pytest.param(new_key(KeyKind.USER).upper(), id="upper case"),
        pytest.param(new_key(KeyKind.SERVICE).replace("service", "user"), id="other kind"),
        "a.b.c",
        "eyJhbGciOiJub25lIn0.e30.",
        "..",
        "\u00e4" * 100,
        "\x00",
    ],
)
async def test_a_malformed_key_never_reaches_the_database(
    unreachable: IdentityService, text: str
) -> None:
    with pytest.raises(InvalidApiKey):
        await unreachable.authenticate(text, "192.0.2.1")


async def test_any_changed_character_never_reaches_the_database(
    unreachable: IdentityService,
) -> None:
    choose = random.Random(4711)
    for _ in range(500):
        key = new_key(KeyKind.SERVICE)
        place = choose.randrange(len(key))
        other = choose.choice([letter for letter in "0aZ_-" if letter != key[place]])
        with pytest.raises(InvalidApiKey):
            await unreachable.authenticate(key[:place] + other + key[place + 1 :])


async def test_what_decides_is_a_comparison_in_constant_time(
    database: Database, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = IdentityService(database)
    _, text = await identity.create_key(org, name="real")
    compared = []

    def unequal(stored: bytes, sent: bytes) -> bool:
        compared.append((stored, sent))
        return False

    monkeypatch.setattr(checking, "hmac", SimpleNamespace(compare_digest=unequal))
    with pytest.raises(InvalidApiKey):
        await identity.authenticate(text, "192.0.2.1")

    assert compared == [(fingerprint(text), fingerprint(text))]


async def test_a_token_of_a_foreign_key_is_refused_before_its_row_is_looked_for(
    services, org: str
) -> None:
    forged = sign(Claims("x", "api_x", org, utc_now(), None, "x"), new_signing_key())

    with pytest.raises(InvalidApiKey, match="signed with a key that does not exist"):
        await services.identity.authenticate(forged, "192.0.2.9")


async def test_who_tries_too_many_keys_is_stopped_without_asking_the_database(
    database: Database, org: str
) -> None:
    throttle = LoginThrottle(5)
    identity = IdentityService(database, throttle=throttle)
    for _ in range(5):
        with pytest.raises(InvalidApiKey):
            await identity.authenticate(new_key(KeyKind.SERVICE), "192.0.2.1")

    blind = IdentityService(Database("postgresql://nobody@127.0.0.1:1/none"), throttle=throttle)
    with pytest.raises(LoginThrottled, match="Wait"):
        await blind.authenticate(new_key(KeyKind.SERVICE), "192.0.2.1")
    with pytest.raises(InvalidApiKey):
        await identity.authenticate(new_key(KeyKind.SERVICE), "192.0.2.2")


async def test_a_mistyped_key_does_not_count(database: Database, org: str) -> None:
    identity = IdentityService(database, throttle=LoginThrottle(1))
    _, text = await identity.create_key(org, name="real")

    for _ in range(10):
        with pytest.raises(InvalidApiKey):
            await identity.authenticate("tl_service_mistyped", "192.0.2.1")

    assert (await identity.authenticate(text, "192.0.2.1")).org_id == org


class TestARunningProcess:
    """One that hears of changes, and therefore remembers keys."""

    @pytest.fixture
    async def identity(self, database: Database):
        """A started service that lets an address fail once."""
        service = IdentityService(database, throttle=LoginThrottle(1))
        await service.start()
        await service._listener.wait_until_alive()
        yield service
        await service.stop()

    async def remembered(self, identity: IdentityService, org: str) -> tuple[ApiKey, str]:
        key, text = await identity.create_key(org, name="known")
        await identity.authenticate(text, "192.0.2.1")
        return key, text

    async def test_a_known_key_passes_from_a_throttled_address(
        self, identity: IdentityService, org: str
    ) -> None:
        _, text = await self.remembered(identity, org)
        with pytest.raises(InvalidApiKey):
            await identity.authenticate(new_key(KeyKind.SERVICE), "192.0.2.1")

        with pytest.raises(LoginThrottled):
            await identity.authenticate(new_key(KeyKind.SERVICE), "192.0.2.1")
        assert (await identity.authenticate(text, "192.0.2.1")).org_id == org

    async def test_a_blocked_key_is_refused_from_memory_and_does_not_count(
        self, identity: IdentityService, org: str
    ) -> None:
        key, text = await self.remembered(identity, org)
        caller = SystemCaller(org, "test")
        await identity.keys.update(caller, key.id, 1, {"blocked": True, "blocked_reason": "lost"})

        for _ in range(3):
            with pytest.raises(InvalidApiKey, match="lost"):
                await identity.authenticate(text, "192.0.2.1")

        await identity.keys.update(caller, key.id, 2, {"blocked": False})
        assert (await identity.authenticate(text, "192.0.2.1")).id == key.id

    async def test_changing_one_key_leaves_the_others_remembered(
        self, identity: IdentityService, org: str
    ) -> None:
        _, text = await self.remembered(identity, org)
        other, _ = await self.remembered(identity, org)
        with pytest.raises(InvalidApiKey):
            await identity.authenticate(new_key(KeyKind.SERVICE), "192.0.2.1")

        await identity.revoke_key(org, other.id)

        # Not remembered, it would be looked up, which the throttle forbids by now.
        assert (await identity.authenticate(text, "192.0.2.1")).org_id == org


async def test_the_last_use_is_written_together_and_only_moves_forward(
    database: Database, org: str
) -> None:
    clock = [utc_now()]
    first, second = [IdentityService(database, lambda: clock[0]) for _ in range(2)]
    _, text = await first.create_key(org, name="used")
    start = clock[0]
    await first.authenticate(text)
    clock[0] = start + timedelta(minutes=5)
    await second.authenticate(text)

    await second.write_last_uses()
    await first.write_last_uses()

    (listed,) = await first.list_keys(org)
    assert listed.last_used_at == start + timedelta(minutes=5)
    assert listed.version == 1


async def test_a_use_that_could_not_be_written_is_kept(database: Database, org: str) -> None:
    key, _ = await IdentityService(database).create_key(org, name="used")
    uses = LastUsed(Database("postgresql://nobody@127.0.0.1:1/none"))
    moment = utc_now()
    uses.note(org, key.id, moment)
    with pytest.raises(DatabaseUnavailable):
        await uses.write()

    uses._database = database
    await uses.write()

    (listed,) = await IdentityService(database).list_keys(org)
    assert listed.last_used_at == moment


async def test_stopping_writes_what_is_left(database: Database, org: str) -> None:
    identity = IdentityService(database)
    _, text = await identity.create_key(org, name="used")
    await identity.start()
    await identity.authenticate(text)

    await identity.stop()

    (listed,) = await IdentityService(database).list_keys(org)
    assert listed.last_used_at is not None


async def test_a_change_of_one_organisation_leaves_the_keys_of_others_remembered(
    database: Database, org: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    identity = IdentityService(database)
    await identity.start()
    await identity._listener.wait_until_alive()
    try:
        asked: list[str] = []
        find = checking.repository.find_credential

        async def counted(tx: Transaction, key_hash: bytes) -> Credential | None:
            found = await find(tx, key_hash)
            asked.append(found.org_id if found else "")
            return found

        monkeypatch.setattr(checking.repository, "find_credential", counted)
        texts = [(await identity.create_key(name, name="k"))[1] for name in (org, f"{org}-2")]
        for text in texts:
            await identity.authenticate(text)
        identity.forget(Change(org, "crm"))
        asked.clear()

        for text in texts:
            await identity.authenticate(text)

        assert asked == [org]
    finally:
        await identity.stop()
