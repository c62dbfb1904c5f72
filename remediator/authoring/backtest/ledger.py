"""What guards see of the past and of what else goes on, kept no longer than any guard looks back."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from remediator.authoring.backtest.subjects import BacktestAdmission, BacktestRun, Key
from remediator.engine.capabilities import PreparedPolicy
from remediator.runs.history import Finish, History, Leased, LiveRun, Start, Waiting
from remediator.runs.records import Claim, Hold, Lease
from remediator.runs.states import RunState
from remediator.settings import Limits

_MINUTE = timedelta(minutes=1)
_RESOURCE = "resource"

LIVE: Key = ("live", None)
"""Which runs are under way."""
CAPS: Key = ("caps", None)
"""Whether as many are under way, or started lately, as may."""
STARTS: Key = ("starts", None)
"""Which started lately, while as many had as may."""
HOLDS: Key = ("holds", None)
LEASES: Key = ("leases", None)


def policy_key(policy: str) -> Key:
    """Name what a policy has started, finished and has under way."""
    return ("policy", policy)


def join_key(policy: str, target: str) -> Key:
    """Name the run of a policy on a target that is not over, or whose changes stand."""
    return ("join", (policy, target))


def resource_key(resource: str) -> Key:
    """Name a lock."""
    return (_RESOURCE, resource)


def target_key(target: str) -> Key:
    """Name those who wait for a target."""
    return ("target", target)


class Ledger:
    """Starts, finishes, locks, leases, holds and who waits. Each change is counted by what it changes."""

    def __init__(self, limits: Limits, policies: Iterable[PreparedPolicy] = ()) -> None:
        self._limits = limits
        known = list(policies)
        self._looping = {one.policy.name for one in known if _has(one, "loop")}
        self._floored = {one.policy.name for one in known if _has(one, "healthy_floor")}
        self._widest = max(
            (one.window for one in known if one.policy.name in self._floored), default=timedelta(0)
        )
        self._starts: dict[str, deque[Start]] = defaultdict(deque)
        self._recent: deque[Start] = deque()
        self._shadow: dict[str, deque[Start]] = defaultdict(deque)
        self._shadow_recent: deque[Start] = deque()
        self._finishes: dict[str, deque[Finish]] = defaultdict(deque)
        self._recent_finishes: deque[Finish] = deque()
        self._openings: dict[tuple[str, str], deque[datetime]] = {}
        self._ends: dict[tuple[str, str], deque[datetime]] = {}
        self._closings: Mapping[str, Sequence[datetime]] = {}
        self._live: dict[int, LiveRun] = {}
        self._claims: dict[str, Claim] = {}
        self._leases: dict[tuple[str, str], Lease] = {}
        self._lessees: dict[int, Leased] = {}
        self._holds: tuple[Hold, ...] = ()
        self._waiting: dict[str, dict[int, Waiting]] = {}
        self._versions: dict[Key, int] = defaultdict(int)
        self._changed: list[Key] = []
        self._changes = 0
        self._told: tuple[tuple[object, ...], History] | None = None

    # --- what is asked -------------------------------------------------------------------

    def history(self, now: datetime, prepared: PreparedPolicy, target: str, *, shadow: bool) -> History:
        """Return what a decision about a policy and a target may look at.

        Of other policies' starts that is the last minute, and of their finishes what `healthy_floor`
        asks of: more no guard looks at. While nothing changes, the very same is returned for the same.
        """
        asked = (now, prepared.policy.name, target, shadow, self._changes)
        if self._told is None or self._told[0] != asked:
            self._told = (asked, self._gather(now, prepared, target, shadow=shadow))
        return self._told[1]

    def _gather(self, now: datetime, prepared: PreparedPolicy, target: str, *, shadow: bool) -> History:
        name, since = prepared.policy.name, now - prepared.window
        waiting = self._waiting.get(target)
        return History(
            starts=self._own_and_recent(name, since, now, shadow=shadow),
            finishes=self._own_and_unsure(prepared, since),
            breaker_closed_at=self._breaker_closed_at(name, now),
            live=tuple(self._live.values()),
            claims=tuple(self._claims.values()),
            leases=tuple(self._leases.values()),
            holds=self._holds,
            leased=self._leased(),
            waiting=tuple(waiting.values()) if waiting else (),
            openings=_since(self._openings.get((name, target)), since),
            ends=_since(self._ends.get((name, target)), since),
        )

    def state(self, key: Key, now: datetime, *, shadow: bool) -> object:
        """Return the state of what `key` names: how it is, of locks and caps, else how often it changed."""
        if key[0] == _RESOURCE:
            return key[1] in self._claims
        return self.capped(now, shadow=shadow) if key is CAPS else self._versions.get(key, 0)

    def capped(self, now: datetime, *, shadow: bool) -> tuple[bool, bool]:
        """Tell whether as many runs are under way, and as many started in a minute, as may."""
        recent = self._within_a_minute(now, shadow=shadow)
        return (
            len(self._live) >= self._limits.concurrent_runs,
            len(recent) >= self._limits.runs_per_minute,
        )

    def free(self, resources: Iterable[str]) -> bool:
        """Tell whether nobody holds any of these locks."""
        return not any(resource in self._claims for resource in resources)

    def lease_on(self, pair: tuple[str, str]) -> Lease | None:
        """Return the lease that stands on an attribute."""
        return self._leases.get(pair)

    def policy_of_run(self, number: int) -> str:
        """Return whose run it is that is under way."""
        live = self._live.get(number)
        return live.policy if live is not None else "?"

    def policy_of_waiting(self, target: str, admission_id: int) -> str:
        """Return whose admission it is that waits for a target."""
        waiting = self._waiting.get(target, {}).get(admission_id)
        return waiting.policy if waiting is not None else "?"

    def changed(self) -> list[Key]:
        """Return what changed since this was asked last."""
        keys, self._changed = self._changed, []
        return keys

    # --- what happens --------------------------------------------------------------------

    def start(self, run: BacktestRun, resources: Iterable[str], now: datetime) -> None:
        """Note that a run starts, with the locks it takes."""
        started = Start(now, run.policy, run.target, run.id)
        self._starts[run.policy].append(started)
        self._recent.append(started)
        self.take(run.id, run.policy, run.target, RunState.RUNNING, resources, now)
        if len(self._within_a_minute(now, shadow=False)) >= self._limits.runs_per_minute:
            self.touch(CAPS)
            self.touch(STARTS)

    def take(
        self,
        number: int,
        policy: str,
        target: str,
        state: RunState,
        resources: Iterable[str],
        now: datetime,
    ) -> None:
        """Note that a run, or a revert, is under way and holds locks."""
        for resource in resources:
            self._claims[resource] = Claim(resource=resource, run_id=number, claimed_at=now)
            self.touch(resource_key(resource))
        self._live[number] = LiveRun(number, policy, target, state)
        self._live_changed(len(self._live) - 1)
        self.touch(policy_key(policy))

    def give_back(self, number: int) -> bool:
        """Note that a run is no longer under way; tell whether that freed anything."""
        mine = [resource for resource, claim in self._claims.items() if claim.run_id == number]
        for resource in mine:
            del self._claims[resource]
            self.touch(resource_key(resource))
        live = self._live.pop(number, None)
        if live is not None:
            self._live_changed(len(self._live) + 1)
            self.touch(policy_key(live.policy))
        return bool(mine)

    def finish(self, run: BacktestRun, now: datetime) -> None:
        """Note that a run ended."""
        finish = Finish(now, run.policy, run.target, run.id, run.state)
        self._finishes[run.policy].append(finish)
        if self._widest:
            self._recent_finishes.append(finish)
        if run.started_at is not None:
            self.ended(run, now)
        self.touch(policy_key(run.policy))

    def opened(self, admission: BacktestAdmission, now: datetime) -> None:
        """Note that an alert of a policy began to fire on a target, where somebody counts that."""
        if admission.policy in self._looping:
            self._openings.setdefault((admission.policy, admission.target), deque()).append(now)
            self.touch(policy_key(admission.policy))

    def ended(self, run: BacktestRun, now: datetime) -> None:
        """Note that a run or a revert ended on its target, where somebody counts that."""
        if run.policy in self._looping:
            self._ends.setdefault((run.policy, run.target), deque()).append(now)

    def relapse(self, run: BacktestRun) -> None:
        """Note that the alert of a run that succeeded came back."""
        self._finishes[run.policy] = deque(
            Finish(one.at, one.policy, one.target, one.run_id, one.state, relapsed=True)
            if one.run_id == run.id
            else one
            for one in self._finishes[run.policy]
        )
        self.touch(policy_key(run.policy))

    def shadow_start(self, policy: str, target: str, now: datetime) -> None:
        """Note that a run would have started."""
        self._shadow[policy].append(Start(now, policy, target, 0))
        self._shadow_recent.append(Start(now, policy, target, 0))
        self.touch(policy_key(policy))
        self.touch(CAPS)
        self.touch(STARTS)

    def wait(self, admission: BacktestAdmission, *, waits: bool) -> None:
        """Note that an admission waits for its target, or no longer does."""
        queue = self._waiting.get(admission.target)
        if waits:
            waiting = Waiting(
                admission.id, admission.policy, admission.target, admission.priority, admission.created_at
            )
            if queue is None:
                queue = self._waiting[admission.target] = {}
            if admission.id not in queue:
                queue[admission.id] = waiting
                self.touch(target_key(admission.target))
        elif queue is not None and queue.pop(admission.id, None) is not None:
            if not queue:
                del self._waiting[admission.target]
            self.touch(target_key(admission.target))

    def lease(self, run: BacktestRun, lease: Lease) -> None:
        """Note that a lease stands."""
        self._lessees[run.id] = Leased(run.id, run.policy, run.target)
        self._leases[lease.resource, lease.attribute] = lease
        self.touch(LEASES)
        self.touch(join_key(run.policy, run.target))
        self.touch(policy_key(lease.policy))

    def end_leases(self, run: BacktestRun) -> None:
        """Note that what a run changed is undone."""
        self._lessees.pop(run.id, None)
        self._leases = {pair: lease for pair, lease in self._leases.items() if lease.run_id != run.id}
        self.touch(LEASES)
        self.touch(policy_key(run.policy))
        self.touch(join_key(run.policy, run.target))

    def hold(self, holds: tuple[Hold, ...]) -> None:
        """Note which holds are in force now."""
        self._holds = holds
        self.touch(HOLDS)

    def close_breakers(self, closings: Mapping[str, Sequence[datetime]]) -> None:
        """Take over when people closed failure breakers."""
        self._closings = closings

    def earlier(self, starts: Iterable[Start], finishes: Iterable[Finish]) -> None:
        """Take over what was before the period, oldest first."""
        for start in starts:
            self._starts[start.policy].append(start)
            self._recent.append(start)
        for finish in finishes:
            self._finishes[finish.policy].append(finish)

    def touch(self, key: Key) -> None:
        """Count a change."""
        self._versions[key] += 1
        self._changes += 1
        self._changed.append(key)

    # --- within --------------------------------------------------------------------------

    def _live_changed(self, before: int) -> None:
        self.touch(LIVE)
        most = self._limits.concurrent_runs
        if (before >= most) is not (len(self._live) >= most):
            self.touch(CAPS)

    def _own_and_recent(
        self, policy: str, since: datetime, now: datetime, *, shadow: bool
    ) -> tuple[Start, ...]:
        own = (self._shadow if shadow else self._starts).get(policy)
        recent = self._within_a_minute(now, shadow=shadow)
        mine = _newest_first(own, since) if own else ()
        others = [start for start in reversed(recent) if start.policy != policy]
        return (*mine, *others) if others else mine

    def _own_and_unsure(self, prepared: PreparedPolicy, since: datetime) -> tuple[Finish, ...]:
        name = prepared.policy.name
        own = self._finishes.get(name)
        mine = _newest_first(own, since) if own else ()
        if name not in self._floored:
            return mine
        others = _newest_first(self._recent_finishes, since + prepared.window - self._widest)
        return (*mine, *(one for one in others if one.policy != name and one.at >= since))

    def _leased(self) -> tuple[Leased, ...]:
        return tuple(dict.fromkeys(self._lessees[lease.run_id] for lease in self._leases.values()))

    def _within_a_minute(self, now: datetime, *, shadow: bool) -> deque[Start]:
        recent = self._shadow_recent if shadow else self._recent
        while recent and recent[0].at <= now - _MINUTE:
            recent.popleft()
        return recent

    def _breaker_closed_at(self, policy: str, now: datetime) -> datetime | None:
        return max((at for at in self._closings.get(policy, ()) if at <= now), default=None)


def _has(prepared: PreparedPolicy, guard: str) -> bool:
    return any(use.guard.name == guard for use in prepared.uses)


def _since(past: deque[datetime] | None, since: datetime) -> tuple[datetime, ...]:
    if not past:
        return ()
    while past and past[0] < since:
        past.popleft()
    return tuple(reversed(past))


P = TypeVar("P", Start, Finish)


def _newest_first(past: deque[P], since: datetime) -> tuple[P, ...]:
    while past and past[0].at < since:
        past.popleft()
    return tuple(reversed(past))
