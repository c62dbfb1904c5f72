from __future__ import annotations

from typing import Any

import pytest

from remediator.clients.docker_stats import container_stats, has_earlier


def cpu(used: int, system: int, online: int = 2) -> dict[str, Any]:
    return {"cpu_usage": {"total_usage": used}, "system_cpu_usage": system, "online_cpus": online}


def sample(used: int, system: int, before: dict[str, Any] | None = None, **memory: Any) -> dict[str, Any]:
    return {
        "cpu_stats": cpu(used, system),
        "precpu_stats": before or {"cpu_usage": {"total_usage": 0}},
        "memory_stats": memory,
        "pids_stats": {"current": 7},
    }


def test_reads_what_docker_gives() -> None:
    stats = container_stats(
        sample(500, 2000, cpu(250, 1000), usage=300, limit=1000, stats={"inactive_file": 50})
    )
    assert (stats.memory_bytes, stats.memory_limit_bytes, stats.memory_ratio) == (250, 1000, 0.25)
    assert stats.cpus == pytest.approx(0.5)
    assert stats.processes == 7


def test_compares_two_samples_where_one_has_no_past() -> None:
    first, second = sample(250, 1000), sample(1250, 2000)
    assert not has_earlier(first)
    assert has_earlier(sample(1, 2, cpu(1, 1)))
    assert container_stats(second, first).cpus == pytest.approx(2.0)


def test_cgroup_1_counts_file_pages_in_another_place() -> None:
    stats = container_stats(sample(0, 0, usage=300, limit=1000, stats={"total_inactive_file": 100}))
    assert stats.memory_bytes == 200


@pytest.mark.parametrize("raw", [{}, {"memory_stats": {}, "cpu_stats": {}, "precpu_stats": None}])
def test_nothing_is_nothing(raw: dict[str, Any]) -> None:
    stats = container_stats(raw)
    assert (stats.memory_bytes, stats.memory_ratio, stats.cpus, stats.processes) == (0, 0.0, 0.0, 0)


def test_a_counter_that_went_back_used_nothing() -> None:
    assert container_stats(sample(100, 2000, cpu(250, 1000))).cpus == 0.0
