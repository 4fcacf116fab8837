"""Settings: where each comes from, what it means, and a clear refusal of a wrong one.

A setting is read from the environment (`TIELINE_PORT`) or from an optional TOML file
(`port = 8080`) named by `TIELINE_CONFIG` or `--config`; the environment wins. Unknown names are
refused, so that a typing error does not go unnoticed. `docs/settings.md` describes every setting.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tieline.kit.errors import TielineError

PREFIX = "TIELINE_"


class InvalidSettings(TielineError):
    """A setting is wrong. Correct it in the environment or in the settings file."""

    code = "INVALID_SETTINGS"


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "tieline"


class Settings(BaseModel):
    """All settings with their defaults. Sizes are bytes; the names tell units of time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field("127.0.0.1", description="Address on which the server listens.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#][^\s?#]*$",
        description="Address under which others reach the server; else made of host and port.",
    )
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Directory of the embedded database and of local state.",
    )
    database_url: str | None = Field(
        None,
        pattern=r"^postgres(ql)?://",
        description="External PostgreSQL (16 or newer); without it the embedded server is used.",
    )
    database_pool_size: int = Field(
        12, ge=4, le=200, description="Database connections that one process may hold."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severity that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`json` for machines, `console` for people; `auto` asks the terminal."
    )
    max_request_bytes: int = Field(
        10_000_000, ge=10_000, le=1_000_000_000, description="Largest request body; above it 413."
    )
    max_json_depth: int = Field(
        100, ge=10, le=100, description="Deepest nesting of a JSON body or payload."
    )
    max_events_per_request: int = Field(
        100, ge=1, le=10_000, description="Events that one ingest request may carry."
    )
    max_payload_bytes: int = Field(
        2_000_000, ge=1_000, le=10_000_000, description="Largest payload of one event."
    )
    deduplication_hours: int = Field(
        24, ge=1, le=24 * 31, description="How long a deduplication id is remembered."
    )
    batch_size: int = Field(
        1_000, ge=1, le=5_000, description="Events of one integration applied in one transaction."
    )
    sandbox_processes: int = Field(
        1, ge=1, le=64, description="Processes that evaluate expressions, per worker process."
    )
    sandbox_memory_bytes: int = Field(
        1 << 30, ge=128 << 20, description="Address space of one sandbox process."
    )
    expression_seconds: float = Field(
        0.5, gt=0, le=30, description="Longest evaluation of one expression."
    )
    event_seconds: float = Field(
        1.0, gt=0, le=60, description="Longest mapping of one event before its sandbox is replaced."
    )
    sample_seconds: float = Field(
        5.0, gt=0, le=300, description="Longest run of all samples of the use cases being saved."
    )
    max_expression_length: int = Field(
        65_536,
        ge=1_000,
        le=1_000_000,
        description="Longest source of an expression, in characters.",
    )
    job_heartbeat_seconds: float = Field(
        10.0,
        ge=1,
        le=3600,
        description="A job whose worker gave no sign of life for this long is taken over.",
    )
    sweep_seconds: float = Field(
        5.0, ge=0.2, le=3600, description="How often accepted rows without a job are looked for."
    )
    shutdown_seconds: float = Field(
        20.0, ge=0, le=600, description="How long a stopping process may finish its work."
    )
    event_retention_days: int = Field(
        14, ge=1, le=3650, description="How long accepted payloads are kept."
    )
    outcome_retention_days: int = Field(
        90, ge=1, le=3650, description="How long outcomes of events are kept."
    )
    access_log_retention_days: int = Field(
        30, ge=1, le=3650, description="How long the log of API calls is kept."
    )
    activity_retention_days: int = Field(
        365, ge=1, le=36500, description="How long activities and entity operations are kept."
    )
    recycle_bin_days: int = Field(
        30, ge=1, le=3650, description="How long soft-deleted entities can be restored."
    )
    idempotency_hours: int = Field(
        24, ge=1, le=24 * 31, description="How long the answer to an `Idempotency-Key` is kept."
    )

    @property
    def public_address(self) -> str:
        """The address under which others reach the server, without a slash at its end."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def load_settings(
    environment: Mapping[str, str], *, config: Path | None = None, **overrides: Any
) -> Settings:
    """Settings from file, environment and command line, the later winning over the earlier.

    Overrides that are None are left out. Raises `InvalidSettings`, naming each wrong setting and
    where it was set.
    """
    named = config or (
        Path(environment[f"{PREFIX}CONFIG"]) if environment.get(f"{PREFIX}CONFIG") else None
    )
    values = _from_file(named) if named else {}
    origins = dict.fromkeys(values, f"in {named}")
    for name, text in environment.items():
        # An empty variable is how many tools say that it is not set.
        if text and name.upper().startswith(PREFIX) and name != f"{PREFIX}CONFIG":
            key = name[len(PREFIX) :].lower()
            values[key] = text
            origins[key] = "in the environment"
    for key, value in overrides.items():
        if value is not None:
            values[key] = value
            origins[key] = "on the command line"
    try:
        return Settings(**values)
    except ValidationError as error:
        raise InvalidSettings(_describe(error, origins)) from None


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InvalidSettings(
            f"{PREFIX}CONFIG: cannot read {path} ({error.strerror}). Name an existing TOML file."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{PREFIX}CONFIG: {path} is not valid TOML: {error}") from None


def _describe(error: ValidationError, origins: Mapping[str, str]) -> str:
    lines = []
    for fault in error.errors():
        key = str(fault["loc"][0])
        origin = origins.get(key, "by default")
        name = f"{PREFIX}{key.upper()}"
        if fault["type"] == "extra_forbidden":
            lines.append(
                f"{name} (set {origin}) is no setting. See docs/settings.md for all names."
            )
        elif key == "database_url":
            # The value may hold a password and is therefore never repeated.
            lines.append(f"{name} (set {origin}) must start with postgresql://")
        else:
            lines.append(f"{name} (set {origin}) is {fault['input']!r}: {fault['msg']}.")
    return "\n".join(lines)
