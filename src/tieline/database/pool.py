"""Connections and transactions; the one place where the organisation scope is applied.

Every statement about an organisation's rows runs through an `OrgTransaction`, which passes the
organisation's id as `$1` of each statement. PostgreSQL refuses a statement whose `$1` it never
meets, so a query that forgets its organisation fails at once instead of leaking.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextvars import ContextVar
from typing import Any

import asyncpg

from tieline.database.codecs import prepare_connection
from tieline.database.embedded import EmbeddedServer
from tieline.database.errors import DatabaseUnavailable

CONNECTION_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    ConnectionError,
    TimeoutError,
)
# What connecting may end with besides: unknown hosts, no route, a socket that is not there yet.
UNREACHABLE = (*CONNECTION_LOST, OSError)
_RECOVERY_SECONDS = 10.0

_ambient: ContextVar[asyncpg.Connection | None] = ContextVar("ambient_transaction", default=None)


class Transaction:
    """Statements without an organisation: for the machinery, never for a caller's request."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self.connection = connection

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """All rows of a query."""
        rows: list[asyncpg.Record] = await self.connection.fetch(sql, *arguments)
        return rows

    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row of a query, or None."""
        return await self.connection.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        """The first column of the first row, or None."""
        return await self.connection.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> int:
        """Run a statement; the number of rows that it changed."""
        status: str = await self.connection.execute(sql, *arguments)
        last = status.rsplit(" ", 1)[-1]
        return int(last) if last.isdigit() else 0

    async def copy(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Add rows by COPY: the cheapest way to insert many, for both sides."""
        if rows:
            await self.connection.copy_records_to_table(table, records=rows, columns=columns)


class OrgTransaction(Transaction):
    """Statements about one organisation, whose id is `$1` of each of them."""

    def __init__(self, connection: asyncpg.Connection, org_id: str) -> None:
        super().__init__(connection)
        self.org_id = org_id

    async def fetch(self, sql: str, *arguments: Any) -> list[asyncpg.Record]:
        """All rows of a query; `$1` is the organisation, the arguments start at `$2`."""
        return await super().fetch(sql, self.org_id, *arguments)

    async def fetchrow(self, sql: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row of a query, or None; the arguments start at `$2`."""
        return await super().fetchrow(sql, self.org_id, *arguments)

    async def fetchval(self, sql: str, *arguments: Any) -> Any:
        """The first column of the first row, or None; the arguments start at `$2`."""
        return await super().fetchval(sql, self.org_id, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> int:
        """Run a statement; the arguments start at `$2`. The number of rows that it changed."""
        return await super().execute(sql, self.org_id, *arguments)

    async def copy(
        self, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
    ) -> None:
        """Add rows of the organisation by COPY; its id is the column that comes first."""
        scoped = [(self.org_id, *row) for row in rows]
        await super().copy(table, ("org_id", *columns), scoped)


class Database:
    """The pool of one process, and the supervision of the embedded server if there is one."""

    def __init__(
        self, url: str, *, pool_size: int = 12, embedded: EmbeddedServer | None = None
    ) -> None:
        self.url = url
        self._pool_size = pool_size
        self._embedded = embedded
        self._pool: asyncpg.Pool | None = None
        self._revival: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect. Raises `DatabaseUnavailable` when the database does not answer."""
        try:
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=1,
                max_size=self._pool_size,
                max_inactive_connection_lifetime=60,
                command_timeout=120,
                reset=_reset,
                init=prepare_connection,
                server_settings=session_settings("tieline"),
            )
        except (*UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
            raise DatabaseUnavailable(_unreachable(error)) from error

    async def close(self) -> None:
        """Give all connections back and close them."""
        if self._pool is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._pool.close(), 5)
            self._pool.terminate()
            self._pool = None

    @contextlib.asynccontextmanager
    async def organisation(self, org_id: str) -> AsyncIterator[OrgTransaction]:
        """A transaction for one organisation: joins the request's own one if that is open."""
        async with self._transaction() as connection:
            yield OrgTransaction(connection, org_id)

    @contextlib.asynccontextmanager
    async def reading(self, org_id: str) -> AsyncIterator[OrgTransaction]:
        """Single read-only statements for one organisation, each with its own snapshot."""
        ambient = _ambient.get()
        if ambient is not None:
            yield OrgTransaction(ambient, org_id)
            return
        async with self._connection() as connection:
            yield OrgTransaction(connection, org_id)

    @contextlib.asynccontextmanager
    async def system(self) -> AsyncIterator[Transaction]:
        """A transaction outside any organisation, for the machinery."""
        async with self._transaction() as connection:
            yield Transaction(connection)

    @contextlib.asynccontextmanager
    async def request(self) -> AsyncIterator[Transaction]:
        """One transaction for everything that happens inside: nested transactions join it."""
        async with self._transaction() as connection:
            token = _ambient.set(connection)
            try:
                yield Transaction(connection)
            finally:
                _ambient.reset(token)

    @staticmethod
    def inside_request() -> bool:
        """Whether the caller runs inside `request`, so that its transaction must be joined."""
        return _ambient.get() is not None

    @contextlib.asynccontextmanager
    async def _transaction(self) -> AsyncIterator[asyncpg.Connection]:
        ambient = _ambient.get()
        if ambient is not None:
            yield ambient
            return
        async with self._connection(begin=True) as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def _connection(self, *, begin: bool = False) -> AsyncIterator[asyncpg.Connection]:
        connection = await self._acquire(begin=begin)
        try:
            yield connection
            if begin:
                await connection.execute("COMMIT")
        except CONNECTION_LOST as error:
            raise DatabaseUnavailable from error
        except (asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
            # The driver's own complaints: about a closed connection, or about a wrong call.
            if connection.is_closed():
                raise DatabaseUnavailable from error
            raise
        except BaseException:
            if begin and not connection.is_closed():
                try:
                    await connection.execute("ROLLBACK")
                except (asyncpg.PostgresError, asyncpg.InterfaceError, *CONNECTION_LOST):
                    # Cancelled in the middle of a statement: the server rolls back by itself.
                    connection.terminate()
            raise
        finally:
            await self._give_back(connection)

    async def _acquire(self, *, begin: bool) -> asyncpg.Connection:
        """A connection that has just answered; waits for a database that is coming back."""
        if self._pool is None:
            raise DatabaseUnavailable
        deadline = time.monotonic() + _RECOVERY_SECONDS
        while True:
            try:
                connection = await self._pool.acquire(timeout=30)
                try:
                    await _check(connection, begin=begin)
                except BaseException:
                    # Whoever is cancelled meanwhile must not take the connection along either.
                    await self._give_back(connection)
                    raise
            except (*UNREACHABLE, asyncpg.InterfaceError) as error:
                if time.monotonic() > deadline:
                    raise DatabaseUnavailable(_unreachable(error)) from error
                await self.revive()
                await asyncio.sleep(0.05)
            else:
                return connection

    async def _give_back(self, connection: asyncpg.Connection) -> None:
        if self._pool is not None:
            with contextlib.suppress(*CONNECTION_LOST, asyncpg.InterfaceError):
                await self._pool.release(connection)

    async def revive(self) -> None:
        """Bring the embedded server back if it died; once for all who ask at the same time."""
        if self._embedded is None:
            return
        if self._revival is None or self._revival.done():
            self._revival = asyncio.create_task(asyncio.to_thread(self._embedded.ensure_running))
        # A machine that is out of memory or of processes refuses to start it: whoever asked, asks
        # again, and must not die of it.
        with contextlib.suppress(DatabaseUnavailable, OSError):
            await asyncio.shield(self._revival)

    async def listen(
        self,
        channels: Sequence[str],
        heard: Callable[[str, str], None],
        *,
        lost: Callable[[], None],
    ) -> asyncpg.Connection:
        """A connection of its own that calls `heard(channel, payload)` for each notification.

        `lost` is called when the connection ends; the caller decides when to listen again.
        """
        connection = await self.dedicated()

        def notified(_connection: object, _pid: int, channel: str, payload: object) -> None:
            heard(channel, str(payload))

        connection.add_termination_listener(lambda _connection: lost())
        for channel in channels:
            await connection.add_listener(channel, notified)
        return connection

    async def dedicated(self) -> asyncpg.Connection:
        """A connection outside the pool, which the caller closes."""
        try:
            return await asyncpg.connect(self.url, server_settings=session_settings("tieline"))
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            raise DatabaseUnavailable(_unreachable(error)) from error


async def _check(connection: asyncpg.Connection, *, begin: bool) -> None:
    """Begin a transaction if one is wanted. Raises `ConnectionError` for a lost connection."""
    if begin:
        await connection.execute("BEGIN")
    elif connection.is_closed():
        raise ConnectionError


async def _reset(connection: asyncpg.Connection) -> None:
    """What a connection goes through on its way back to the pool.

    Nothing here leaves state in a session (locks belong to transactions, listeners have their own
    connections), so the driver's usual round of RESET statements would be a wasted round trip.
    """
    if connection.is_in_transaction():
        await connection.reset()


def session_settings(application: str) -> dict[str, str]:
    """What every session needs: durable commits, UTC, and no JIT for short statements."""
    return {
        "application_name": application,
        "synchronous_commit": "on",
        "timezone": "UTC",
        "jit": "off",
    }


def _unreachable(error: BaseException) -> str:
    reason = str(error).strip() or type(error).__name__
    return f"The database does not answer ({reason}). Check TIELINE_DATABASE_URL and the server."
