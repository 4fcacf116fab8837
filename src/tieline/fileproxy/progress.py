"""What is known of a download while it goes on, and what is written down of it in the end."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tieline.egress.errors import EgressError
from tieline.fileproxy.errors import ExternalApiError, FileProxyError
from tieline.fileproxy.excerpts import without_secrets
from tieline.fileproxy.models import ABORTED, OK, Caller, Download, Ending, Link
from tieline.kit.errors import TielineError
from tieline.kit.ids import new_uuid, parse_uuid
from tieline.kit.secrecy import names_a_secret

_HIDDEN = "[hidden]"
_LONGEST_PARAM = 500
_LONGEST_MESSAGE = 2_000


@dataclass
class Progress:
    """A download from the moment when its link was verified."""

    link: Link
    caller: Caller
    at: datetime
    use_case_id: UUID | None = None
    filename: str | None = None
    content_type: str | None = None
    secrets: Iterable[str] = field(default=(), repr=False)
    _started: float = field(default_factory=time.monotonic)

    def download(self, ending: Ending) -> Download | None:
        """The entry of the list; None for a link that names no integration there could be."""
        integration_id = parse_uuid(self.link.integration_id)
        if integration_id is None:
            return None
        code, message = _why(ending)
        details = ending.error.details if isinstance(ending.error, FileProxyError) else {}
        return Download(
            org_id=self.link.org_id,
            integration_id=integration_id,
            id=new_uuid(),
            at=self.at,
            use_case_id=self.use_case_id,
            use_case_slug=self.link.use_case_slug,
            params={name: self._param(name, value) for name, value in self.link.params},
            code=code,
            message=self._shown(message, _LONGEST_MESSAGE),
            step=details.get("step"),
            upstream_status=details.get("upstream_status"),
            filename=self._shown(self.filename),
            content_type=self._shown(self.content_type),
            bytes=ending.sent,
            milliseconds=round((time.monotonic() - self._started) * 1000),
            request_id=self.caller.request_id,
            source_ip=self.caller.source_ip,
        )

    def _shown(self, text: str | None, longest: int = _LONGEST_PARAM) -> str | None:
        return without_secrets(text, self.secrets)[:longest] if text else None

    def _param(self, name: str, value: str) -> str:
        return _HIDDEN if names_a_secret(name) else self._shown(value) or ""


def _why(ending: Ending) -> tuple[str, str | None]:
    match ending.error:
        case None if ending.receiver_left:
            return ABORTED, f"The receiver went away after {ending.sent:,} bytes."
        case None:
            return OK, None
        case FileProxyError() as error:
            return error.code, error.detail
        case EgressError() as error:  # while the file was on its way
            return ExternalApiError.code, f"After {ending.sent:,} bytes: {error.message}"
        case TielineError() as error:
            return error.code, error.message
        case TimeoutError():
            return ABORTED, f"The receiver took too long: {ending.sent:,} bytes until then."
        case _:
            return TielineError.code, "Something went wrong inside Tieline. Its log says more."
