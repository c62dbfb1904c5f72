"""What an engine's sample of a container says of its memory, processors and processes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerStats:
    """One look. `cpus` is how many processors' time it used: 1.5 is one and a half."""

    memory_bytes: int
    memory_limit_bytes: int
    cpus: float
    processes: int

    @property
    def memory_ratio(self) -> float:
        """The share of its limit (without one: of the machine's memory), 0 to 1."""
        return self.memory_bytes / self.memory_limit_bytes if self.memory_limit_bytes else 0.0


def has_earlier(sample: Mapping[str, Any]) -> bool:
    """Tell whether a sample holds an earlier one to compare with: Docker's does, podman's first does not."""
    return bool((sample.get("precpu_stats") or {}).get("system_cpu_usage"))


def container_stats(sample: Mapping[str, Any], earlier: Mapping[str, Any] | None = None) -> ContainerStats:
    """Read a sample; processor time is what was used since `earlier`, or since the one within the sample."""
    before = earlier["cpu_stats"] if earlier is not None else sample.get("precpu_stats") or {}
    memory = sample.get("memory_stats") or {}
    return ContainerStats(
        memory_bytes=max(0, int(memory.get("usage") or 0) - _reclaimable(memory)),
        memory_limit_bytes=int(memory.get("limit") or 0),
        cpus=_cpus(sample.get("cpu_stats") or {}, before),
        processes=int((sample.get("pids_stats") or {}).get("current") or 0),
    )


def _reclaimable(memory: Mapping[str, Any]) -> int:
    """Pages of files that the kernel gives back when asked; `docker stats` leaves them out as well."""
    details = memory.get("stats") or {}
    return int(details.get("total_inactive_file") or details.get("inactive_file") or 0)


def _cpus(now: Mapping[str, Any], before: Mapping[str, Any]) -> float:
    used = _used(now) - _used(before)
    passed = int(now.get("system_cpu_usage") or 0) - int(before.get("system_cpu_usage") or 0)
    if used <= 0 or passed <= 0:
        return 0.0
    online = int(now.get("online_cpus") or 0) or len((now.get("cpu_usage") or {}).get("percpu_usage") or (1,))
    return used / passed * online


def _used(cpu: Mapping[str, Any]) -> int:
    return int((cpu.get("cpu_usage") or {}).get("total_usage") or 0)
