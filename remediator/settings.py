"""`remediator.yaml`: the inventory of what exists, and so of all that a policy can reach.

Every key can be set by environment as `REMEDIATOR_…` with `__` between levels
(`REMEDIATOR_SERVER__PORT=9000`); the environment wins over the file.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, HttpUrl, WithJsonSchema, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from remediator.durations import Duration
from remediator.patterns import RE2
from remediator.secret_refs import SecretRef
from remediator.settings_access import Login, ProxyLogin, Tls
from remediator.settings_checks import SharedCheck
from remediator.settings_docker import Docker
from remediator.settings_fly import Fly
from remediator.settings_network import Network
from remediator.settings_retention import Retention
from remediator.settings_section import Argv, Bounds, EntryName, Section
from remediator.settings_slack import Slack
from remediator.settings_storm import StormLimits
from remediator.settings_telemetry import Telemetry
from remediator.settings_templates import FileTarget, Nginx

_SIZES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def _parse_size(value: Any) -> Any:
    if isinstance(value, str):
        for unit in ("KiB", "MiB", "GiB", "B"):
            number = value.removesuffix(unit)
            if number != value and number.isdecimal():
                return int(number) * _SIZES[unit]
        raise ValueError(f"{value!r} is not a size; write it like 512KiB or 16MiB")
    return value


SizeBytes = Annotated[
    int,
    BeforeValidator(_parse_size),
    Field(gt=0),
    WithJsonSchema({"type": ["integer", "string"], "examples": ["512KiB", "16MiB"]}),
]


class Mode(StrEnum):
    """What a policy, or the whole server, may do."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


class Role(StrEnum):
    """What a token may do."""

    WEBHOOK = "webhook"
    VIEWER = "viewer"
    APPROVER = "approver"
    OPERATOR = "operator"
    ADMIN = "admin"


class Server(Section):
    """Where the receiver listens, and what it accepts."""

    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8080, ge=0, le=65535, description="0 lets the system choose.")
    body_limit: SizeBytes = Field(default=16 * 2**20, description="Largest webhook body; more is 413.")
    header_timeout: Duration = Field(
        default=timedelta(seconds=10), description="For a slow client's headers."
    )
    body_timeout: Duration = Field(default=timedelta(seconds=10), description="For a slow client's body.")
    public_url: HttpUrl | None = Field(
        default=None, description="Where people reach it; notices link their run by it."
    )
    drain_timeout: Duration = Field(
        default=timedelta(seconds=20), description="On SIGTERM, for steps under way."
    )
    login: Login = Field(default=Login(), description="Sessions, and wrong tokens.")
    proxy_login: ProxyLogin | None = Field(default=None, description="Login by a proxy's word.")
    tls: Tls | None = Field(default=None, description="TLS; plain HTTP when left out.")


class StoreSettings(Section):
    """Where records are kept."""

    sqlite: Path = Field(default=Path("data/remediator.db"), description="The database file.")
    busy_timeout: Duration = Field(
        default=timedelta(seconds=1),
        description="How long a commit waits for a lock held by another process before 503.",
    )


class Source(Section):
    """One Alertmanager cluster. Its name is part of an alert's identity."""

    url: HttpUrl | None = Field(default=None, description="Its API, for polling and silences.")
    poll: Duration = Field(default=timedelta(minutes=1), description="Time between polls.")
    stale_after: Duration = Field(
        default=timedelta(hours=24),
        description="Without a url: no receipt for this long closes an episode.",
    )
    auth: Auth | None = Field(default=None, description="How to authenticate to its API.")


class Auth(Section):
    """How to authenticate to a service; secrets are references."""

    bearer: SecretRef | None = Field(default=None, description="A token.")
    basic: Basic | None = Field(default=None, description="A user name and a password.")


class Basic(Section):
    """A user name and a reference to its password."""

    username: str = Field(description="Written as it is.")
    password: SecretRef = Field(description="Never written here.")


class Prometheus(Section):
    """The Prometheus that answers guards and verifications."""

    url: HttpUrl = Field(description="Its address.")
    timeout: Duration = Field(default=timedelta(seconds=5), description="For one query.")
    auth: Auth | None = Field(default=None, description="How to authenticate to it.")


class Service(Section):
    """An HTTP service that policies may reach."""

    url: HttpUrl = Field(description="Its address; paths go below it.")
    auth: Auth | None = Field(default=None, description="How to authenticate to it.")
    timeout: Duration = Field(default=timedelta(seconds=10), description="For one request.")
    paths: tuple[str, ...] | None = Field(
        default=None,
        description='Allowed "METHOD /path" patterns, `*` at the end; all when absent.',
    )
    idempotent: tuple[str, ...] = Field(
        default=(), description='"METHOD /path" patterns that may safely be sent twice.'
    )


class Compose(Section):
    """A compose project, and the services that policies may restart or scale."""

    file: Path = Field(description="The compose file.")
    command: Argv = Field(default=("docker", "compose"), description="How compose is called here.")
    project: str | None = Field(default=None, description="The project's name, when it is not the folder's.")
    services: dict[EntryName, Bounds | None] = Field(
        default={}, description="What may be restarted; with bounds also scaled."
    )


class Command(Section):
    """A command that policies may run: an argv list, never a shell."""

    argv: Argv = Field(description="The command and its arguments.")
    timeout: Duration = Field(default=timedelta(seconds=20), description="Then it is killed.")
    cwd: Path | None = Field(default=None, description="The folder that it runs in.")
    env: dict[str, SecretRef] = Field(default={}, description="Extra environment, by reference.")
    params: tuple[EntryName, ...] = Field(
        default=(),
        description="Names that a step may pass; `{name}` in argv is replaced, one argument each.",
    )
    values: dict[EntryName, RE2] = Field(
        default={}, description="RE2 pattern that a parameter's whole value must match."
    )
    idempotent: bool = Field(default=False, description="Running it twice does no harm.")
    read_only: bool = Field(default=False, description="It only looks: fit for facts and checks.")


class Contact(Section):
    """Who is told: a channel by name."""

    channel: EntryName = Field(description="A name under `channels`.")
    language: Literal["en", "es"] = Field(default="en", description="English or Spanish.")


class Token(Section):
    """An API token by its digest (`remediator token new` prints both)."""

    name: EntryName = Field(description="Whose it is; the audit log goes by it.")
    sha256: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="The token's digest, in hex; left out for who comes by proxy or certificate.",
    )
    roles: tuple[Role, ...] = Field(description="What it may do.")
    groups: tuple[EntryName, ...] = Field(default=(), description="For a policy's `approval: {from}`.")


class Limits(Section):
    """Caps over everything."""

    concurrent_runs: int = Field(default=8, ge=1, description="Runs under way at once.")
    runs_per_minute: int = Field(default=30, ge=1, description="Runs that start within a minute.")
    storm: StormLimits = Field(default=StormLimits(), description="A storm of alerts.")


ModuleName = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$", max_length=200)]


class Settings(BaseSettings):
    """The whole of `remediator.yaml`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="REMEDIATOR_", env_nested_delimiter="__"
    )

    mode: Literal[Mode.SHADOW, Mode.ENFORCE] = Field(
        default=Mode.SHADOW, description="A ceiling over all policies; a first start never acts."
    )
    server: Server = Field(default=Server(), description="Where the receiver listens.")
    store: StoreSettings = Field(default=StoreSettings(), description="Where records are kept.")
    retention: Retention = Field(default=Retention(), description="How long what is over is kept.")
    policies: Path | None = Field(
        default=None, description="Folder of policies; the shipped ones when absent."
    )
    reports: Path = Field(default=Path("reports"), description="Folder that incident reports go into.")
    outcomes: Path = Field(
        default=Path("data/policy-outcomes.json"),
        description="File in which `--record` keeps what tests and backtests came to, for the pages.",
    )
    extensions: tuple[ModuleName, ...] = Field(
        default=(), description="Python modules whose actions and guards are added; see extending.md."
    )
    sources: dict[EntryName, Source] = Field(
        default={"default": Source()}, description="Alertmanager clusters that may post."
    )
    prometheus: Prometheus | None = Field(default=None, description="What answers PromQL.")
    services: dict[EntryName, Service] | None = Field(default=None, description="HTTP services.")
    docker: Docker | None = Field(default=None, description="Containers.")
    compose: Compose | None = Field(default=None, description="A compose project.")
    fly: Fly | None = Field(default=None, description="Fly.io apps.")
    network: Network | None = Field(default=None, description="What is looked for on the network.")
    commands: dict[EntryName, Command] | None = Field(default=None, description="Commands.")
    files: dict[EntryName, FileTarget] | None = Field(default=None, description="Files.")
    nginx: dict[EntryName, Nginx] | None = Field(default=None, description="Nginx servers.")
    checks: dict[EntryName, SharedCheck] = Field(
        default={}, description="Verifications that policies share by name, as `{check: NAME}`."
    )
    channels: dict[EntryName, tuple[SecretRef, ...]] = Field(
        default={}, description="Where news goes: references to notification URLs."
    )
    contacts: dict[EntryName, Contact] = Field(default={}, description="Who is told on escalation.")
    tokens: tuple[Token, ...] = Field(default=(), description="Who may call the API, and as what.")
    limits: Limits = Field(default=Limits(), description="Caps over everything.")
    slack: Slack | None = Field(default=None, description="Approving and denying by buttons in Slack.")
    telemetry: Telemetry = Field(default=Telemetry(), description="Traces; off unless configured.")

    @model_validator(mode="after")
    def _endings_remembered(self) -> Settings:
        # Which sessions were ended early is in the audit log; archived, one would run on after a restart.
        if self.server.login.lasts > self.retention.audit:
            raise ValueError("server.login.lasts must be no longer than retention.audit")
        return self
