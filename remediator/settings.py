"""`remediator.yaml`: the inventory of what exists, and so of all that a policy can reach.

Every key can be set by environment as `REMEDIATOR_…` with `__` between levels
(`REMEDIATOR_SERVER__PORT=9000`); the environment wins over the file.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, WithJsonSchema
from pydantic_settings import BaseSettings, SettingsConfigDict

from remediator.durations import Duration
from remediator.secret_refs import SecretRef

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
Argv = Annotated[tuple[str, ...], Field(min_length=1)]
EntryName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


class Section(BaseModel):
    """Base of every part of the file: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535, description="0 lets the system choose.")
    body_limit: SizeBytes = Field(default=16 * 2**20, description="Largest webhook body; more is 413.")
    header_timeout: Duration = Field(
        default=timedelta(seconds=10), description="For a slow client's headers."
    )
    body_timeout: Duration = Field(default=timedelta(seconds=10), description="For a slow client's body.")
    drain_timeout: Duration = Field(
        default=timedelta(seconds=20), description="On SIGTERM, for steps under way."
    )


class StoreSettings(Section):
    """Where records are kept."""

    sqlite: Path = Path("data/remediator.db")
    busy_timeout: Duration = Field(
        default=timedelta(seconds=1),
        description="How long a commit waits for a lock held by another process before 503.",
    )


class Source(Section):
    """One Alertmanager cluster. Its name is part of an alert's identity."""

    url: HttpUrl | None = Field(default=None, description="Its API, for polling and silences.")
    poll: Duration = timedelta(minutes=1)
    stale_after: Duration = Field(
        default=timedelta(hours=24),
        description="Without a url: no receipt for this long closes an episode.",
    )
    auth: Auth | None = None


class Auth(Section):
    """How to authenticate to a service; secrets are references."""

    bearer: SecretRef | None = None
    basic: Basic | None = None


class Basic(Section):
    """A user name and a reference to its password."""

    username: str
    password: SecretRef


class Prometheus(Section):
    """The Prometheus that answers guards and verifications."""

    url: HttpUrl
    timeout: Duration = timedelta(seconds=5)
    auth: Auth | None = None


class Service(Section):
    """An HTTP service that policies may reach."""

    url: HttpUrl
    auth: Auth | None = None
    timeout: Duration = timedelta(seconds=10)
    paths: tuple[str, ...] | None = Field(
        default=None,
        description='Allowed "METHOD /path" patterns, `*` at the end; all when absent.',
    )
    idempotent: tuple[str, ...] = Field(
        default=(), description='"METHOD /path" patterns that may safely be sent twice.'
    )


class DockerExec(Section):
    """A command that may be run inside a container."""

    container: str
    argv: Argv


class Container(Section):
    """A container by name, or all replicas of a compose service."""

    container: str | None = None
    compose_service: str | None = None


class Docker(Section):
    """The container engine, and the containers that policies may touch."""

    host: str = "unix:///var/run/docker.sock"
    containers: tuple[str, ...] | dict[EntryName, Container] = ()
    exec: dict[EntryName, DockerExec] = {}
    recreate: bool = Field(
        default=False,
        description="Allow docker.env to recreate containers: rights of root on the host.",
    )


class Bounds(Section):
    """An inclusive range of whole numbers."""

    min: int = Field(ge=0)
    max: int = Field(ge=0)


class Compose(Section):
    """A compose project, and the services that policies may restart or scale."""

    file: Path
    command: Argv = ("docker", "compose")
    project: str | None = None
    services: dict[EntryName, Bounds | None] = {}


class SecretValues(Section):
    """What a Fly secret may be set to: listed values, or a range. Values may be references."""

    values: tuple[str, ...] | None = None
    min: int | None = None
    max: int | None = None


class FlyApp(Section):
    """A Fly.io app, and what policies may change on it."""

    secrets: tuple[str, ...] | dict[str, SecretValues | None] = ()
    count: Bounds | None = None
    memory_mb: tuple[int, ...] = ()


class Fly(Section):
    """Fly.io, through flyctl."""

    command: Argv = ("flyctl",)
    token: SecretRef | None = None
    timeout: Duration = timedelta(minutes=2)
    apps: dict[EntryName, FlyApp] = {}


class Command(Section):
    """A command that policies may run: an argv list, never a shell."""

    argv: Argv
    timeout: Duration = timedelta(seconds=20)
    cwd: Path | None = None
    env: dict[str, SecretRef] = Field(default={}, description="Extra environment, by reference.")
    params: tuple[EntryName, ...] = Field(
        default=(),
        description="Names that a step may pass; `{name}` in argv is replaced, one argument each.",
    )
    values: dict[EntryName, str] = Field(
        default={}, description="RE2 pattern that a parameter's whole value must match."
    )
    idempotent: bool = False
    read_only: bool = False


class FileTarget(Section):
    """A file that policies may render from a template."""

    path: Path
    template: Path
    protect: tuple[str, ...] = Field(
        default=(), description="Networks (CIDR) that may never be listed in it."
    )


class Contact(Section):
    """Who is told: a channel by name."""

    channel: EntryName


class Token(Section):
    """An API token by its digest (`remediator token new` prints both)."""

    name: EntryName
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    roles: tuple[Role, ...]
    groups: tuple[EntryName, ...] = ()


class Limits(Section):
    """Caps over everything."""

    concurrent_runs: int = Field(default=8, ge=1)
    runs_per_minute: int = Field(default=30, ge=1)


class Settings(BaseSettings):
    """The whole of `remediator.yaml`."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="REMEDIATOR_", env_nested_delimiter="__"
    )

    mode: Literal[Mode.SHADOW, Mode.ENFORCE] = Field(
        default=Mode.SHADOW, description="A ceiling over all policies; a first start never acts."
    )
    server: Server = Server()
    store: StoreSettings = StoreSettings()
    policies: Path | None = Field(
        default=None, description="Folder of policies; the shipped ones when absent."
    )
    sources: dict[EntryName, Source] = {"default": Source()}
    prometheus: Prometheus | None = None
    services: dict[EntryName, Service] | None = None
    docker: Docker | None = None
    compose: Compose | None = None
    fly: Fly | None = None
    commands: dict[EntryName, Command] | None = None
    files: dict[EntryName, FileTarget] | None = None
    channels: dict[EntryName, tuple[SecretRef, ...]] = {}
    contacts: dict[EntryName, Contact] = {}
    tokens: tuple[Token, ...] = ()
    limits: Limits = Limits()
