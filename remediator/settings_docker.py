"""`docker:` in `remediator.yaml`: the container engine, and what policies may do with it."""

from __future__ import annotations

from pydantic import Field

from remediator.settings_section import Argv, EntryName, SecretValues, Section


class DockerExec(Section):
    """A command that may be run inside a container."""

    container: str = Field(description="The container's name.")
    argv: Argv = Field(description="The command and its arguments.")


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
    recreate: bool = Field(
        default=False,
        description="Allow docker.env to recreate containers: rights of root on the host.",
    )
    env: dict[EntryName, dict[str, SecretValues | None]] = Field(
        default={},
        description="Container: what docker.env may set there; any name when absent, no reference.",
    )
