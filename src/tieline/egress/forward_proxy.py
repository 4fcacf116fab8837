"""The forward proxy of the installation, through which those requests go that ask for it.

To the proxy every request is a tunnel (`CONNECT`), those over http too: it sees host and port, and
neither paths nor headers nor bodies; and there is one way to say a request, not two.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from pathlib import Path

from tieline.egress.connection import Connection
from tieline.egress.errors import ProxyFailed, RequestRefused
from tieline.egress.targets import Target
from tieline.settings import InvalidSettings, Settings

_CREDENTIALS = re.compile(r"[\x20-\x39\x3b-\x7e]*:[\x20-\x7e]*")  # a user without a colon
_WORDS = {
    403: "it does not let requests go there",
    407: "it wants other credentials. Set TIELINE_EGRESS_PROXY_CREDENTIALS",
    502: "it cannot reach the server",
    503: "it cannot reach the server",
    504: "the server does not answer it in time",
}


@dataclass(frozen=True)
class ForwardProxy:
    """Where the proxy is, and what it is told about us; printed, it shows no credentials."""

    target: Target
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def configured(cls, settings: Settings) -> ForwardProxy | None:
        """The proxy that the settings name, if any. Raises `InvalidSettings`."""
        if settings.egress_proxy is None:
            return None
        try:
            target = Target.parse(settings.egress_proxy)
        except RequestRefused as error:
            raise InvalidSettings(f"TIELINE_EGRESS_PROXY: {error.message}") from None
        credentials = _credentials(settings)
        if credentials is None:
            return cls(target)
        if not _CREDENTIALS.fullmatch(credentials):
            raise InvalidSettings(
                "TIELINE_EGRESS_PROXY_CREDENTIALS must be written like user:password."
            )
        encoded = base64.b64encode(credentials.encode()).decode()
        return cls(target, f"Basic {encoded}")

    @property
    def place(self) -> str:
        """Host and port, as messages name them."""
        return self.target.place

    async def open_tunnel(self, connection: Connection, target: Target) -> None:
        """Have the proxy connect to the target. Raises `ProxyFailed` and other `EgressError`."""
        host = f"[{target.host}]" if ":" in target.host else target.host
        place = f"{host}:{target.port}"
        lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
        if self.authorization is not None:
            lines.append(f"Proxy-Authorization: {self.authorization}")
        head = "\r\n".join([*lines, "", ""]).encode("ascii")
        answer = connection.write("CONNECT", head, b"")
        await connection.until_ready(answer)
        if not 200 <= answer.status < 300:
            reason = _WORDS.get(answer.status, "it gives no other reason")
            raise ProxyFailed(
                f"The forward proxy answers {answer.status} to a tunnel to {target.place}: "
                f"{reason}."
            )
        if answer.surplus:  # nobody may speak in the tunnel before we do
            raise ProxyFailed(
                f"The forward proxy sends more than it was asked for a tunnel to {target.place}. "
                "Check it."
            )


def _credentials(settings: Settings) -> str | None:
    if settings.egress_proxy_credentials is not None:
        return settings.egress_proxy_credentials.get_secret_value()
    path: Path | None = settings.egress_proxy_credentials_file
    if path is None:
        return None
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise InvalidSettings(
            f"TIELINE_EGRESS_PROXY_CREDENTIALS_FILE: cannot read {path}. Name a text file that "
            "holds user:password."
        ) from None
