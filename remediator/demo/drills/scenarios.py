"""The game-day scenarios of the runbooks, as an explicit list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from remediator.demo.world import World


@dataclass(frozen=True, slots=True)
class Scenario:
    """One scenario.

    `recover_within` is the runbook's recovery time objective, for the times that production has.
    """

    name: str
    title: str
    policy: str
    alertname: str
    broken: str
    labels: Mapping[str, str]
    """What the alert of prometheus/alerts.yml carries besides its name."""
    recover_within: timedelta
    break_: Callable[[World], None]
    mend: Callable[[World], None]
    """Ends the cause, as somebody would while guests are served in some other way."""
    ends_by_hand: bool = False
    """Its temporary change is made to outlast the alert; an operator ends it once the cause is gone."""


def _break_pms(world: World) -> None:
    world.break_service("pms")
    world.services["pms"].stop(gently=False)


def _kill_database(world: World) -> None:
    world.services["database"].stop(gently=False)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        name="pms-down",
        title="The PMS goes down",
        policy="pms-circuit-breaker-open",
        alertname="PMSCircuitBreakerOpen",
        labels={"severity": "critical", "service": "pms"},
        broken="the PMS crashes, and its database is broken: a restart brings it up, but not well",
        recover_within=timedelta(minutes=15),
        break_=_break_pms,
        mend=lambda world: world.mend_service("pms"),
    ),
    Scenario(
        name="database-down",
        title="The database is unavailable",
        policy="database-down",
        alertname="DatabaseDown",
        labels={"severity": "critical", "service": "postgres"},
        broken="the agent's database crashes",
        recover_within=timedelta(minutes=30),
        break_=_kill_database,
        mend=lambda _world: None,
    ),
    Scenario(
        name="latency",
        title="High latency",
        policy="high-orchestration-latency",
        alertname="HighOrchestrationLatency",
        labels={"severity": "warning", "service": "orchestrator"},
        broken="understanding a guest's voice takes 4 seconds",
        recover_within=timedelta(minutes=10),
        break_=lambda world: world.agent_fault(nlp_delay_seconds=4.0),
        mend=lambda world: world.agent_fault(),
        ends_by_hand=True,
    ),
    Scenario(
        name="traffic",
        title="High traffic",
        policy="rate-limit-spike",
        alertname="RateLimitSpike",
        labels={"severity": "warning", "service": "agente"},
        broken="20 clients send 4.5 requests a second each, where 2 are allowed",
        recover_within=timedelta(minutes=5),
        break_=lambda world: world.agent_fault(spike_per_second=90.0, spike_clients=20),
        mend=lambda world: world.agent_fault(),
        ends_by_hand=True,
    ),
)


def scenario_named(name: str) -> Scenario | None:
    """Return a scenario by its name."""
    return next((scenario for scenario in SCENARIOS if scenario.name == name), None)
