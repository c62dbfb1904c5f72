"""`docker:` in `remediator.yaml`: the container engine, and what policies may do with it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from remediator.durations import Duration
from remediator.secret_refs import SecretRef
from remediator.settings_section import Argv, Bounds, EntryName, SecretValues, Section

KillWith = Annotated[
    tuple[str, ...],
    Field(
        description="Put before argv: Docker can't end a command in a container. Empty where an image has no "
        "such program; what runs over then goes on in there."
    ),
]
_TIMEOUT = ("timeout", "-s", "KILL", "{seconds}")


class DockerExec(Section):
    """A command that may be run inside a container: an argv list, never a shell's line."""

    container: str = Field(description="A name under `containers`, or the engine's own name of one.")
    argv: Argv = Field(description="The command and its arguments.")
    timeout: Duration = Field(default=timedelta(seconds=20), description="Then it is killed.")
    kill_with: KillWith = _TIMEOUT
    env: dict[str, SecretRef] = Field(default={}, description="Extra environment, by reference.")
    idempotent: bool = Field(default=False, description="Running it twice does no harm.")
    read_only: bool = Field(default=False, description="It only looks: fit for facts and checks.")


class DockerProbes(Section):
    """The commands with which checks are made from inside a container, one for each kind of check."""

    tcp: Argv | None = Field(
        default=None,
        description="Ends with 0 when {host} accepts connections on {port}; {seconds} is its time.",
    )
    dns: Argv | None = Field(default=None, description="Ends with 0 when {host} resolves.")
    http: Argv | None = Field(
        default=None, description="Asks for {url} and writes the status code, or the answer's status line."
    )
    kill_with: KillWith = _TIMEOUT


class Range(Section):
    """An inclusive range."""

    min: float = Field(gt=0, description="Least.")
    max: float = Field(gt=0, description="Most.")


class DockerUpdateBounds(Section):
    """Within which bounds a container's limits may be changed; what is left out may not be changed."""

    memory_mb: Bounds | None = Field(default=None, description="Megabytes (2^20 bytes) of memory.")
    cpus: Range | None = Field(default=None, description="Processors.")


class Container(Section):
    """A container by name, or all replicas of a compose service."""

    container: str | None = Field(default=None, description="The container's name.")
    compose_service: str | None = Field(default=None, description="All containers of this service.")


class Docker(Section):
    """The container engine, and the containers that policies may touch."""

    host: str = Field(default="unix:///var/run/docker.sock", description="The engine's address.")
    containers: tuple[str, ...] | dict[EntryName, Container] = Field(
        default=(), description="What may be touched."
    )
    exec: dict[EntryName, DockerExec] = Field(default={}, description="What may be run inside containers.")
    update: dict[EntryName, DockerUpdateBounds] = Field(
        default={}, description="Container: within which bounds docker.update may change its limits."
    )
    probes: dict[EntryName, DockerProbes] = Field(
        default={}, description="Container: how net.tcp, net.dns and http.probe check `from` inside it."
    )
    networks: tuple[str, ...] = Field(
        default=(), description="Networks that may be looked at, as the engine calls them."
    )
    recreate: bool = Field(
        default=False,
        description="Allow docker.env to recreate containers: rights of root on the host.",
    )
    env: dict[EntryName, dict[str, SecretValues | None]] = Field(
        default={},
        description="Container: what docker.env may set there; any name when absent, no reference.",
    )
