"""A container's limits on memory and processors, read from an inspection and written as an update. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_DEFAULT_PERIOD = 100_000
_NANO = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a container may use. `memory_bytes` and `cpus` are 0 without a limit."""

    memory_bytes: int
    swap_bytes: int
    """Memory and swap together; -1 is without limit, 0 is left to the engine."""
    nano_cpus: int
    quota: int
    period: int

    @property
    def cpus(self) -> float:
        """Processors: 1.5 is one and a half."""
        if self.nano_cpus > 0:
            return self.nano_cpus / _NANO
        return self.quota / self.period if self.quota > 0 else 0.0

    def with_memory(self, memory_bytes: int) -> dict[str, Any]:
        """Return the update that sets the memory; what there is of swap beside it stays the same."""
        swap = self.swap_bytes
        if swap > 0:
            swap = memory_bytes + max(0, swap - self.memory_bytes)
        return {"Memory": memory_bytes, "MemorySwap": swap}

    def with_cpus(self, cpus: float) -> dict[str, Any]:
        """Return the update that sets the processors, in the way in which they were set: an engine refuses
        the other one."""
        if self.quota > 0 and self.nano_cpus <= 0:
            return {"CpuPeriod": self.period, "CpuQuota": round(cpus * self.period)}
        return {"NanoCpus": round(cpus * _NANO)}


def limits_of(raw: Mapping[str, Any]) -> Limits:
    """Read an inspection."""
    host = raw.get("HostConfig") or {}
    return Limits(
        memory_bytes=int(host.get("Memory") or 0),
        swap_bytes=int(host.get("MemorySwap") or 0),
        nano_cpus=int(host.get("NanoCpus") or 0),
        quota=int(host.get("CpuQuota") or 0),
        period=int(host.get("CpuPeriod") or 0) or _DEFAULT_PERIOD,
    )
