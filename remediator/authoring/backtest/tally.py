"""What is counted of a replay: aggregates, which do not grow with its length."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from remediator.authoring.backtest.episodes import OpenEpisode
from remediator.authoring.backtest.ledger import Ledger
from remediator.authoring.backtest.subjects import BacktestAdmission, BacktestRun, DecisionStep
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.states import RunState
from remediator.runs.verdicts import Ask, Decision, VerdictKind

_NAMES_KEPT = 10_000
_CONTENTIONS_KEPT = 10_000
_HOUR = timedelta(hours=1)


class Came(StrEnum):
    """What came of one episode for one policy, in the end."""

    RAN = "ran"
    WOULD_RUN = "would_run"
    """In shadow."""
    JOINED = "joined"
    ASKED = "asked"
    """People were asked, and it did not start."""
    BLOCKED = "blocked"
    PENDING = "pending"


@dataclass(slots=True)
class PolicyTally:
    """What one policy did."""

    episodes: int = 0
    runs: int = 0
    asks: int = 0
    reverts: int = 0
    came: Counter[Came] = field(default_factory=Counter)
    blocked_by: Counter[Reason] = field(default_factory=Counter)
    """Episodes that were blocked for a reason at least once."""
    kept_by: Counter[Reason] = field(default_factory=Counter)
    """Episodes that never got further, by the last reason."""
    options: Counter[str] = field(default_factory=Counter)
    ends: Counter[RunState] = field(default_factory=Counter)


@dataclass(slots=True)
class Contention:
    """How often and how long one policy waited for another."""

    times: int = 0
    waited: timedelta = timedelta(0)
    longest: timedelta = timedelta(0)


@dataclass(slots=True)
class Hour:
    """What happened within an hour."""

    episodes: int = 0
    runs: int = 0
    asks: int = 0
    blocked: int = 0


class Tally:
    """Counts what one world does."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.policies: dict[str, PolicyTally] = defaultdict(PolicyTally)
        self.unmatched: Counter[str] = Counter()
        self.unmatched_episodes = 0
        self.asks: Counter[tuple[str, str]] = Counter()
        """By day and approver."""
        self.answers: Counter[str] = Counter()
        self.contentions: dict[tuple[str, str, str], Contention] = {}
        self.hours: dict[datetime, Hour] = defaultdict(Hour)
        self.facts_unknown: Counter[str] = Counter()
        self._latest = (datetime.min.replace(tzinfo=UTC), Hour())

    def opened(self, episode: OpenEpisode, admissions: Sequence[BacktestAdmission], now: datetime) -> None:
        """Count an episode."""
        self._hour(now).episodes += 1
        if not admissions:
            self.unmatched_episodes += 1
            if episode.alertname in self.unmatched or len(self.unmatched) < _NAMES_KEPT:
                self.unmatched[episode.alertname] += 1
        for admission in admissions:
            self.policies[admission.policy].episodes += 1

    def decided(self, admission: BacktestAdmission, step: DecisionStep) -> None:
        """Count a decision that says something new."""
        if step.outcome is Outcome.BLOCKED:
            self._hour(step.at).blocked += 1
        if step.option == "?":
            self.facts_unknown[admission.policy] += 1

    def started(self, run: BacktestRun, now: datetime) -> None:
        """Count a run."""
        tally = self.policies[run.policy]
        tally.runs += 1
        tally.options[run.option or "-"] += 1
        run.admission.path.ran.append(run.option or "-")
        self._hour(now).runs += 1

    def ended(self, run: BacktestRun) -> None:
        """Count how a run ended."""
        self.policies[run.policy].ends[run.state] += 1

    def reverted(self, run: BacktestRun) -> None:
        """Count a temporary change that went back."""
        self.policies[run.policy].reverts += 1

    def shadowed(self, admission: BacktestAdmission, decision: Decision, now: datetime) -> None:
        """Count what would have run."""
        tally = self.policies[admission.policy]
        tally.runs += 1
        tally.options[decision.option or "-"] += 1
        self._hour(now).runs += 1
        if decision.asks:
            self._ask(admission.policy, decision.asks[0], now)

    def asked(self, run: BacktestRun, ask: Ask, now: datetime) -> None:
        """Count a request for approval."""
        self._ask(run.policy, ask, now)

    def answered(self, verdict: str) -> None:
        """Count how a request for approval ended."""
        self.answers[verdict] += 1

    def contended(self, admission: BacktestAdmission, decision: Decision | None, now: datetime) -> None:
        """Follow who waits for whom (whoever was in the way first); without a decision, nobody any more."""
        if decision is not None:
            if admission.waits_for is None:
                admission.waits_for, admission.busy_since = self._holder(admission, decision), now
        elif admission.waits_for is not None and admission.busy_since is not None:
            self._waited(admission, admission.waits_for, now - admission.busy_since)
            admission.waits_for = admission.busy_since = None

    def closed(self, admissions: Sequence[BacktestAdmission], now: datetime) -> None:
        """Count what came of an episode."""
        for admission in admissions:
            if admission.run is None or admission.run.admission is not admission:
                self.contended(admission, None, now)  # else its run may wait on, for others that joined it
            tally = self.policies[admission.policy]
            came = what_came(admission)
            tally.came[came] += 1
            for reason in {step.reason for step in admission.path.steps if step.outcome is Outcome.BLOCKED}:
                if reason is not None:
                    tally.blocked_by[reason] += 1
            if came is Came.BLOCKED and admission.reason is not None:
                tally.kept_by[admission.reason] += 1

    def _ask(self, policy: str, ask: Ask, now: datetime) -> None:
        self.policies[policy].asks += 1
        self._hour(now).asks += 1
        day = now.date().isoformat()
        for approver in ask.approval.from_:
            self.asks[day, approver] += 1

    def _waited(self, admission: BacktestAdmission, waits_for: tuple[str, str], waited: timedelta) -> None:
        key = (admission.policy, *waits_for)
        contention = self.contentions.get(key)
        if contention is None:
            if len(self.contentions) >= _CONTENTIONS_KEPT:
                key = (admission.policy, waits_for[0], "others")
            contention = self.contentions.setdefault(key, Contention())
        contention.times += 1
        contention.waited += waited
        contention.longest = max(contention.longest, waited)

    def _holder(self, admission: BacktestAdmission, decision: Decision) -> tuple[str, str] | None:
        for verdict in decision.verdicts:
            if verdict.guard == "target_lock" and verdict.kind is VerdictKind.DENY:
                for resource, run_id in sorted(verdict.inputs["taken"].items()):
                    return self._ledger.policy_of_run(run_id), resource
                yields_to = int(verdict.inputs["yields_to"])
                policy = self._ledger.policy_of_waiting(admission.target, yields_to)
                return policy, f"target:{admission.target}"
        return None

    def _hour(self, now: datetime) -> Hour:
        since, hour = self._latest
        if not since <= now < since + _HOUR:
            since = now.replace(minute=0, second=0, microsecond=0)
            hour = self.hours[since]
            self._latest = since, hour
        return hour


def what_came(admission: BacktestAdmission) -> Came:
    """Say what came of an episode for a policy, so far."""
    outcomes = {step.outcome for step in admission.path.steps}
    if admission.path.ran:
        return Came.RAN
    if Outcome.SHADOW in outcomes:
        return Came.WOULD_RUN
    if Outcome.JOINED in outcomes:
        return Came.JOINED
    if Outcome.AWAITING_APPROVAL in outcomes:
        return Came.ASKED
    if admission.outcome is Outcome.BLOCKED or outcomes & {Outcome.RUN}:
        return Came.BLOCKED
    return Came.PENDING
