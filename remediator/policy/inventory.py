"""Which entries each section of remediator.yaml holds: all that a policy can reach."""

from __future__ import annotations

from collections.abc import Collection

from remediator.settings import Settings


def entries(settings: Settings, section: str) -> Collection[str] | None:
    """Return the names in a section, or None when the section is absent.

    What has no other way to be absent (`channels`, `contacts`, `checks`, parts of `docker`) is so when empty.
    """
    docker, compose, fly = settings.docker, settings.compose, settings.fly
    sections: dict[str, Collection[str] | None] = {
        "services": settings.services,
        "docker": None if docker is None else docker.containers,
        "docker.exec": (docker.exec or None) if docker is not None else None,
        "docker.update": (docker.update or None) if docker is not None else None,
        "docker.probes": (docker.probes or None) if docker is not None else None,
        "docker.networks": (docker.networks or None) if docker is not None else None,
        # An opt-in: without it, options that recreate containers are not configured.
        "docker.recreate": docker.containers if docker is not None and docker.recreate else None,
        "compose": None if compose is None else compose.services,
        "fly": None if fly is None else fly.apps,
        "network.tcp": None if settings.network is None else settings.network.tcp,
        "network.dns": None if settings.network is None else settings.network.dns,
        "commands": settings.commands,
        "files": settings.files,
        "nginx": settings.nginx,
        "channels": settings.channels or None,
        "contacts": settings.contacts or None,
        "sources": settings.sources,
        "checks": settings.checks or None,
    }
    return sections[section]
