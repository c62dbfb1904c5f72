"""Drills that end on a real container engine: what the policies restart are containers of docker-compose.yml.

Both in one world, one after the other.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from remediator.demo.drills.drill import DrillOptions, drill_in
from remediator.demo.drills.scenarios import scenario_named
from remediator.demo.drills.scorecard import Scorecard
from remediator.demo.processes import Processes
from remediator.demo.receiver_api import ReceiverApi
from remediator.demo.screen import Screen
from remediator.demo.world import wait_for_baseline
from tests.real.compose import ComposeStack, compose_stack
from tests.real.container_world import ContainerWorld
from tests.real.engine import container_engine
from tests.real.require import require

_FACTOR = 15.0
_WITHIN = timedelta(minutes=15)


@dataclass(frozen=True)
class Stand:
    """A world that runs and is well."""

    world: ContainerWorld
    processes: Processes
    stack: ComposeStack

    def drill(self, name: str) -> Scorecard:
        scenario = scenario_named(name)
        assert scenario is not None
        save = self.world.folder / "saved" / f"{name}.json"
        options = DrillOptions(factor=_FACTOR, within=_WITHIN, save=save)
        return drill_in(self.world, self.processes, scenario, Screen(), options)

    def started_at(self, service: str) -> str:
        name = self.stack.container(service)
        return self.stack.engine.podman("inspect", "--format", "{{.State.StartedAt}}", name)

    def rows(self) -> list[dict[str, Any]]:
        with closing(ReceiverApi(self.receiver, self.world.tokens.oncall)) as api:
            return api.audit_rows()

    def facts(self, run_id: int | None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.world.tokens.oncall}"}
        answer = httpx.get(f"{self.receiver}/api/v1/runs/{run_id}", headers=headers, trust_env=False)
        facts: dict[str, Any] = answer.raise_for_status().json()["facts"]["values"]
        return facts

    @property
    def receiver(self) -> str:
        return self.world.url(self.world.ports.receiver)


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    require("prometheus")
    require("prometheus-alertmanager")
    folder = Path(tempfile.mkdtemp(prefix="drills-"))  # a socket's path must be short
    folder.chmod(0o755)
    containers = folder / "containers"
    containers.mkdir()
    try:
        with ExitStack() as stack:
            engine = stack.enter_context(container_engine(containers))
            processes = stack.enter_context(Processes(folder))
            world = ContainerWorld(folder, processes, _FACTOR)
            made = compose_stack(engine, containers, world.places, {}, world.change)
            compose = stack.enter_context(made)
            stack.callback(world.services["database_backup"].stop)
            world.run_on(compose)
            world.write_files()
            world.start()
            wait_for_baseline(world)
            yield Stand(world, processes, compose)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def acted(rows: list[dict[str, Any]], run_id: int | None) -> list[tuple[str, str]]:
    """Return what a run's steps did, and to which container."""
    return [
        (row["detail"]["action"], row["detail"]["params"].get("container", ""))
        for row in rows
        if row["run_id"] == run_id and row["action"] == "step.intent" and row["detail"]["phase"] == "act"
    ]


def check(card: Scorecard, stand: Stand) -> None:
    """What every drill has to end with; how quick it was is this machine's to say."""
    assert card.measured.state == "succeeded"
    assert card.measured.over, card.measured
    assert card.audit_whole
    saved = stand.world.folder / "saved"
    report = saved / Path(card.measured.report).name
    assert "## Timeline" in report.read_text()
    assert json.loads((saved / f"{card.scenario.name}.json").read_text())["reported"] is True


@pytest.mark.real
def test_a_dead_database_is_restarted_by_its_engine(stand: Stand) -> None:
    before = stand.started_at("postgres")
    card = stand.drill("database-down")
    check(card, stand)
    assert card.measured.options == ("restart-container",)
    assert ("docker.restart", "postgres") in acted(stand.rows(), card.measured.run_id)
    # What the engine and a command in the dead container said, before anything was done.
    facts = stand.facts(card.measured.run_id)
    assert (facts["database_container"], facts["database_answers"]) == (False, False)
    assert stand.started_at("postgres") > before
    assert stand.stack.healthy("postgres")


@pytest.mark.real
def test_a_pms_that_no_restart_cures_is_replaced_for_a_while(stand: Stand) -> None:
    before = [stand.started_at(name) for name in ("qloapps", "mysql")]
    card = stand.drill("pms-down")
    check(card, stand)
    assert card.measured.options[:2] == ("restart-pms-container", "restart-pms-and-database")
    assert card.measured.options[-1] == "mock-failover"
    did = acted(stand.rows(), card.measured.run_id)
    assert did.count(("docker.restart", "qloapps")) == 2
    assert did.count(("docker.restart", "mysql")) == 1
    after = [stand.started_at(name) for name in ("qloapps", "mysql")]
    assert all(later > earlier for earlier, later in zip(before, after, strict=True))
    # As found before the last option: it runs, and is reached, and answers nobody well.
    facts = stand.facts(card.measured.run_id)
    true = ("pms_container", "pms_database", "agent_resolves_pms", "agent_connects_to_pms")
    false = ("pms_up", "agent_reaches_pms", "agent_has_key", "agent_on_network")
    assert {name: facts[name] for name in true} == dict.fromkeys(true, True)
    assert {name: facts[name] for name in false} == dict.fromkeys(false, False)
    assert 0 < facts["agent_memory"] < 1
    assert card.measured.leases >= 1
    assert stand.world.pms_type() == "qloapps"
    assert stand.stack.healthy("qloapps")
