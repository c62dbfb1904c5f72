"""Backtests of alerts that a test makes up, and the same alerts in a simulated receiver."""

from __future__ import annotations

import tempfile
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from remediator.actions.catalog import ActionClients, build_actions
from remediator.alerts import Alert, AlertStatus
from remediator.authoring.backtest.arrivals import Arrival, Delivered, Faults
from remediator.authoring.backtest.assumptions import Assumptions
from remediator.authoring.backtest.backtest import Plan, backtest
from remediator.authoring.backtest.replay import Period
from remediator.clients.process import ProcessRunner
from remediator.clock import SystemClock
from remediator.engine.capabilities import Capabilities, capabilities_of, catalog_of
from remediator.policy.loaded import PolicySet
from remediator.policy.loader import load_policies
from remediator.runs.answers import Answer, PromQLQuery, Sample
from remediator.settings import Mode, Settings
from remediator.simulation.alertmanager import fingerprint_of

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)  # a Monday
HOLDS = Answer(samples=(Sample(labels={}, value=1.0),))
EMPTY = Answer()

FIRING, RESOLVED = AlertStatus.FIRING, AlertStatus.RESOLVED


@dataclass(frozen=True)
class Event:
    """One alert that is posted, so long after the beginning."""

    at: timedelta
    status: AlertStatus
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)


def fire(seconds: float, name: str = "Broken", **labels: str) -> Event:
    return Event(timedelta(seconds=seconds), FIRING, {"alertname": name, **labels})


def resolve(seconds: float, name: str = "Broken", **labels: str) -> Event:
    return Event(timedelta(seconds=seconds), RESOLVED, {"alertname": name, **labels})


class MadeUp:
    """A recording of events, each posted by itself."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._starts: dict[str, datetime] = {}
        self.faults = Faults()
        self.notes: tuple[str, ...] = ()

    def deliveries(self) -> Iterator[Delivered]:
        for event in self._events:
            yield Delivered(START + event.at, "default", [Arrival(self._alert(event))])

    def progress(self) -> float | None:
        return None

    def _alert(self, event: Event) -> Alert:
        now, fingerprint = START + event.at, fingerprint_of(event.labels)
        starts_at = self._starts.setdefault(fingerprint, now)
        if event.status is RESOLVED:
            del self._starts[fingerprint]
        return Alert(
            status=event.status,
            labels=dict(event.labels),
            annotations=dict(event.annotations),
            starts_at=starts_at,
            ends_at=now if event.status is RESOLVED else None,
            fingerprint=fingerprint,
        )


class Scripted:
    """Prometheus's past from a script: by query, the times from which an answer is good."""

    trouble = None

    def __init__(self, script: Mapping[str, Sequence[tuple[float, Answer]]]) -> None:
        self._script = {
            query: ([START + timedelta(seconds=at) for at, _ in points], [answer for _, answer in points])
            for query, points in script.items()
        }

    def answer(self, query: PromQLQuery, at: datetime) -> tuple[Answer, datetime | None] | None:
        known = self._script.get(query.expr)
        if known is None:
            return None
        place = bisect_right(known[0], at)
        until = known[0][place] if place < len(known[0]) else None
        return (known[1][place - 1] if place else Answer(error="not yet")), until


def settings_with(**more: Any) -> Settings:
    services = {name: {"url": "http://127.0.0.1:1"} for name in ("a", "b", "c")}
    return Settings.model_validate({"mode": Mode.ENFORCE, "services": services, **more})


def capabilities_for(settings: Settings) -> Capabilities:
    actions = build_actions(settings, ActionClients.of(settings, ProcessRunner()), SystemClock())
    return capabilities_of(actions, settings.limits)


def load(settings: Settings, *policies: str) -> PolicySet:
    return _loaded(settings.model_dump_json(), policies)


@cache
def _loaded(settings_json: str, policies: tuple[str, ...]) -> PolicySet:
    settings = Settings.model_validate_json(settings_json)
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(policies):
            (Path(folder) / f"{number}.yaml").write_text(text)
        return load_policies(Path(folder), catalog_of(capabilities_for(settings)), settings, now=START)


def replay(
    events: Sequence[Event],
    *policies: str,
    promql: Mapping[str, Sequence[tuple[float, Answer]]] | None = None,
    against: Sequence[str] | None = None,
    until: float | None = None,
    naive: bool = False,
    settings: Settings | None = None,
    step_takes: float = 0,
    **plan: Any,
) -> dict[str, Any]:
    """Backtest made-up events."""
    settings = settings or settings_with()
    assumed = plan.pop("assumed", None) or Assumptions(step_takes=timedelta(seconds=step_takes))
    period = Period(until=START + timedelta(seconds=until) if until is not None else None)
    made = Plan(
        settings=settings,
        capabilities=capabilities_for(settings),
        mode=plan.pop("mode", settings.mode),
        policies=load(settings, *policies),
        against=load(settings, *against) if against is not None else None,
        assumed=assumed,
        past=Scripted(promql) if promql is not None else None,
        period=plan.pop("period", period),
        naive=naive,
        **plan,
    )
    return backtest(made, MadeUp(events))


def paths(report: Mapping[str, Any]) -> dict[tuple[str, str, str], list[tuple[str, str | None]]]:
    """Return what was decided, by the alert's fingerprint, when its episode opened, and policy."""
    return {
        (episode["fingerprint"], episode["opened_at"], policy["policy"]): [
            (decision["outcome"], decision["reason"]) for decision in policy["decisions"]
        ]
        for episode in report["episodes"]
        for policy in episode["policies"]
    }


def timed(report: Mapping[str, Any]) -> list[Any]:
    """Return every decision with its time, for a test to compare."""
    return [
        (episode["fingerprint"], episode["opened_at"], policy["policy"], decision["at"], decision)
        for episode in report["episodes"]
        for policy in episode["policies"]
        for decision in policy["decisions"]
    ]
