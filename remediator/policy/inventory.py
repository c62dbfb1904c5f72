"""Which entries each section of remediator.yaml holds: all that a policy can reach."""

from __future__ import annotations

from collections.abc import Collection

from remediator.settings import Settings


def entries(settings: Settings, section: str) -> Collection[str] | None:
    """Return the names in a section, or None when the section is absent.

    `channels` and `contacts` are absent when empty: they have no other way to be.
    """
    docker, compose, fly = settings.docker, settings.compose, settings.fly
    sections: dict[str, Collection[str] | None] = {
        "services": settings.services,
        "docker": None if docker is None else docker.containers,
        "docker.exec": None if docker is None else docker.exec,
        "docker.update": None if docker is None else docker.update,
        "docker.networks": None if docker is None else docker.networks,
        # An opt-in: without it, options that recreate containers are not configured.
        "docker.recreate": docker.containers if docker is not None and docker.recreate else None,
        "compose": None if compose is None else compose.services,
        "fly": None if fly is None else fly.apps,
        "commands": settings.commands,
        "files": settings.files,
        "channels": settings.channels or None,
        "contacts": settings.contacts or None,
        "sources": settings.sources,
    }
    return sections[section]
