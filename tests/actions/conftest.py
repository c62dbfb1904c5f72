from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from remediator.actions.base import Call
from remediator.clients.docker import DockerEngine
from remediator.clients.process import ProcessRunner
from remediator.clock import SystemClock
from tests.real.engine import Engine, container_engine
from tests.stand_ins.fly_state import FlyState


@pytest.fixture
def processes() -> ProcessRunner:
    return ProcessRunner(terminate_grace=timedelta(milliseconds=200))


@pytest.fixture
def call() -> Call:
    return Call(key="run-12/act/option/0", timeout=timedelta(seconds=30), started_at=SystemClock().now())


@pytest.fixture
def long_ago() -> Call:
    return Call(
        key="run-1/act/option/0",
        timeout=timedelta(seconds=30),
        started_at=datetime(2020, 1, 1, tzinfo=UTC),
    )


@pytest.fixture
def fly(tmp_path: Path) -> FlyState:
    return FlyState(tmp_path / "fly.json")


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    # A socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    try:
        with container_engine(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def docker_engine(engine: Engine) -> Iterator[DockerEngine]:
    client = DockerEngine(engine.docker_host)
    yield client
    client.close()
