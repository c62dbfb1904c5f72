"""A life: what a seed lets happen to the engine, one thing after the other and several at once."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from remediator.alerts import Alert, AlertStatus, Payload
from remediator.engine.actors import Actor
from remediator.runs.audit import AuditRow
from remediator.runs.records import HoldScope, Run
from remediator.runs.states import RunState
from remediator.settings import Role
from remediator.simulation.looped_clock import LoopedClock, LoopedEventLoop
from remediator.store.base import Filter, Order, StoreUnavailableError
from remediator.store.sqlite.memory import empty_database
from torture.life.beginning import START
from torture.life.policies import NAMES
from torture.life.process import Process
from torture.life.things import LOOKS, THINGS, Surveys, Things

_ALERTS = [(name, thing) for name in ("Broken", "Slow", "Down") for thing in ("x", "y")]
_PAUSES_SECONDS = (0, 0, 1, 1, 5, 5, 20, 45, 130)
_LONGEST_KILL = 25
_LONGEST_DOWN_SECONDS = 90
_AFTERWARDS = timedelta(minutes=40)
_ALL = Filter(order=Order.OLDEST, limit=100_000)

ANA = Actor(name="ana", roles=frozenset({Role.APPROVER}), groups=frozenset({"oncall"}))
BEN = Actor(name="ben", roles=frozenset({Role.APPROVER}), groups=frozenset({"oncall"}))
EVE = Actor(name="eve", roles=frozenset({Role.APPROVER}), groups=frozenset({"guests"}))
OPS = Actor(name="ops", roles=frozenset({Role.OPERATOR}), groups=frozenset())


@dataclass
class Life:
    """One engine through all its processes, and what is around it."""

    random: Random
    loop: LoopedEventLoop
    database: sqlite3.Connection = field(default_factory=empty_database)
    surveys: Surveys = field(default_factory=Surveys)
    acknowledged: list[int] = field(default_factory=list)
    """Deliveries that were answered 200."""
    happened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock = LoopedClock(START, self.loop)
        self.things = Things(self.clock, self.random)
        self.process = self._start()
        self._begun: dict[str, Alert] = {}

    def _start(self) -> Process:
        return Process.start(self.database, self.clock, self.things, self.surveys, self.random)

    async def live(self, events: int) -> None:
        """Let so many things happen, then calm down and give everything time to end."""
        deeds = self._deeds()
        for _ in range(events):
            deed = self.random.choice(deeds)
            self.happened.append(f"{self.loop.passed} {deed.__name__.strip('_')}")
            with contextlib.suppress(StoreUnavailableError, asyncio.CancelledError):
                await deed()
            await self.clock.sleep(timedelta(seconds=self.random.choice(_PAUSES_SECONDS)))
            if self.process.store.dead:
                await self._restart()
        await self._calm_down()

    def _deeds(self) -> list[Callable[[], Awaitable[None]]]:
        often = [self._fire, self._resolve, self._flap, self._burst] * 3
        votes = [self._vote] * 4
        people = [*votes, self._two_votes, self._hold, self._release, self._cancel]
        more = [self._resume, self._revert, self._look, self._silence, self._meddle]
        return [*often, *people, *more, self._kill, self._kill, self._stop, self._lock]

    # ---- alerts

    async def _fire(self) -> None:
        await self._deliver(self._alert(AlertStatus.FIRING))

    async def _resolve(self) -> None:
        await self._deliver(self._alert(AlertStatus.RESOLVED))

    async def _flap(self) -> None:
        name, thing = self.random.choice(_ALERTS)
        for status in (AlertStatus.FIRING, AlertStatus.RESOLVED, AlertStatus.FIRING):
            await self._deliver(self._alert(status, name, thing))
            await self.clock.sleep(timedelta(seconds=self.random.choice((0, 1, 30, 70))))

    async def _burst(self) -> None:
        """Several deliveries at once, one of them twice, as from two Alertmanagers."""
        alerts = [self._alert(AlertStatus.FIRING) for _ in range(self.random.randint(2, 4))]
        await asyncio.gather(
            *(self._deliver(alert) for alert in [*alerts, alerts[0]]), return_exceptions=True
        )

    def _alert(self, status: AlertStatus, name: str | None = None, thing: str | None = None) -> Alert:
        if name is None or thing is None:
            name, thing = self.random.choice(_ALERTS)
        fingerprint = f"{name}/{thing}"
        now = self.clock.now()
        known = self._begun.get(fingerprint)
        starts_at = known.starts_at if known is not None else now
        ended = status is AlertStatus.RESOLVED
        alert = Alert(
            status=status,
            labels={"alertname": name, "thing": thing},
            starts_at=starts_at,
            ends_at=now if ended else None,
            fingerprint=fingerprint,
        )
        if ended:
            self._begun.pop(fingerprint, None)
        else:
            self._begun[fingerprint] = alert
        return alert

    async def _deliver(self, alert: Alert) -> None:
        payload = Payload(receiver="r", group_key="g", truncated_alerts=0, alerts=(alert,), bad=())
        accepted = await self.process.parts.intake.accept("default", payload)
        self.acknowledged.append(accepted.delivery_id)

    # ---- people

    async def _vote(self) -> None:
        await self._verdict(self.random.choice((ANA, BEN, EVE)), approve=self.random.random() < 0.8)

    async def _two_votes(self) -> None:
        """Two people at the same moment, one for and one against."""
        await asyncio.gather(
            self._verdict(ANA, approve=True), self._verdict(BEN, approve=False), return_exceptions=True
        )

    async def _verdict(self, actor: Actor, *, approve: bool) -> None:
        runs = await self._runs(RunState.AWAITING_APPROVAL)
        if runs:
            shown = runs[0].plan_hash if self.random.random() < 0.9 else "another plan"
            await self.process.parts.approvals.vote(
                runs[0].id, plan_hash=shown or "", actor=actor, approve=approve, comment="seen"
            )

    async def _hold(self) -> None:
        scope = self.random.choice(tuple(HoldScope))
        value = {HoldScope.POLICY: self.random.choice(NAMES), HoldScope.TARGET: "thing/x"}.get(scope, "")
        lasts = timedelta(seconds=self.random.choice((10, 60, 200)))
        await self.process.parts.holds.add(
            scope=scope, value=value, reason="a look around", duration=lasts, actor=OPS
        )

    async def _release(self) -> None:
        holds = await self.process.store.read(lambda reads: reads.active_holds(self.clock.now()))
        if holds:
            await self.process.parts.holds.remove(holds[0].id, actor=OPS)

    async def _cancel(self) -> None:
        runs = await self._runs(RunState.RUNNING, RunState.VERIFYING, RunState.PLANNED)
        if runs:
            await self.process.parts.control.cancel(runs[0].id, actor=OPS, comment="enough", kill=False)

    async def _resume(self) -> None:
        """Resume what needs a person, who went there and looked."""
        for run in await self._runs(RunState.NEEDS_HUMAN, RunState.EXPIRED):
            treat = "done" if self.things.effects[await self._last_step(run)] else "not_done"
            await self.process.parts.control.resume(run.id, actor=OPS, comment="looked", treat_step_as=treat)

    async def _last_step(self, run: Run) -> str:
        """Return the key of a run's last step, as its action saw it."""
        steps = await self.process.store.read(lambda reads: reads.steps_of_run(run.id))
        last = next((step for step in reversed(steps) if step.option == run.option), None)
        return f"run-{run.id}/{last.action}/act/{run.option}/{last.position}" if last else ""

    async def _revert(self) -> None:
        runs = await self._runs(RunState.SUCCEEDED)
        if runs:
            await self.process.parts.control.revert(runs[-1].id, actor=OPS, comment="back, please")

    async def _meddle(self) -> None:
        """Somebody changes a thing by hand."""
        if self.random.random() < 1 / 4:
            self.things.values[self.random.choice(THINGS)] = 99

    # ---- surroundings

    async def _look(self) -> None:
        self.surveys.ok = LOOKS[self.random.choice(tuple(LOOKS))]

    async def _silence(self) -> None:
        self.surveys.suppressed = self.random.choice((False, False, True, None))

    async def _lock(self) -> None:
        """Somebody keeps the database locked for a while."""
        self.process.store.locked = True
        await self.clock.sleep(timedelta(seconds=self.random.choice((1, 10, 60))))
        self.process.store.locked = False

    async def _kill(self) -> None:
        self.process.store.kill_after(self.random.randint(1, _LONGEST_KILL))

    async def _stop(self) -> None:
        await self._restart()

    async def _restart(self) -> None:
        await self.process.stop()
        await self.clock.sleep(timedelta(seconds=self.random.randint(0, _LONGEST_DOWN_SECONDS)))
        self.process = self._start()

    async def _calm_down(self) -> None:
        """Nothing fails any more. What was changed for alerts that do not resolve yet runs out first."""
        await self._restart()
        self.things.calm = True
        self.surveys.ok, self.surveys.suppressed = LOOKS["holds"], False
        first = self.random.sample(_ALERTS, len(_ALERTS) // 2)
        await self._resolve_all(first)
        await self.clock.sleep(_AFTERWARDS)
        await self._resolve_all([alert for alert in _ALERTS if alert not in first])
        await self.clock.sleep(_AFTERWARDS)

    async def _resolve_all(self, alerts: Sequence[tuple[str, str]]) -> None:
        for name, thing in alerts:
            await self._deliver(self._alert(AlertStatus.RESOLVED, name, thing))

    # ---- what is left

    async def _runs(self, *states: RunState) -> list[Run]:
        runs = await self.runs()
        return [run for run in runs if run.state in states]

    async def runs(self) -> list[Run]:
        """Return all runs, oldest first."""
        return await self.process.store.read(lambda reads: reads.select(Run, _ALL))

    async def audit_rows(self) -> list[AuditRow]:
        """Return the whole audit log, oldest first."""
        return await self.process.store.read(lambda reads: reads.audit_rows(_ALL))

    async def end(self) -> None:
        """Stop the last process and forget everything."""
        await self.process.stop()
        self.database.close()
