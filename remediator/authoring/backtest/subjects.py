"""What a backtest decides about: an admission of an episode, and the run that may come of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from remediator.authoring.backtest.episodes import OpenEpisode
from remediator.authoring.backtest.keys import Key
from remediator.authoring.backtest.recorded import RecordedRun
from remediator.authoring.backtest.scopes import Scopes
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.scopes import Facts
from remediator.guards.evaluate import queries_of
from remediator.policy.expressions import Scope
from remediator.runs.answers import Query
from remediator.runs.history import History
from remediator.runs.plan import Plan
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.states import RunState
from remediator.runs.verdicts import Ask, Decision, Verdict

_STEPS_KEPT = 60


class DecisionStep(NamedTuple):
    """One decision that differed from the one before."""

    at: datetime
    phase: str
    outcome: Outcome
    reason: Reason | None
    option: str | None


class Path:
    """The decisions of one episode and policy, in order, as far as they differ; the first many of them."""

    __slots__ = ("_hash", "_last", "count", "ran", "steps")

    def __init__(self) -> None:
        self.steps: list[DecisionStep] = []
        self.count = 0
        self.ran: list[str] = []
        self._hash = 0
        self._last: tuple[object, ...] | None = None

    def add(self, step: DecisionStep) -> bool:
        """Add a decision; False when it says what the last one said."""
        said = (step.outcome, step.reason, step.option)
        if said == self._last:
            return False
        self._last = said
        self.count += 1
        self._hash = hash((self._hash, said))
        if self.count <= _STEPS_KEPT:
            self.steps.append(step)
        return True

    def same_as(self, other: Path) -> bool:
        """Whether both took the same decisions, whenever they did."""
        return self.count == other.count and self._hash == other._hash


class Subject:
    """Something that is looked at when it is due, and need not be while nothing it depends on changes.

    `stamp` is the state of what the last decision depended on, None when that is not known;
    before `flips_at` time alone can't change it.
    """

    __slots__ = (
        "anchor",
        "dirty",
        "dormant",
        "due",
        "flips_at",
        "id",
        "keys",
        "named",
        "prepared",
        "priority",
        "stamp",
        "token",
    )

    def __init__(self, number: int, prepared: PreparedPolicy) -> None:
        self.id = number
        self.prepared = prepared
        self.priority = prepared.policy.document.priority
        self.due: datetime | None = None
        self.token = 0
        self.anchor: datetime | None = None
        self.stamp: tuple[object, ...] | None = None
        self.flips_at: datetime | None = None
        self.keys: tuple[Key, ...] = ()
        self.named: datetime | None = None
        self.dormant = False
        self.dirty = False

    @property
    def recheck(self) -> timedelta:
        """How often it is looked at while no guard names a time."""
        return self.prepared.policy.document.recheck


class Known(NamedTuple):
    """Verdicts of the first pass, and the past that they are of."""

    history: History
    verdicts: Mapping[str, Verdict]


class BacktestAdmission(Subject):
    """One policy that matched one episode, and what was last decided of the two."""

    __slots__ = (
        "_queries",
        "_scope",
        "_scopes",
        "busy_since",
        "created_at",
        "done",
        "episode",
        "facts",
        "facts_known",
        "held_since",
        "known",
        "looked_at",
        "outcome",
        "path",
        "reason",
        "run",
        "runs",
        "target",
        "waits_for",
    )

    def __init__(
        self, number: int, prepared: PreparedPolicy, episode: OpenEpisode, now: datetime, scopes: Scopes
    ) -> None:
        super().__init__(number, prepared)
        self._scopes = scopes
        self.episode = episode
        self.created_at = now
        self.outcome: Outcome | None = None
        self.reason: Reason | None = None
        self.target = ""
        self.run: BacktestRun | None = None
        self.runs = 0
        self.held_since: Mapping[str, datetime] = {}
        self.looked_at: datetime | None = None
        self.done = False
        self.path = Path()
        self.busy_since: datetime | None = None
        self.waits_for: tuple[str, str] | None = None
        self.facts: Facts | None = None
        self.facts_known = True
        self.known: Known | None = None
        self._scope: Scope | None = None
        self._queries: tuple[Query, ...] | None = None

    @property
    def policy(self) -> str:
        """The policy's name."""
        return self.prepared.policy.name

    @property
    def scope(self) -> Scope:
        """What templates and expressions see."""
        if self._scope is None:
            self._scope = self._scopes.of(self.prepared, self.episode, self.facts)
        return self._scope

    @property
    def queries(self) -> tuple[Query, ...]:
        """What its guards ask."""
        if self._queries is None:
            self._queries = queries_of(self.prepared.uses, self.scope)
        return self._queries

    def renew(self) -> None:
        """Forget what templates see, for the episode has changed."""
        self._scope = self._queries = self.stamp = None

    def found(self, facts: Facts) -> None:
        """Take in what the diagnosis found."""
        self.facts = facts
        if facts.values:
            self._scope = None


@dataclass(slots=True)
class Request:
    """An approval that was asked for."""

    level: str
    expires_at: datetime
    granted: bool = False


class Decided(NamedTuple):
    """The decision that a run came of, and the state of what it depended on once the run was there."""

    at: datetime
    decision: Decision
    keys: tuple[Key, ...]
    stamp: tuple[object, ...]


class BacktestRun(Subject):
    """A run that would have been, from its decision to its end."""

    __slots__ = (
        "admission",
        "decided",
        "episodes",
        "finished_at",
        "leased",
        "option",
        "plan",
        "queries",
        "reason",
        "recorded",
        "relapsed",
        "requests",
        "scope",
        "started_at",
        "state",
        "target",
    )

    def __init__(
        self, number: int, admission: BacktestAdmission, plan: Plan | None, option: str | None
    ) -> None:
        super().__init__(number, admission.prepared)
        self.admission = admission
        self.plan = plan
        self.option = option
        self.target = admission.target
        self.scope = admission.scope
        """As it was decided with: what templates see then is what it keeps."""
        self.queries = admission.queries
        self.state = RunState.PLANNED
        self.reason: Reason | None = None
        self.episodes = [admission.episode]
        self.requests: list[Request] = []
        self.decided: Decided | None = None
        self.started_at: datetime | None = None
        self.finished_at: datetime | None = None
        self.leased = False
        self.relapsed = False
        self.recorded: RecordedRun | None = None

    @property
    def policy(self) -> str:
        """The policy's name."""
        return self.prepared.policy.name

    @property
    def all_closed(self) -> bool:
        """Whether every episode that it serves is closed."""
        return not any(episode.open for episode in self.episodes)

    def next_ask(self, asks: tuple[Ask, ...]) -> Ask | None:
        """Return the first approval that it still needs."""
        granted = {request.level for request in self.requests if request.granted}
        return next((ask for ask in asks if ask.level not in granted), None)

    def approval_ran_out(self, now: datetime) -> bool:
        """Whether it waited so long after an approval that this is no longer good."""
        return any(request.granted and request.expires_at <= now for request in self.requests)
