"""An OIDC issuer on this machine, real over HTTP, that rotates, fails and stalls as tests want."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

import uvicorn
from joserfc import jws
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

AUDIENCE = "tieline"


class LocalIssuer:
    """Publishes `keys` under its address; `token` signs with any of them."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {}
        self.fetches: Counter[str] = Counter()
        self.failing = False
        self.stalling = False
        self.discovery: Any = None  # answered in place of the truth
        self.jwks: dict[str, Any] | None = None  # answered in place of `keys`
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.publish("rsa", RSAKey.generate_key(2048))
        self.publish("ec", ECKey.generate_key("P-256"))
        self.publish("ed", OKPKey.generate_key("Ed25519"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/realms/test"

    def publish(self, key_id: str, key: Any) -> None:
        self.keys[key_id] = key

    def withdraw(self, key_id: str) -> Any:
        return self.keys.pop(key_id)

    def claims(self, **different: Any) -> dict[str, Any]:
        """Claims of a person's token; those that are None are left out."""
        now = int(time.time())
        usual = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "4711",
            "exp": now + 300,
            "iat": now,
            "email": "kim@example.org",
            "name": "Kim",
        }
        return {name: value for name, value in (usual | different).items() if value is not None}

    def token(
        self,
        key_id: str | None = "rsa",
        algorithm: str = "RS256",
        *,
        key: Any = None,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A signed token."""
        named = {"kid": key_id} if key_id is not None else {}
        return sign(
            {"alg": algorithm, **named, **(header or {})},
            self.claims(**claims),
            key or self.keys[key_id or "rsa"],
        )

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        path = scope["path"]
        self.fetches[path.rsplit("/", 1)[1]] += 1
        while self.stalling:
            await asyncio.sleep(0.02)
        status, content = (500, {}) if self.failing else self._answer(path)
        body = json.dumps(content).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _answer(self, path: str) -> tuple[int, Any]:
        if path == "/realms/test/.well-known/openid-configuration":
            truth = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
            return 200, truth if self.discovery is None else self.discovery
        if path == "/realms/test/keys":
            published = [
                {**key.as_dict(private=False), "kid": key_id, "use": "sig"}
                for key_id, key in self.keys.items()
                if not isinstance(key, OctKey)
            ]
            return 200, self.jwks if self.jwks is not None else {"keys": published}
        return 404, {}

    @contextlib.contextmanager
    def running(self) -> Iterator[LocalIssuer]:
        """Serve on a free port from a thread of its own."""
        server = uvicorn.Server(
            uvicorn.Config(self, host="127.0.0.1", port=0, log_config=None, lifespan="off")
        )
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive()
            thread.join(0.01)
        self.port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.should_exit = server.force_exit = True
            thread.join(10)


def sign(header: dict[str, Any], claims: dict[str, Any], key: Any) -> str:
    """A token with exactly this header and these claims."""
    registry = jws.JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
    registry.max_payload_length = registry.max_header_length = 1_000_000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.serialize_compact(header, json.dumps(claims), key, registry=registry)


def unsigned(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    """The text of a token with any signature."""

    def part(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).decode().rstrip("=")

    return ".".join(
        (part(json.dumps(header).encode()), part(json.dumps(claims).encode()), part(signature))
    )
