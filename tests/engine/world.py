"""A small world for engine tests: real store, real engine, a clock that jumps, scripted actions."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel

from remediator.actions.base import (
    Action,
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Inventory,
    Outcome,
    OutcomeStatus,
    ProbeAnswer,
    failed,
    succeeded,
)
from remediator.alerts import Alert, AlertStatus, Payload
from remediator.engine.actors import Actor
from remediator.engine.assembly import Parts, assemble
from remediator.engine.capabilities import capabilities_of
from remediator.engine.courier import AsksByButtons, SendsNotices
from remediator.engine.failpoints import Failpoints
from remediator.engine.intake import Accepted
from remediator.engine.policies import Policies
from remediator.extensions import NO_EXTENSIONS, Extensions
from remediator.jobs.scheduler import CronCalendar
from remediator.policy.catalog import Catalog
from remediator.policy.loader import load_document, load_policies
from remediator.reports.metrics import NoMetrics
from remediator.reports.writer import Reports
from remediator.runs.answers import AlertsQuery, Answer, Sample
from remediator.runs.episodes import DecisionRecord
from remediator.runs.records import Lease, Run, StepRecord
from remediator.secret_refs import Redactor
from remediator.settings import Mode, Role, Settings
from remediator.store.base import Filter, Order
from remediator.store.sqlite.store import SqliteStore, open_store

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)  # a Monday
_PATIENCE_SECONDS = 120.0


class JumpingClock:
    """Time passes only by sleeping and by `jump`; a sleep takes no real time."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    async def sleep(self, duration: timedelta) -> None:
        self._now += max(duration, timedelta(0))
        await asyncio.sleep(0)

    def jump(self, duration: timedelta) -> None:
        self._now += duration


class ThingParams(ActionParams):
    thing: Annotated[str, Inventory("services", lock="services")]
    value: int = 0


class LookParams(ActionParams):
    name: str = "look"


@dataclass
class Script:
    """What the scripted actions do, and what they did."""

    outcomes: dict[str, deque[Outcome]] = field(default_factory=dict)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    looks: dict[str, Any] = field(default_factory=dict)
    values: dict[str, int] = field(default_factory=dict)
    probes: dict[str, ProbeAnswer] = field(default_factory=dict)
    promql: dict[str, Answer] = field(default_factory=dict)
    alerts: list[Mapping[str, str]] | None = field(default_factory=list)
    suppressed: bool | None = False
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    entered: dict[str, asyncio.Event] = field(default_factory=dict)

    def next_outcome(self, name: str) -> Outcome | None:
        queue = self.outcomes.get(name)
        return queue.popleft() if queue else None

    async def pass_gate(self, name: str) -> None:
        if name in self.gates:
            self.entered.setdefault(name, asyncio.Event()).set()
            await self.gates[name].wait()


class Act(BaseAction):
    """Not idempotent, irreversible, leaves nothing behind."""

    name: ClassVar[str] = "test.act"
    summary: ClassVar[str] = "acts"
    params: ClassVar[type[BaseModel]] = ThingParams
    result: ClassVar[Mapping[str, str]] = {"value": "what was asked for"}

    def __init__(self, script: Script) -> None:
        self._script = script

    async def act(self, params: Any, call: Call) -> Outcome:
        self._script.calls.append((self.name, params.value))
        await self._script.pass_gate(self.name)
        return self._script.next_outcome(self.name) or succeeded(value=params.value)

    async def probe(self, params: Any, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:
        return self._script.probes.get(self.name, ProbeAnswer.UNKNOWN)


class Repeatable(Act):
    name: ClassVar[str] = "test.repeatable"
    idempotent: ClassVar[bool] = True


class Set(BaseAction):
    """Sets a value that stays, and can put the old one back."""

    name: ClassVar[str] = "test.set"
    summary: ClassVar[str] = "sets"
    params: ClassVar[type[BaseModel]] = ThingParams
    result: ClassVar[Mapping[str, str]] = {}
    reversible: ClassVar[bool] = True
    lasting: ClassVar[bool] = True

    def __init__(self, script: Script) -> None:
        self._script = script

    def attributes(self, params: Any) -> tuple[tuple[str, str], ...]:
        return ((f"services:{params.thing}", "value"),)

    async def capture(self, params: Any, call: Call) -> Mapping[str, Any]:
        self._script.calls.append(("capture", self._script.values[params.thing]))
        return {"value": self._script.values[params.thing]}

    async def act(self, params: Any, call: Call) -> Outcome:
        self._script.calls.append((self.name, params.value))
        scripted = self._script.next_outcome(self.name)
        if scripted is not None:
            return scripted
        if self._script.values[params.thing] == params.value:
            return Outcome(status=OutcomeStatus.ALREADY)
        self._script.values[params.thing] = params.value
        return Outcome(status=OutcomeStatus.SUCCEEDED, applied={"value": params.value})

    async def undo(
        self, params: Any, call: Call, original: Mapping[str, Any], applied: Mapping[str, Any]
    ) -> Outcome:
        present = self._script.values[params.thing]
        self._script.calls.append(("undo", original["value"]))
        scripted = self._script.next_outcome("undo")
        if scripted is not None:
            return scripted
        if present == original["value"]:
            return Outcome(status=OutcomeStatus.ALREADY)
        if applied["value"] is not None and present != applied["value"]:
            return failed(FailureReason.CHANGED_SINCE, f"it is {present} by now")
        self._script.values[params.thing] = original["value"]
        return succeeded()


class LookAction(BaseAction):
    name: ClassVar[str] = "test.look"
    summary: ClassVar[str] = "looks"
    params: ClassVar[type[BaseModel]] = LookParams
    result: ClassVar[Mapping[str, str]] = {}
    read_only: ClassVar[bool] = True
    idempotent: ClassVar[bool] = True
    fact: ClassVar[str] = "whatever the script says"

    def __init__(self, script: Script) -> None:
        self._script = script

    async def act(self, params: Any, call: Call) -> Outcome:
        await self._script.pass_gate(self.name)
        value = self._script.looks.get(params.name)
        if value is None:
            return failed(FailureReason.NOT_SENT, "no such look")
        return succeeded(value)


class ScriptedPromQL:
    def __init__(self, script: Script) -> None:
        self._script = script

    async def query(self, expr: str) -> Answer:
        return self._script.promql.get(expr, Answer(error=f"nothing scripted for {expr}"))

    async def scraped_after(self, expr: str, moment: datetime) -> bool:
        return True


class ScriptedAlerts:
    def __init__(self, script: Script) -> None:
        self._script = script

    async def active(self, query: AlertsQuery) -> Answer:
        if self._script.alerts is None:
            return Answer(error="Alertmanager can't be asked")
        names = [f'alertname="{labels["alertname"]}"' for labels in self._script.alerts]
        wanted = {"".join(text.split()) for matchers in query.any_of for text in matchers}
        return Answer(samples=tuple(Sample(labels={}, value=1.0) for name in names if name in wanted))

    async def suppressed(self, source: str, fingerprint: str) -> bool | None:
        return self._script.suppressed


def _stop_dead() -> None:
    """End the task where it stands, as a kill would; the test then begins a new world on what is left."""
    raise asyncio.CancelledError


HOLDS = Answer(samples=(Sample(labels={}, value=1.0),))
EMPTY = Answer()

POLICY = """
policy: fix
owner: team
runbook_url: docs/runbooks/fix.md
match: ['alertname = "Broken"']
target: 'thing/{{ labels.thing | default("a") }}'
recheck: 1m
options:
  - name: act
    steps:
      - {uses: test.act, with: {thing: a, value: 1}}
    verify: {promql: 'ok', within: 30s, every: 5s}
"""


class World:
    """One remediator, without its HTTP server."""

    def __init__(self, folder: Path, store: SqliteStore, clock: JumpingClock, script: Script, parts: Parts):
        self.folder = folder
        self.store = store
        self.clock = clock
        self.script = script
        self.parts = parts

    @classmethod
    async def begin(
        cls,
        folder: Path,
        *policies: str,
        clock: JumpingClock | None = None,
        script: Script | None = None,
        failpoint: str | None = None,
        mode: Mode = Mode.ENFORCE,
        extensions: Extensions = NO_EXTENSIONS,
        sender: SendsNotices | None = None,
        buttons: AsksByButtons | None = None,
        **settings: Any,
    ) -> World:
        (folder / "policies").mkdir(exist_ok=True)
        for number, text in enumerate(policies):
            (folder / "policies" / f"{number}.yaml").write_text(text)
        clock = clock or JumpingClock()
        script = script or Script(promql={"ok": HOLDS}, values={"a": 1, "b": 1})
        services = {"a": {"url": "http://127.0.0.1:1"}, "b": {"url": "http://127.0.0.1:1"}}
        configured = Settings.model_validate(
            {
                "mode": mode,
                "policies": folder / "policies",
                "reports": folder / "reports",
                "services": services,
                **settings,
            }
        )
        store = await open_store(folder / "db.sqlite")
        actions: dict[str, Action[Any]] = {
            action.name: action for action in (kind(script) for kind in (Act, Repeatable, Set, LookAction))
        }
        actions |= extensions.actions
        capabilities = capabilities_of(actions, configured.limits, extensions)
        guards = {name: guard.params for name, guard in capabilities.guards.items()}
        calendar = CronCalendar()
        catalog = Catalog(guards=guards, actions=actions, calendar=calendar)
        loaded = load_policies(folder / "policies", catalog, configured, now=clock.now())
        parts = assemble(
            settings=configured,
            store=store,
            clock=clock,
            capabilities=capabilities,
            policies=Policies(
                loaded, capabilities, lambda document: load_document(document, "stored", catalog, configured)
            ),
            redactor=Redactor(frozenset()),
            promql=ScriptedPromQL(script),
            alerts=ScriptedAlerts(script),
            failpoints=Failpoints(failpoint, strike=_stop_dead),
            kill_step=lambda run_id: 0,
            poll_soon=lambda source: None,
            sender=sender,
            buttons=buttons,
            reports=Reports(store, NoMetrics(), configured.reports),
            calendar=calendar,
        )
        return cls(folder, store, clock, script, parts)

    async def end(self) -> None:
        await self.parts.dispatcher.stop()
        await self.store.close()

    async def fire(self, name: str = "Broken", fingerprint: str = "f1", **labels: str) -> Accepted:
        return await self.receive(AlertStatus.FIRING, name, fingerprint, labels)

    async def resolve(self, name: str = "Broken", fingerprint: str = "f1", **labels: str) -> Accepted:
        return await self.receive(AlertStatus.RESOLVED, name, fingerprint, labels)

    async def receive(
        self, status: AlertStatus, name: str, fingerprint: str, labels: Mapping[str, str]
    ) -> Accepted:
        """Deliver one alert and let everything that is due happen."""
        payload = payload_of(alert_of(status, name, fingerprint, labels, self.clock.now()))
        accepted = await self.parts.intake.accept("default", payload)
        await self.settle()
        return accepted

    def firing(self, name: str, fingerprint: str, **labels: str) -> Payload:
        """Return a delivery of one alert that fires."""
        return payload_of(alert_of(AlertStatus.FIRING, name, fingerprint, labels, self.clock.now()))

    def resolved(self, name: str, fingerprint: str, **labels: str) -> Payload:
        """Return a delivery of one alert that is over."""
        return payload_of(alert_of(AlertStatus.RESOLVED, name, fingerprint, labels, self.clock.now()))

    async def settle(self) -> None:
        """Let everything that is due now happen."""
        self.parts.dispatcher.wake()
        # What is due and never done with would turn for ever: then a test fails, and does not hang.
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self.parts.dispatcher.idle()

    async def pass_time(self, duration: timedelta, step: timedelta = timedelta(seconds=5)) -> None:
        """Let time pass, looking at the timers on the way as the ticks would."""
        end = self.clock.now() + duration
        while self.clock.now() < end:
            self.clock.jump(min(step, end - self.clock.now()))
            await self.settle()

    async def runs(self) -> list[Run]:
        return await self.store.read(lambda reads: reads.select(Run, Filter(order=Order.OLDEST, limit=500)))

    async def run(self, number: int = 0) -> Run:
        return (await self.runs())[number]

    async def decisions(self) -> list[DecisionRecord]:
        return await self.store.read(
            lambda reads: reads.select(DecisionRecord, Filter(order=Order.OLDEST, limit=500))
        )

    async def leases(self) -> list[Lease]:
        return await self.store.read(lambda reads: reads.select(Lease, Filter(order=Order.OLDEST, limit=500)))

    async def steps(self, run_id: int) -> list[StepRecord]:
        return await self.store.read(lambda reads: reads.steps_of_run(run_id))

    def acted(self, *names: str) -> list[tuple[str, Any]]:
        """What was done, in order: only the named actions, if any are named."""
        return [call for call in self.script.calls if not names or call[0] in names]


def person(name: str, *roles: Role, groups: tuple[str, ...] = ()) -> Actor:
    return Actor(name=name, roles=frozenset(roles), groups=frozenset(groups))


ANA = person("ana", Role.APPROVER, groups=("oncall",))
OPS = person("ops", Role.OPERATOR)


def alert_of(
    status: AlertStatus, name: str, fingerprint: str, labels: Mapping[str, str], now: datetime
) -> Alert:
    return Alert(
        status=status,
        labels={"alertname": name, **labels},
        starts_at=now if status is AlertStatus.FIRING else now - timedelta(minutes=1),
        ends_at=now if status is AlertStatus.RESOLVED else None,
        fingerprint=fingerprint,
    )


def payload_of(*alerts: Alert, truncated: int = 0) -> Payload:
    return Payload(receiver="r", group_key="g", truncated_alerts=truncated, alerts=alerts, bad=())
