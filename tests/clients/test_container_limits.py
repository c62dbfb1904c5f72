from __future__ import annotations

from typing import Any

import pytest

from remediator.clients.container_limits import limits_of

MB = 2**20


def host(**values: int) -> dict[str, Any]:
    return {"HostConfig": values}


@pytest.mark.parametrize(
    ("swap", "after"),
    [(512 * MB, 768 * MB), (256 * MB, 512 * MB), (-1, -1), (0, 0)],
    ids=["twice the memory", "no swap", "without limit", "the engine's own"],
)
def test_swap_beside_memory_stays_the_same(swap: int, after: int) -> None:
    limits = limits_of(host(Memory=256 * MB, MemorySwap=swap))
    assert limits.with_memory(512 * MB) == {"Memory": 512 * MB, "MemorySwap": after}


@pytest.mark.parametrize(
    ("values", "cpus", "update"),
    [
        ({"NanoCpus": 500_000_000}, 0.5, {"NanoCpus": 1_500_000_000}),
        ({"CpuQuota": 50_000, "CpuPeriod": 100_000}, 0.5, {"CpuPeriod": 100_000, "CpuQuota": 150_000}),
        ({"CpuQuota": 25_000, "CpuPeriod": 50_000}, 0.5, {"CpuPeriod": 50_000, "CpuQuota": 75_000}),
        ({"CpuQuota": 50_000}, 0.5, {"CpuPeriod": 100_000, "CpuQuota": 150_000}),
        ({"CpuQuota": -1}, 0.0, {"NanoCpus": 1_500_000_000}),
        ({}, 0.0, {"NanoCpus": 1_500_000_000}),
    ],
)
def test_processors_are_set_as_they_were_set(
    values: dict[str, int], cpus: float, update: dict[str, int]
) -> None:
    limits = limits_of(host(**values))
    assert limits.cpus == cpus
    assert limits.with_cpus(1.5) == update


def test_nothing_is_no_limit() -> None:
    assert (limits_of({}).memory_bytes, limits_of({}).cpus) == (0, 0.0)
