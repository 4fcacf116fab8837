"""Why a file could not be fetched.

A link may be in anybody's hands: `message` is what its holder is told, `detail` what stands in the
list of downloads for whoever looks after the integration.
"""

from __future__ import annotations

from typing import Any

from tieline.egress.errors import TokenFailure
from tieline.fileproxy.models import Link
from tieline.kit.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    TielineError,
    TooManyRequests,
)


class LinkInvalid(Forbidden):
    """This link is not signed, not as it was signed, or out of date. Ask for a new one."""

    code = "SIGNATURE_VERIFICATION_FAILED"


class LinkExpired(LinkInvalid):
    """This link was good, and is out of date. Ask for a new one."""

    link: Link | None = None  # what it names, once that is known


class MissingParameter(InvalidInput):
    """The link lacks a parameter that the file proxy needs. Add it and sign the link again."""

    code = "MISSING_REQUIRED_PARAM"


class NoDownloadAddress(InvalidInput):
    """This is no download address of Tieline. Send one that a file_proxy_url field has made."""

    code = "NO_DOWNLOAD_ADDRESS"


class FileProxyDisabled(Conflict):
    """The file proxy use case is switched off. Enable it to fetch files again."""

    code = "FILE_PROXY_DISABLED"


class TooManyDownloads(TooManyRequests):
    """As many files of this organisation as may be are on their way. Try again in a moment."""

    code = "TOO_MANY_DOWNLOADS"


class FileProxyError(TielineError):
    """The file could not be fetched. The list of downloads says more under the request id."""

    code = "FILE_PROXY_FAILED"
    http_status = 502

    def __init__(self, message: str | None = None, detail: str = "", **details: Any) -> None:
        super().__init__(message, **details)
        self.detail = detail or self.message


class TokenNotIssued(FileProxyError):
    """The document system issues no access token. Check token address and credentials."""

    code = TokenFailure.code


class ExternalApiError(FileProxyError):
    """A step of the file proxy failed. The list of downloads says more under the request id."""

    code = "EXTERNAL_API_ERROR"


class FileExtractionFailed(FileProxyError):
    """The answers of the document system hold no file where the configuration looks for it."""

    code = "FILE_EXTRACTION_FAILED"
