"""The published SDK as a client: calls go through Node.js, answers are checked at once."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from contract_definitions import Definition

from tieline.kit import json

DEFINITION_FILES = {
    "erpIntegration": "erp-integration.json",
    "entity": "entity.json",
    "metering": "metering.json",
    "environments": "environments.json",
    "accessToken": "access-token.json",
    "webhooks": "webhooks.json",
    "eventCatalog": "event-catalog.json",
}


@dataclass(frozen=True)
class Reply:
    """An answer that the definition allows."""

    status: int
    data: Any


class Sdk:
    """A process that holds the SDK, bound to one server."""

    def __init__(self, command: list[str], directory: Path, definitions: Path, key: str) -> None:
        self.key = key
        self.definitions = {
            api: Definition(api, definitions / file) for api, file in DEFINITION_FILES.items()
        }
        self._process = subprocess.Popen(
            command, cwd=directory, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def erp(self, operation: str, parameters: Any = None, data: Any = None, **more: Any) -> Reply:
        """Call an operation of the ERP integration API."""
        return self.call("erpIntegration", operation, parameters, data, **more)

    def entity(
        self, operation: str, parameters: Any = None, data: Any = None, **more: Any
    ) -> Reply:
        """Call an operation of the entity API."""
        return self.call("entity", operation, parameters, data, **more)

    def metering(
        self, operation: str, parameters: Any = None, data: Any = None, **more: Any
    ) -> Reply:
        """Call an operation of the metering API."""
        return self.call("metering", operation, parameters, data, **more)

    def environments(
        self, operation: str, parameters: Any = None, data: Any = None, **more: Any
    ) -> Reply:
        """Call an operation of the environments API."""
        return self.call("environments", operation, parameters, data, **more)

    def access_token(
        self, operation: str, parameters: Any = None, data: Any = None, **more: Any
    ) -> Reply:
        """Call an operation of the access token API."""
        return self.call("accessToken", operation, parameters, data, **more)

    def webhooks(
        self, operation: str, parameters: Any = None, data: Any = None, **more: Any
    ) -> Reply:
        """Call an operation of the webhook API."""
        return self.call("webhooks", operation, parameters, data, **more)

    def event_catalog(
        self, operation: str, parameters: Any = None, data: Any = None, **more: Any
    ) -> Reply:
        """Call an operation of the event catalogue."""
        return self.call("eventCatalog", operation, parameters, data, **more)

    def call(
        self,
        api: str,
        operation: str,
        parameters: Mapping[str, Any] | None,
        data: Any,
        *,
        expect: int = 200,
        token: str | None = "",
        undocumented: bool = False,
    ) -> Reply:
        """Call, and check status and body. `undocumented` errors only need the common form."""
        definition = self.definitions[api]
        answer = self._ask(
            {
                "api": api,
                "operation": operation,
                "parameters": parameters,
                "data": data,
                "token": self.key if token == "" else token,
            }
        )
        assert "failure" not in answer, answer
        reply = Reply(answer["status"], answer["data"])
        assert reply.status == expect, reply
        faults = (
            definition.error_faults(reply.data)
            if undocumented
            else definition.faults(operation, reply.status, reply.data)
        )
        if faults:
            pytest.fail(
                f"{operation} answered {reply.status} against its definition: {faults}\n"
                f"{json.dumps_str(reply.data)[:2000]}"
            )
        return reply

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        with contextlib.suppress(BrokenPipeError):
            stdin.write(json.dumps(question) + b"\n")
            stdin.flush()
        line = stdout.readline()
        assert line, f"the driver ended with exit code {self._process.wait(10)}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
