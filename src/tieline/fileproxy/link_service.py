"""Makes links and checks them."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from tieline.audit.recording import record
from tieline.database import Database
from tieline.fileproxy.configuration import Configuration, read_configuration
from tieline.fileproxy.errors import FileProxyDisabled, LinkExpired, MissingParameter
from tieline.fileproxy.keys import LinkKeys
from tieline.fileproxy.links import Pairs, check_signature, link_from, signed_address
from tieline.fileproxy.models import Link, SignedLink
from tieline.integrations.errors import UseCaseNotFound
from tieline.integrations.models import UseCase, UseCaseType
from tieline.integrations.service import IntegrationService
from tieline.kit.errors import InvalidInput
from tieline.kit.ids import parse_uuid
from tieline.kit.time import Clock, utc_now
from tieline.secrets.store import SecretStore

DEFAULT_LIFETIME = timedelta(minutes=5)
LONGEST_LIFETIME = timedelta(days=7)
_MILLISECOND = timedelta(milliseconds=1)


class FileLinks:
    """Links to files of all organisations. `base_url` is what stands before `/download`."""

    def __init__(
        self,
        database: Database,
        secrets: SecretStore,
        integrations: IntegrationService,
        base_url: str,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._keys = LinkKeys(secrets)
        self._integrations = integrations
        self._base_url = base_url
        self._clock = clock

    async def sign(
        self, org_id: str, link: Link, lifetime: timedelta = DEFAULT_LIFETIME
    ) -> SignedLink:
        """The address with a signature, for whoever the caller gives it to.

        Raises `UseCaseNotFound` (for what another organisation has, too), `FileProxyDisabled`,
        `MissingParameter` and `InvalidInput`.
        """
        if not _MILLISECOND <= lifetime <= LONGEST_LIFETIME:
            raise InvalidInput("expires_in: must be from 1 second to 7 days.")
        if link.org_id != org_id:
            raise UseCaseNotFound
        use_case, _ = await self.file_proxy(link)
        now = self._clock()
        expires_at = _to_milliseconds(now + lifetime)
        until = {"expires_at": expires_at.isoformat(), "params": dict(link.params)}
        async with self._database.organisation(org_id) as tx:
            await record(tx, "file_link.created", "use_case", str(use_case.id), after=until)
            key = await self._keys.current(tx, now)
        return SignedLink(signed_address(self._base_url, link, expires_at, key), expires_at)

    async def verified(self, pairs: Pairs) -> Link:
        """What the parameters of an address name, once they are known to be signed.

        Raises `LinkInvalid`, `LinkExpired`, `MissingParameter` and `InvalidInput`.
        """
        link = link_from(pairs)
        async with self._database.reading(link.org_id) as tx:
            keys = await self._keys.accepted(tx)
        try:
            check_signature(pairs, keys, self._clock())
        except LinkExpired as error:
            error.link = link
            raise
        return link

    async def rotate_key(self, org_id: str, *, keep_links: bool) -> None:
        """Sign with a new key from now on. Links that were made before stay good until they
        expire, or end at once.
        """
        async with self._database.organisation(org_id) as tx:
            await self._keys.rotate(tx, self._clock(), keep_links=keep_links)

    async def file_proxy(self, link: Link) -> tuple[UseCase, Configuration]:
        """The use case that a link names, which has all the parameters that it needs.

        Raises `UseCaseNotFound`, `FileProxyDisabled`, `MissingParameter`, and
        `InvalidConfiguration` for a configuration from before it would have been refused.
        """
        use_case = await self._find(link)
        if not use_case.enabled:
            raise FileProxyDisabled(
                f"The file proxy {use_case.name!r} is switched off. Enable the use case."
            )
        configuration = read_configuration(use_case.configuration or {})
        given = {name: value for name, value in link.pairs() if value}
        for name in configuration.required_params:
            if name not in given:
                raise MissingParameter(
                    f"{name}: is missing. The file proxy {use_case.name!r} needs it."
                )
        return use_case, configuration

    async def _find(self, link: Link) -> UseCase:
        integration_id = parse_uuid(link.integration_id)
        found: UseCase | None = None
        if integration_id is not None:
            found = await self._integrations.find_use_case(
                link.org_id, integration_id, _id_of(link), link.use_case_slug
            )
        if found is None or found.type is not UseCaseType.FILE_PROXY:
            raise UseCaseNotFound(
                "There is no such file proxy. GET .../use-cases lists those of an integration."
            )
        return found


def _id_of(link: Link) -> UUID | None:
    return parse_uuid(link.use_case_id) if link.use_case_id else None


def _to_milliseconds(moment: datetime) -> datetime:
    """As the address says it."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
