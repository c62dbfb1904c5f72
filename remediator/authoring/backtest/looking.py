"""Asks the engine's decision function, with the past as the replay knows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.authoring.backtest.answering import Answering
from remediator.authoring.backtest.assumptions import Assumptions
from remediator.authoring.backtest.dormancy import (
    Outlook,
    first_outlook,
    keys_of,
    lasting,
    may_be_outlooked,
    outlook,
)
from remediator.authoring.backtest.keys import Key, join_key
from remediator.authoring.backtest.ledger import Ledger
from remediator.authoring.backtest.remembered import Verdicts
from remediator.authoring.backtest.subjects import (
    BacktestAdmission,
    BacktestRun,
    Decided,
    Known,
    Subject,
)
from remediator.engine.admission import unbroken
from remediator.engine.capabilities import Capabilities, PreparedPolicy
from remediator.engine.decide import Question, decide
from remediator.engine.scopes import Facts
from remediator.guards.base import LookPhase
from remediator.policy.expressions import RenderError
from remediator.runs.history import History
from remediator.runs.reasons import Outcome
from remediator.runs.states import RunState
from remediator.runs.verdicts import Decision, Verdict
from remediator.settings import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """What decisions are made with."""

    capabilities: Capabilities
    ceiling: Mode
    answering: Answering
    assumed: Assumptions


@dataclass(frozen=True, slots=True)
class Looked:
    """A decision, what could change it, and the state of that as it was decided."""

    decision: Decision
    outlook: Outlook | None = None
    stamp: tuple[object, ...] = ()


class Looks:
    """Looks at admissions and runs."""

    def __init__(self, deciding: Deciding, ledger: Ledger, *, naive: bool) -> None:
        self._naive = naive
        self._deciding = deciding
        self._ledger = ledger
        self._live: dict[tuple[str, str], BacktestRun] = {}
        self._leased: dict[tuple[str, str], BacktestRun] = {}
        self._verdicts = Verdicts(ledger)

    def admission(self, admission: BacktestAdmission, now: datetime) -> Looked:
        """Decide the first pass: nothing live is asked."""
        target = self._target(admission)
        history = self._history(admission.prepared, target, now)
        suppressed, told_until = self._suppressed(admission, now)
        question = Question(
            prepared=admission.prepared,
            capabilities=self._deciding.capabilities,
            ceiling=self._deciding.ceiling,
            phase=LookPhase.ADMISSION,
            now=now,
            scope=admission.scope,
            history=history,
            known=self._known(admission.prepared, now, suppressed=suppressed),
            joinable_run_id=self._joinable(admission, target),
            suppressed=suppressed,
            due_from=self._due_from(admission),
        )
        decision = self._decide(question)
        if decision.outcome is Outcome.PLANNED and not self._naive:
            admission.known = Known(history, lasting(admission.prepared, decision))
        if self._naive:
            return Looked(decision)
        ahead = first_outlook(admission.prepared, decision, now, told_until)
        return self._looked(admission, decision, ahead, now)

    def entry(self, admission: BacktestAdmission, now: datetime) -> Looked:
        """Decide the second pass, with answers and facts.

        The first pass was in this very moment, if the past that it saw is still the same.
        """
        if admission.facts is None:
            self._find_facts(admission)
        answers, until = self._deciding.answering.answers(admission.queries, admission.episode, now)
        suppressed, told_until = self._suppressed(admission, now)
        target = self._target(admission)
        due_from = self._due_from(admission)
        history = self._history(admission.prepared, target, now)
        first, admission.known = admission.known, None
        if first is not None and first.history is history:
            known: Mapping[str, Verdict] | None = first.verdicts
        else:
            known = self._known(admission.prepared, now, suppressed=suppressed)
        question = Question(
            prepared=admission.prepared,
            capabilities=self._deciding.capabilities,
            ceiling=self._deciding.ceiling,
            phase=LookPhase.ENTRY,
            now=now,
            scope=admission.scope,
            history=history,
            known=known,
            answers=answers,
            facts=admission.facts,
            admission_id=admission.id,
            joinable_run_id=self._joinable(admission, target),
            suppressed=suppressed,
            held_since=unbroken(admission.prepared, admission, now),
            due_from=due_from,
        )
        decision = self._decide(question)
        flips = due_from if due_from > now else None
        ahead = outlook(admission.prepared, decision, admission.queries, now, until, told_until, flips)
        return self._looked(admission, decision, ahead, now)

    def acting(self, run: BacktestRun, now: datetime) -> Looked:
        """Decide right before a run acts.

        What was decided in the same moment, with nothing changed since, need not be decided again: all that
        this look does not ask, or asks less of, was asked then.
        """
        if run.decided is not None:
            decided, run.decided = run.decided, None
            if decided.at == now and decided.stamp == self._stamp(run, decided.keys, now):
                return Looked(decided.decision)
        admission = run.admission
        answers, until = self._deciding.answering.answers(run.queries, admission.episode, now)
        suppressed, told_until = self._suppressed(admission, now)
        question = Question(
            prepared=run.prepared,
            capabilities=self._deciding.capabilities,
            ceiling=self._deciding.ceiling,
            phase=LookPhase.ACTING,
            now=now,
            scope=run.scope,
            history=self._history(run.prepared, run.target, now),
            known=self._known(run.prepared, now, suppressed=suppressed),
            answers=answers,
            facts=admission.facts,
            suppressed=suppressed,
            run_id=run.id,
        )
        decision = self._decide(question)
        good_until = min((one.expires_at for one in run.requests if one.granted), default=None)
        ahead = outlook(
            run.prepared, decision, run.queries, now, until, told_until, good_until, waits_to_act=True
        )
        return self._looked(run, decision, ahead, now)

    def _decide(self, question: Question) -> Decision:
        """Ask the decision function, and keep what guards said that will be asked the very same again."""
        decision = decide(question)
        if question.known is None and decision.verdicts and not self._naive:
            prepared, suppressed = question.prepared, question.suppressed
            shadow = self.shadow(prepared)
            self._verdicts.keep(
                prepared, decision.verdicts, question.now, suppressed=suppressed, shadow=shadow
            )
        return decision

    def _known(
        self, prepared: PreparedPolicy, now: datetime, *, suppressed: bool | None
    ) -> Mapping[str, Verdict] | None:
        if self._naive:
            return None
        return self._verdicts.known(prepared, now, suppressed=suppressed, shadow=self.shadow(prepared))

    def keep(self, run: BacktestRun, decision: Decision, now: datetime) -> None:
        """Keep the decision that a run came of, for the look before it acts."""
        if decision.plan is not None and not self._naive and may_be_outlooked(run.prepared):
            keys = keys_of(run.prepared, decision.target, run.queries)
            run.decided = Decided(now, decision, keys, self._stamp(run, keys, now))

    def stamp(self, subject: Subject, now: datetime) -> tuple[object, ...]:
        """Return the state of everything that a subject's decision depends on, but time and answers."""
        return self._stamp(subject, subject.keys, now)

    def shadow(self, prepared: PreparedPolicy) -> bool:
        """Tell whether whatever is decided for a policy is only written down."""
        return Mode.SHADOW in (self._deciding.ceiling, prepared.policy.document.mode)

    def live_run(self, policy: str, target: str) -> BacktestRun | None:
        """Return the run of a policy on a target that is not over."""
        return self._live.get((policy, target))

    def came(self, run: BacktestRun) -> None:
        """Note a run that is not over."""
        self._live.setdefault((run.policy, run.target), run)
        self._ledger.touch(join_key(run.policy, run.target))

    def over(self, run: BacktestRun) -> None:
        """Note that a run is over."""
        if self._live.get((run.policy, run.target)) is run:
            del self._live[run.policy, run.target]
        self._ledger.touch(join_key(run.policy, run.target))
        if run.leased:
            self._leased[run.policy, run.target] = run

    def unleased(self, run: BacktestRun) -> None:
        """Note that what a run changed is undone."""
        if self._leased.get((run.policy, run.target)) is run:
            del self._leased[run.policy, run.target]

    def find_run(self, number: int, policy: str, target: str) -> BacktestRun | None:
        """Return the run to join."""
        for runs in (self._live, self._leased):
            run = runs.get((policy, target))
            if run is not None and run.id == number:
                return run
        return None

    def _looked(self, subject: Subject, decision: Decision, ahead: Outlook | None, now: datetime) -> Looked:
        # Before what follows from the decision: an admission that queues may next time be the first.
        return Looked(decision, ahead, self._stamp(subject, ahead.keys, now) if ahead is not None else ())

    def _stamp(self, subject: Subject, keys: tuple[Key, ...], now: datetime) -> tuple[object, ...]:
        shadow, state = self.shadow(subject.prepared), self._ledger.state
        return tuple(state(key, now, shadow=shadow) for key in keys)

    def _history(self, prepared: PreparedPolicy, target: str, now: datetime) -> History:
        return self._ledger.history(now, prepared, target, shadow=self.shadow(prepared))

    def _target(self, admission: BacktestAdmission) -> str:
        try:
            return admission.prepared.policy.target.render(admission.scope)
        except RenderError:
            return ""

    def _joinable(self, admission: BacktestAdmission, target: str) -> int | None:
        run = self._live.get((admission.policy, target))
        if run is not None:
            return run.id
        leased = self._leased.get((admission.policy, target))
        if leased is None or (admission.runs and leased is admission.run):
            return None
        return None if leased.state is RunState.REVERTING else leased.id

    def _due_from(self, admission: BacktestAdmission) -> datetime:
        document = admission.prepared.policy.document
        last = admission.run
        if admission.runs and document.again and last is not None and last.finished_at is not None:
            return last.finished_at + document.again.after
        return admission.episode.opened_at + document.settle

    def _suppressed(self, admission: BacktestAdmission, now: datetime) -> tuple[bool | None, datetime | None]:
        recorded = admission.episode.recorded
        return (False, None) if recorded is None else recorded.suppressed(now)

    def _find_facts(self, admission: BacktestAdmission) -> None:
        wanted = [fact.fact for fact in admission.prepared.policy.document.diagnose]
        recorded = admission.episode.recorded
        found = recorded.facts(admission.policy) if recorded is not None else None
        values = dict.fromkeys(wanted) | dict(found["values"] if found else {}) | self._assumed(wanted)
        details: dict[str, Any] = {name: {} for name in wanted} | dict(found["details"] if found else {})
        admission.facts_known = all(values[name] is not None for name in wanted) or found is not None
        admission.found(Facts(values, details))

    def _assumed(self, wanted: list[str]) -> dict[str, object]:
        return {name: value for name, value in self._deciding.assumed.facts.items() if name in wanted}
