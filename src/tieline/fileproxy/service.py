"""Fetches files: runs the steps behind a link, finds the file, and writes down what became."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

from tieline.database import Database
from tieline.egress.exchanges import StreamedAnswer
from tieline.fileproxy.downloads import Downloads
from tieline.fileproxy.errors import TooManyDownloads
from tieline.fileproxy.extraction import Extraction, Found
from tieline.fileproxy.link_service import FileLinks
from tieline.fileproxy.models import Caller, Ending, File, Link
from tieline.fileproxy.progress import Progress
from tieline.fileproxy.steps import Answers, Reach, StepRunner
from tieline.kit.errors import TielineError
from tieline.kit.time import Clock, utc_now
from tieline.mapping.mapper import Mapper
from tieline.secrets.environments.service import EnvironmentService
from tieline.secrets.errors import UnresolvedVariable

MOST_AT_ONCE = 8  # downloads of one organisation in this process

_PIECE = 256_000  # bytes
_LENGTH = re.compile(r"[0-9]{1,15}")


class FileProxy:
    """Files from all organisations' document systems."""

    def __init__(
        self,
        database: Database,
        links: FileLinks,
        environments: EnvironmentService,
        mapper: Mapper,
        reach: Reach,
        downloads: Downloads,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._links = links
        self._environments = environments
        self._extraction = Extraction(mapper)
        self._reach = reach
        self._downloads = downloads
        self._clock = clock
        self._under_way: Counter[str] = Counter()

    async def open(self, link: Link, caller: Caller) -> File:
        """The file behind a link that was verified. Whoever gets it must close it.

        However it ends, it will be in the list of downloads. Raises what `FileLinks.file_proxy`
        raises, `TooManyDownloads`, `UnresolvedVariable` and the classes of `FileProxyError`.
        """
        progress = Progress(link, caller, self._clock())
        held = contextlib.AsyncExitStack()
        try:
            held.enter_context(self._one_of_few(link.org_id))
            found, answers = await self._find(link, progress, held)
        except Exception as error:
            await held.aclose()
            await self._end(progress, Ending(0, error))
            raise
        except BaseException:
            await held.aclose()
            raise
        progress.filename, progress.content_type = found.filename, found.content_type

        async def close(ending: Ending) -> None:
            await held.aclose()
            await self._end(progress, ending)

        return _file(found, answers, close)

    async def note_refusal(self, link: Link, caller: Caller, error: TielineError) -> None:
        """Put into the list of downloads that a link, whose signature was right, was refused."""
        await self._end(Progress(link, caller, self._clock()), Ending(0, error))

    async def _find(
        self, link: Link, progress: Progress, held: contextlib.AsyncExitStack
    ) -> tuple[Found, Answers]:
        use_case, configuration = await self._links.file_proxy(link)
        progress.use_case_id = use_case.id
        variables = await self._values_of(link.org_id, configuration.variables())
        progress.secrets = [*variables.values()]
        params = dict(link.pairs())
        runner = StepRunner(self._reach, link.org_id, configuration, params, variables, held)
        answers = await runner.run()
        found = await self._extraction.find(configuration.response, params, answers, variables)
        return found, answers

    async def _values_of(self, org_id: str, names: Sequence[str]) -> Mapping[str, str]:
        if not names:
            return {}
        async with self._database.reading(org_id) as tx:
            values = await self._environments.values_of(tx, names)
        for name in names:
            if name not in values:
                raise UnresolvedVariable(
                    f"The environment variable {name!r} does not exist or has no value. Set it at "
                    "/environments, or correct the configuration.",
                    variable=name,
                )
        return values

    async def _end(self, progress: Progress, ending: Ending) -> None:
        download = progress.download(ending)
        if download is not None:
            await self._downloads.write(download)

    @contextlib.contextmanager
    def _one_of_few(self, org_id: str) -> Iterator[None]:
        if self._under_way[org_id] >= MOST_AT_ONCE:
            raise TooManyDownloads(
                f"{MOST_AT_ONCE} files of this organisation are on their way already. Try again "
                "in a moment.",
                retry_after=2,
            )
        self._under_way[org_id] += 1
        try:
            yield
        finally:
            self._under_way[org_id] -= 1
            if not self._under_way[org_id]:
                del self._under_way[org_id]


def _file(found: Found, answers: Answers, close: Callable[[Ending], Awaitable[None]]) -> File:
    stream = answers.stream
    if found.content is None and stream is not None:
        size, chunks = _announced(stream), stream.pieces()
    else:
        content = found.content or b""
        size, chunks = len(content), _pieces(content)
    return File(found.filename, found.content_type, size, chunks, close)


def _announced(stream: StreamedAnswer) -> int | None:
    """How long the file will be: what the server says, unless that is of a compressed form."""
    length = stream.header("content-length") or ""
    encoded = (stream.header("content-encoding") or "identity").strip().lower() != "identity"
    return None if encoded or not _LENGTH.fullmatch(length) else int(length)


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), _PIECE):
        yield content[start : start + _PIECE]
