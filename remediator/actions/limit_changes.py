"""What to do about a container's limits: bounds, comparison, and the update to send. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from remediator.clients.container_limits import limits_of
from remediator.clients.docker import ContainerState
from remediator.settings_docker import DockerUpdateBounds

Amounts = Mapping[str, float]
"""Limits by attribute: `memory` in megabytes, `cpus` in processors."""

_MEGABYTE = 2**20


def refuse_amounts(wanted: Amounts, bounds: DockerUpdateBounds | None, where: str) -> str | None:
    """Say which amount is out of the inventory's bounds, or has none; else None."""
    if bounds is None:
        return f"{where} in remediator.yaml is not there: it says within which bounds limits may be changed"
    limits = {"memory": ("memory_mb", bounds.memory_mb), "cpus": ("cpus", bounds.cpus)}
    for attribute, amount in wanted.items():
        key, limit = limits[attribute]
        if limit is None:
            return f"{where}.{key} in remediator.yaml is not there: it says within which bounds to change it"
        if not limit.min <= amount <= limit.max:
            return f"{amount:g} is not within {limit.min:g} to {limit.max:g}, which {where}.{key} allows"
    return None


def amounts_of(state: ContainerState, names: Collection[str]) -> dict[str, float]:
    """Return a container's limits now; 0 is without limit."""
    limits = limits_of(state.raw)
    now = {"memory": round(limits.memory_bytes / _MEGABYTE, 6), "cpus": round(limits.cpus, 6)}
    return {name: now[name] for name in now if name in names}


def differing(states: Sequence[ContainerState], names: Collection[str]) -> str | None:
    """Name a limit that is not the same in all containers, or None."""
    all_amounts = [amounts_of(state, names) for state in states]
    return next((name for name in names if len({one[name] for one in all_amounts}) > 1), None)


def refuse_present(state: ContainerState, wanted: Amounts) -> str | None:
    """Say why a container's limits may not be set exactly, or None."""
    for name, now in amounts_of(state, wanted).items():
        if now == 0:
            return f"it has no limit on {name}; one that is set could not be taken away again"
    return None


def aims(state: ContainerState, wanted: Amounts, *, only_raise: bool) -> Amounts:
    """Return what the limits shall be: with `only_raise` one that is higher, or none, stays as it is."""
    now = amounts_of(state, wanted)
    if not only_raise:
        return wanted
    return {name: now[name] if now[name] == 0 else max(now[name], wanted[name]) for name in wanted}


def update_for(state: ContainerState, aimed: Amounts) -> dict[str, Any]:
    """Return the update that makes the limits as aimed at; empty when they are so."""
    limits, now = limits_of(state.raw), amounts_of(state, aimed)
    body: dict[str, Any] = {}
    if "memory" in aimed and now["memory"] != aimed["memory"]:
        body |= limits.with_memory(round(aimed["memory"] * _MEGABYTE))
    if "cpus" in aimed and now["cpus"] != aimed["cpus"]:
        body |= limits.with_cpus(aimed["cpus"])
    return body
