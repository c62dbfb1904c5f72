"""The engine against a model: which alerts are open, who holds what, and what guards let through."""

from __future__ import annotations

import logging
from collections.abc import Coroutine
from datetime import timedelta
from random import Random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from remediator.alerts import AlertStatus
from remediator.runs.records import Claim, HoldScope, Run
from remediator.runs.states import RunState
from remediator.simulation.looped_clock import LoopedEventLoop
from remediator.store.base import Filter, Reads
from torture.audit.judging import broken_in
from torture.life.life import ANA, BEN, OPS, Life
from torture.life.policies import RULES
from torture.life.things import LOOKS

HOLDS_LOCKS = {RunState.RUNNING, RunState.VERIFYING, RunState.REVERTING}
ALERTS = st.sampled_from([(name, thing) for name in ("Broken", "Slow", "Down") for thing in ("x", "y")])


class Engine(RuleBasedStateMachine):
    """Alerts, people, time and kills in any order; the model knows what must be open and held."""

    def __init__(self) -> None:
        super().__init__()
        logging.disable(logging.CRITICAL)
        self.loop = LoopedEventLoop()
        self.open: set[str] = set()
        self.holds = 0
        self.life = self.do(self._begin())

    async def _begin(self) -> Life:
        return Life(Random(0), self.loop)

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @rule(alert=ALERTS)
    def fires(self, alert: tuple[str, str]) -> None:
        # Each firing begins anew, so that none is late: what is open is then simply known.
        fingerprint = f"{alert[0]}/{alert[1]}"
        self.life._begun.pop(fingerprint, None)
        self.do(self.life.clock.sleep(timedelta(milliseconds=1)))
        self.do(self.life._deliver(self.life._alert(AlertStatus.FIRING, *alert)))
        self.open.add(fingerprint)

    @rule(alert=ALERTS)
    def resolves(self, alert: tuple[str, str]) -> None:
        self.do(self.life._deliver(self.life._alert(AlertStatus.RESOLVED, *alert)))
        self.open.discard(f"{alert[0]}/{alert[1]}")

    @rule(alert=ALERTS)
    def flaps(self, alert: tuple[str, str]) -> None:
        for _ in range(2):
            self.fires(alert)
            self.time_passes(31)
            self.resolves(alert)

    @rule(seconds=st.sampled_from([1, 5, 31, 61, 250]))
    def time_passes(self, seconds: int) -> None:
        self.do(self.life.clock.sleep(timedelta(seconds=seconds)))

    @rule(approve=st.booleans(), first=st.booleans())
    def people_vote(self, approve: bool, first: bool) -> None:
        self.do(self.life._verdict(ANA if first else BEN, approve=approve))

    @rule(scope=st.sampled_from([(HoldScope.ALL, ""), (HoldScope.POLICY, "lower")]))
    def people_hold(self, scope: tuple[HoldScope, str]) -> None:
        self.do(
            self.life.process.parts.holds.add(
                scope=scope[0], value=scope[1], reason="a look", duration=None, actor=OPS
            )
        )
        self.holds += 1

    @precondition(lambda self: self.holds > 0)
    @rule()
    def people_release(self) -> None:
        self.do(self.life._release())
        self.holds -= 1

    @rule(what=st.sampled_from(sorted(LOOKS)))
    def prometheus_says(self, what: str) -> None:
        self.life.surveys.ok = LOOKS[what]

    @rule()
    def the_server_is_killed_and_started(self) -> None:
        self.do(self.life._restart())

    @invariant()
    def what_fires_is_open_and_nothing_else(self) -> None:
        episodes = self.do(self.life.process.store.read(lambda reads: reads.open_episodes()))
        assert sorted(episode.fingerprint for episode in episodes) == sorted(self.open)

    @invariant()
    def every_hold_stands_until_it_is_removed(self) -> None:
        now = self.life.clock.now()
        assert len(self.do(self.life.process.store.read(lambda reads: reads.active_holds(now)))) == self.holds

    @invariant()
    def locks_are_held_by_who_is_under_way(self) -> None:
        def look(reads: Reads) -> tuple[list[Claim], list[Run]]:
            return reads.claims(), reads.select(Run, Filter(limit=500))

        claims, found = self.do(self.life.process.store.read(look))
        runs = {run.id: run for run in found}
        assert {runs[claim.run_id].state for claim in claims} <= HOLDS_LOCKS
        acting = [run for run in runs.values() if run.state in (RunState.RUNNING, RunState.VERIFYING)]
        assert {run.id for run in acting} <= {claim.run_id for claim in claims}
        assert len(acting) <= RULES.concurrent_runs
        assert len({run.target for run in acting}) == len(acting)

    @invariant()
    def the_log_shows_no_promise_broken(self) -> None:
        rows = self.do(self.life.audit_rows())
        acknowledged = self.life.acknowledged
        assert list(broken_in(rows, RULES, acknowledged=acknowledged, settled=False)) == []
        assert self.life.things.violations == []

    def teardown(self) -> None:
        self.do(self.life.end())
        self.loop.close()
        logging.disable(logging.NOTSET)


TestEngine = Engine.TestCase
TestEngine.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
