"""One process: what it starts, and how it lets go of it again."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass
from typing import Any

from tieline.app.building import build_services
from tieline.app.web import build_asgi
from tieline.app.working import Working, start_working
from tieline.database import Database
from tieline.database.embedded import EmbeddedServer
from tieline.database.migrate import migrate
from tieline.expressions.limits import limits_from
from tieline.expressions.sandbox import SandboxPool
from tieline.http.services import Services
from tieline.mapping.mapper import HANDLER, Mapper
from tieline.secrets.opening import open_secret_store
from tieline.settings import Settings


@dataclass
class Application:
    """Everything that one process holds."""

    settings: Settings
    services: Services
    asgi: Any
    _embedded: EmbeddedServer | None
    _sandbox: SandboxPool
    _working: Working | None

    @classmethod
    async def start(cls, settings: Settings, *, work: bool, serve: bool) -> Application:
        """Start the database if it is the embedded one, migrate it, and begin to work."""
        embedded = None if settings.database_url else EmbeddedServer(settings.data_dir)
        if embedded is not None:
            await asyncio.to_thread(embedded.acquire)
        database: Database | None = None
        try:
            database = Database(
                settings.database_url or (embedded.url if embedded else ""),
                pool_size=settings.database_pool_size,
                embedded=embedded,
            )
            await migrate(database)
            await database.open()
            return await cls._assemble(settings, database, embedded, work=work, serve=serve)
        except BaseException:
            if database is not None:
                await database.close()
            if embedded is not None:
                await asyncio.to_thread(embedded.release)
            raise

    @classmethod
    async def _assemble(
        cls,
        settings: Settings,
        database: Database,
        embedded: EmbeddedServer | None,
        *,
        work: bool,
        serve: bool,
    ) -> Application:
        secrets = await open_secret_store(settings, database)
        sandbox = SandboxPool(
            handler=HANDLER, size=settings.sandbox_processes, limits=limits_from(settings)
        )
        services = build_services(settings, database, secrets, Mapper(sandbox))
        await sandbox.start()
        _tune_garbage_collection()
        await services.identity.start()
        await services.oidc.start()
        await services.egress_allowances.start()
        await services.integrations.start()
        await services.webhook_directory.start()
        working = start_working(settings, services) if work else None
        if work:
            await services.deliveries.start()
        if serve:
            services.access_log.start()
            await services.pulling.start()
        asgi = build_asgi(services) if serve else None
        return cls(settings, services, asgi, embedded, sandbox, working)

    async def stop(self) -> None:
        """Finish or hand back the work, and let go of everything."""
        seconds = self.settings.shutdown_seconds
        # Single attempts are made without workers as well.
        ending = [self.services.deliveries.stop(seconds)]
        if self._working is not None:
            ending.append(self._working.stop(seconds))
        await asyncio.gather(*ending)
        await self.services.pulling.stop()
        await self.services.access_log.stop()
        await self.services.webhook_directory.stop()
        await self.services.integrations.stop()
        await self.services.oidc.stop()
        await self.services.identity.stop()
        await self.services.tokens.close()
        await self.services.egress_allowances.stop()
        await self.services.egress.close()
        await self._sandbox.close()
        await self.services.secrets.close()
        await self.services.database.close()
        if self._embedded is not None:
            await asyncio.to_thread(self._embedded.release)


def _tune_garbage_collection() -> None:
    """Keep the collector from walking all modules again and again while batches are built.

    A batch makes some hundred thousand objects that reference counting frees; with the default
    thresholds every few hundred of them start a collection (a third of the time, measured).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
