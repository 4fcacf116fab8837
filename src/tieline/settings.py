"""Settings: where each comes from, what it means, and a clear refusal of a wrong one.

A setting is read from the environment (`TIELINE_PORT`) or from an optional TOML file
(`port = 8080`) named by `TIELINE_CONFIG` or `--config`; the environment wins. Unknown names are
refused, so that a typing error does not go unnoticed. `docs/settings.md` describes every setting.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from tieline.kit.errors import TielineError

PREFIX = "TIELINE_"
_MOUNT = r"^[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*$"
# Faults in these are told without the value, which may hold a password or be one.
_NEVER_REPEATED = {
    "database_url": "must start with postgresql://",
    "vault_url": "must be an http or https address, without a path and without a password.",
    "egress_proxy": "must be an http or https address, without a path and without a password.",
    **dict.fromkeys(
        ("master_key", "vault_token", "vault_secret_id", "egress_proxy_credentials"),
        "must be a text.",
    ),
}


class InvalidSettings(TielineError):
    """A setting is wrong. Correct it in the environment or in the settings file."""

    code = "INVALID_SETTINGS"


def _default_data_dir() -> Path:
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "tieline"


def _listed(value: Any) -> Any:
    """A list as the environment writes it: `a, b`."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


def _json_listed(value: Any) -> Any:
    """A list as the environment writes it: JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ValueError("is not valid JSON. Write a list of objects") from None


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]


def _network(text: str) -> str:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither an address nor a network") from None
    return text


Networks = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], BeforeValidator(_listed)]
# Algorithms that check a signature by a secret both sides have are none for tokens of others.
Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"
]


class OidcIssuer(BaseModel):
    """Somebody whose tokens are accepted, and what they mean here. docs/oidc.md explains each."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    issuer: str = Field(pattern=r"^https?://[^\s?#@]+$", max_length=500)
    audience: Texts = Field(min_length=1)
    organisation: str | None = Field(None, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$")
    organisation_claim: str | None = Field(None, min_length=1)
    roles_claim: str | None = Field(None, min_length=1)
    role_mapping: dict[str, str] = Field(default_factory=dict)
    default_roles: Texts = ()
    client_id_claim: Texts = ("client_id", "azp")
    machine_claim: str | None = Field(None, min_length=1)
    clock_skew_seconds: float = Field(60.0, ge=0, le=600)
    algorithms: tuple[Algorithm, ...] = Field(("RS256", "PS256", "ES256", "EdDSA"), min_length=1)

    @model_validator(mode="after")
    def _one_way_to_an_organisation(self) -> OidcIssuer:
        if (self.organisation is None) == (self.organisation_claim is None):
            raise ValueError("needs either organisation or organisation_claim")
        return self


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
    trusted_proxies: Networks = Field(
        ("127.0.0.1", "::1"),
        description="Addresses and networks of proxies that may say where a call comes from.",
    )
    organisation_rpm: int | None = Field(
        None, ge=1, le=1_000_000_000, description="Requests per minute of each organisation."
    )
    failed_logins_per_minute: int = Field(
        60, ge=1, le=1_000_000, description="Unknown keys and tokens that one address may send."
    )
    data_dir: Path = Field(
        default_factory=_default_data_dir,
        description="Directory of the embedded database and of local state.",
    )
    environment: str = Field(
        "prod",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
        description="What this installation is, such as `prod` or `test`; in the access log.",
    )
    database_url: str | None = Field(
        None,
        pattern=r"^postgres(ql)?://",
        description="External PostgreSQL (16 or newer); without it the embedded server is used.",
    )
    database_pool_size: int = Field(
        12, ge=4, le=200, description="Database connections that one process may hold."
    )
    secret_backend: Literal["table", "vault"] = Field(
        "table", description="Where secrets are kept: sealed in the database, or in a vault."
    )
    master_key: SecretStr | None = Field(
        None, description="The key, 32 bytes in base64, that secrets in the database depend on."
    )
    master_key_file: Path | None = Field(
        None, description="A file with that key; by default `master.key` in the data directory."
    )
    vault_url: str | None = Field(
        None, pattern=r"^https?://[^\s/?#@]+$", description="Address of the vault, without a path."
    )
    vault_token: SecretStr | None = Field(
        None, description="The token with which Tieline calls the vault."
    )
    vault_token_file: Path | None = Field(
        None, description="A file with that token, which may change while Tieline runs."
    )
    vault_role_id: str | None = Field(
        None, description="The role with which Tieline gets itself tokens (AppRole)."
    )
    vault_secret_id: SecretStr | None = Field(None, description="The secret of that role.")
    vault_secret_id_file: Path | None = Field(
        None, description="A file with the secret of that role."
    )
    vault_approle_mount: str = Field(
        "approle", pattern=_MOUNT, description="Where the vault's AppRole method is mounted."
    )
    vault_mount: str = Field(
        "secret", pattern=_MOUNT, description="Where the vault's KV engine (version 2) is mounted."
    )
    vault_prefix: str = Field(
        "tieline", pattern=_MOUNT, description="Below which all secrets of Tieline are."
    )
    vault_namespace: str | None = Field(None, description="The vault's namespace, if it has them.")
    vault_ca_file: Path | None = Field(
        None, description="Certificates to trust in place of the system's when calling the vault."
    )
    vault_timeout_seconds: float = Field(
        5.0, gt=0, le=60, description="Longest wait for an answer of the vault."
    )
    oidc_issuers: Annotated[tuple[OidcIssuer, ...], BeforeValidator(_json_listed)] = Field(
        (), description="OIDC issuers whose tokens are accepted; a list of objects."
    )
    egress_allow: Texts = Field(
        (), description="Hosts and networks inside that requests may go to, besides public ones."
    )
    egress_ca_file: Path | None = Field(
        None, description="PEM file with certificate authorities to trust besides the usual ones."
    )
    egress_proxy: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#@]+$",
        description="Forward proxy for requests that ask for one, such as `http://proxy:3128`.",
    )
    egress_proxy_credentials: SecretStr | None = Field(
        None, description="What the proxy wants to know, as `user:password`."
    )
    egress_proxy_credentials_file: Path | None = Field(
        None, description="A file with those credentials."
    )
    file_proxy_seconds: float = Field(
        30.0, gt=0, le=600, description="Longest time of one step of a file proxy."
    )
    file_proxy_max_bytes: int = Field(
        100_000_000, ge=1_000, description="Largest file that a file proxy passes on."
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
    delivery_concurrency: int = Field(
        256,
        ge=8,
        le=10_000,
        description="Requests to webhooks that one worker process has under way at most.",
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
    pull_retention_days: int = Field(
        14,
        ge=1,
        le=3650,
        description="Days after which a message that nobody pulls is a dead letter.",
    )
    delivery_retention_days: int = Field(
        28, ge=1, le=3650, description="How long deliveries and their attempts are kept."
    )
    event_history_retention_days: int = Field(
        28, ge=1, le=3650, description="How long the events of the catalogue are kept."
    )
    outcome_retention_days: int = Field(
        90, ge=1, le=3650, description="How long outcomes of events are kept."
    )
    access_log_retention_days: int = Field(
        30, ge=1, le=3650, description="How long the log of API calls is kept."
    )
    audit_retention_days: int = Field(
        365, ge=1, le=36500, description="How long the audit log is kept."
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
    def secrets_in_vault(self) -> bool:
        """Whether a vault keeps the secrets, and the database none."""
        return self.secret_backend == "vault"  # noqa: S105 - no password, a choice

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
        inner = ".".join(map(str, fault["loc"][1:]))
        name = f"{PREFIX}{key.upper()}"
        reason = str(fault["msg"]).removeprefix("Value error, ").rstrip(".")
        if inner:
            lines.append(f"{name} (set {origin}): {inner}: {reason}.")
        elif fault["type"] == "extra_forbidden":
            lines.append(
                f"{name} (set {origin}) is no setting. See docs/settings.md for all names."
            )
        elif key in _NEVER_REPEATED:
            lines.append(f"{name} (set {origin}) {_NEVER_REPEATED[key]}")
        else:
            lines.append(f"{name} (set {origin}) is {fault['input']!r}: {reason}.")
    return "\n".join(lines)
