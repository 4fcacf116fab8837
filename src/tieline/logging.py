"""Logging: one line per event on standard error, without secrets, from every library alike.

Tieline's own modules log through structlog; what libraries log through the standard module takes
the same way out. Values bound to the context (`request_id`, `org_id`, `job`) appear on each line.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

from tieline.kit.secrecy import hide_secrets

REDACTED = "[redacted]"
_MAX_DEPTH = 8

# Broader than `names_a_secret`: a line that hides too much does no harm.
_SECRET_NAMES = re.compile(
    r"authorization|passw(or)?d|passphrase|secret|token|api_?key|private_?key|credential|cookie",
    re.IGNORECASE,
)

# Libraries whose everyday messages say nothing to whoever runs Tieline.
_QUIET = ("pgqueuer", "alembic", "uvicorn", "asyncio", "httpx", "httpcore", "asyncpg")
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logging(
    level: Literal["debug", "info", "warning", "error"],
    form: Literal["auto", "json", "console"],
    stream: TextIO | None = None,
) -> None:
    """Set up logging for the whole process; may be called again.

    `form` is one of `json`, `console` and `auto`, which means `console` on a terminal. `stream`
    is standard error unless given.
    """
    target = stream or sys.stderr
    least = _LEVELS[level]
    shared = _shared_processors()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                _renderer(form, target),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(least)
    for name in _QUIET:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(max(least, logging.WARNING))


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """The structlog processor that hides keys, passwords and fields named like secrets."""
    return dict(_without_secrets(event, 0))


def _shared_processors() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # Turned into text here and not by the renderer, so that tracebacks are redacted too.
        structlog.processors.format_exc_info,
    ]


def _renderer(form: str, stream: TextIO) -> Processor:
    terminal = stream.isatty()
    if form == "console" or (form == "auto" and terminal):
        return structlog.dev.ConsoleRenderer(
            colors=terminal, exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def _without_secrets(event: Mapping[str, Any], depth: int) -> MutableMapping[str, Any]:
    return {
        name: REDACTED if value and _names_secret(name) else _clean(value, depth + 1)
        for name, value in event.items()
    }


def _names_secret(name: object) -> bool:
    return isinstance(name, str) and _SECRET_NAMES.search(name) is not None


def _clean(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return hide_secrets(value, REDACTED)
    if depth > _MAX_DEPTH:
        return "..."
    if isinstance(value, Mapping):
        return _without_secrets(value, depth)
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item, depth + 1) for item in value]
    return hide_secrets(str(value), REDACTED)
