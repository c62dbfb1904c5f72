"""What guards see of the past and of what else goes on, kept no longer than any guard looks back."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from remediator.authoring.backtest.keys import (
    CAPS,
    HOLDS,
    LEASES,
    LIVE,
    RESOURCE,
    STARTS,
    TARGET,
    Key,
    ends_key,
    join_key,
    live_key,
    resource_key,
    starts_key,
    target_key,
)
from remediator.authoring.backtest.locks import Locks
from remediator.authoring.backtest.past import Past
from remediator.authoring.backtest.queues import Queues
from remediator.authoring.backtest.subjects import BacktestAdmission, BacktestRun
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.decide import lock_keys
from remediator.runs.history import Finish, History, Leased, LiveRun, Start
from remediator.runs.records import Hold, Lease
from remediator.runs.states import RunState
from remediator.settings import Limits

_MINUTE = timedelta(minutes=1)
"""What `limits: runs_per_minute` counts by."""


class Ledger:
    """Starts, finishes, locks, leases, holds and who waits. Each change is counted by what it changes."""

    def __init__(self, limits: Limits, policies: Iterable[PreparedPolicy] = ()) -> None:
        self._limits = limits
        known = list(policies)
        others_for = max((one.others_window for one in known), default=_MINUTE)
        self._looping = {
            one.policy.name for one in known if any(use.guard.name == "loop" for use in one.uses)
        }
        self._starts: Past[Start] = Past(others_for)
        self._shadow: Past[Start] = Past(others_for)
        self._finishes: Past[Finish] = Past(others_for)
        self._minute: deque[datetime] = deque()
        self._shadow_minute: deque[datetime] = deque()
        self._openings: dict[tuple[str, str], deque[datetime]] = {}
        self._ends: dict[tuple[str, str], deque[datetime]] = {}
        self._closings: Mapping[str, Sequence[datetime]] = {}
        self._locks = Locks()
        self._leases: dict[tuple[str, str], Lease] = {}
        self._lessees: dict[int, Leased] = {}
        self._holds: tuple[Hold, ...] = ()
        self._queues = Queues()
        self._versions: dict[Key, int] = defaultdict(int)
        self._changed: list[Key] = []
        self._changes = 0
        self._told: tuple[tuple[object, ...], History] | None = None

    # --- what is asked -------------------------------------------------------------------

    def history(self, now: datetime, prepared: PreparedPolicy, target: str, *, shadow: bool) -> History:
        """Return what a decision about a policy and a target may look at, and no more than that.

        While nothing changes, the very same is returned for the same.
        """
        asked = (now, prepared.policy.name, target, shadow, self._changes)
        if self._told is None or self._told[0] != asked:
            self._told = (asked, self._gather(now, prepared, target, shadow=shadow))
        return self._told[1]

    def _gather(self, now: datetime, prepared: PreparedPolicy, target: str, *, shadow: bool) -> History:
        name, since = prepared.policy.name, now - prepared.window
        leases = self._leases
        return History(
            starts=(self._shadow if shadow else self._starts).seen_by(prepared, now),
            finishes=self._finishes.seen_by(prepared, now),
            breaker_closed_at=self._breaker_closed_at(name, now) if self._closings else None,
            live=self._locks.live,
            claims=self._locks.claims(lock_keys(prepared.resources, target)),
            leases=tuple(leases.values()) if leases else (),
            holds=self._holds,
            leased=self._leased() if leases else (),
            waiting=self._queues.of(target),
            openings=_since(self._openings.get((name, target)), since),
            ends=_since(self._ends.get((name, target)), since),
        )

    def state(self, key: Key, now: datetime, *, shadow: bool) -> object:
        """Return the state of what `key` names: how it is, where that is told, else how often it changed."""
        if key[0] == RESOURCE:
            return self._locks.is_taken(str(key[1]))
        if key[0] == TARGET:
            return self._queues.first(str(key[1]))
        return self.capped(now, shadow=shadow) if key is CAPS else self._versions.get(key, 0)

    def capped(self, now: datetime, *, shadow: bool) -> tuple[bool, bool]:
        """Tell whether as many runs are under way, and as many started in a minute, as may."""
        return (
            len(self._locks) >= self._limits.concurrent_runs,
            self._within_a_minute(now, shadow=shadow) >= self._limits.runs_per_minute,
        )

    def free(self, resources: Iterable[str]) -> bool:
        """Tell whether nobody holds any of these locks."""
        return not any(self._locks.is_taken(resource) for resource in resources)

    @property
    def holds(self) -> tuple[Hold, ...]:
        """Which are in force."""
        return self._holds

    def lease_on(self, pair: tuple[str, str]) -> Lease | None:
        """Return the lease that stands on an attribute."""
        return self._leases.get(pair)

    def policy_of_run(self, number: int) -> str:
        """Return whose run it is that is under way."""
        live = self._locks.run(number)
        return live.policy if live is not None else "?"

    def policy_of_waiting(self, target: str, admission_id: int) -> str:
        """Return whose admission it is that waits for a target."""
        return self._queues.policy_of(target, admission_id)

    def changed(self) -> list[Key]:
        """Return what changed since this was asked last."""
        keys, self._changed = self._changed, []
        return keys

    # --- what happens --------------------------------------------------------------------

    def start(self, run: BacktestRun, resources: Iterable[str], now: datetime) -> None:
        """Note that a run starts, with the locks it takes."""
        self._starts.add(Start(now, run.policy, run.target, run.id))
        self._minute.append(now)
        self.touch(starts_key(run.policy))
        self.take(run.id, run.policy, run.target, RunState.RUNNING, resources, now)
        if self._within_a_minute(now, shadow=False) >= self._limits.runs_per_minute:
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
        locked = list(resources)
        self._locks.take(LiveRun(number, policy, target, state), locked, now)
        for resource in locked:
            self.touch(resource_key(resource))
        self._live_changed(len(self._locks) - 1)
        self.touch(live_key(policy))

    def give_back(self, number: int) -> bool:
        """Note that a run is no longer under way; tell whether that freed anything."""
        live, freed = self._locks.give_back(number)
        for resource in freed:
            self.touch(resource_key(resource))
        if live is not None:
            self._live_changed(len(self._locks) + 1)
            self.touch(live_key(live.policy))
        return bool(freed)

    def finish(self, run: BacktestRun, now: datetime) -> None:
        """Note that a run ended."""
        self._finishes.add(Finish(now, run.policy, run.target, run.id, run.state))
        if run.started_at is not None:
            self.ended(run, now)
        self.touch(ends_key(run.policy))

    def opened(self, admission: BacktestAdmission, now: datetime) -> None:
        """Note that an alert of a policy began to fire on a target, where somebody counts that."""
        if admission.policy in self._looping:
            self._openings.setdefault((admission.policy, admission.target), deque()).append(now)
            self.touch(ends_key(admission.policy))

    def ended(self, run: BacktestRun, now: datetime) -> None:
        """Note that a run or a revert ended on its target, where somebody counts that."""
        if run.policy in self._looping:
            self._ends.setdefault((run.policy, run.target), deque()).append(now)
            self.touch(ends_key(run.policy))

    def relapse(self, run: BacktestRun) -> None:
        """Note that the alert of a run that succeeded came back."""
        self._finishes.change(
            run.policy, lambda one: replace(one, relapsed=True) if one.run_id == run.id else one
        )
        self.touch(ends_key(run.policy))

    def shadow_start(self, policy: str, target: str, now: datetime) -> None:
        """Note that a run would have started."""
        self._shadow.add(Start(now, policy, target, 0))
        self._shadow_minute.append(now)
        self.touch(starts_key(policy))
        self.touch(CAPS)
        self.touch(STARTS)

    def wait(self, admission: BacktestAdmission, *, waits: bool) -> None:
        """Note that an admission waits for its target, or no longer does."""
        if self._queues.put(admission, waits=waits):
            self.touch(target_key(admission.target))

    def lease(self, run: BacktestRun, lease: Lease) -> None:
        """Note that a lease stands."""
        self._lessees[run.id] = Leased(run.id, run.policy, run.target)
        self._leases[lease.resource, lease.attribute] = lease
        self.touch(LEASES)
        self.touch(join_key(run.policy, run.target))

    def end_leases(self, run: BacktestRun) -> None:
        """Note that what a run changed is undone."""
        self._lessees.pop(run.id, None)
        self._leases = {pair: lease for pair, lease in self._leases.items() if lease.run_id != run.id}
        self.touch(LEASES)
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
            self._starts.add(start)
            self._minute.append(start.at)
        for finish in finishes:
            self._finishes.add(finish)

    def touch(self, key: Key) -> None:
        """Count a change."""
        self._versions[key] += 1
        self._changes += 1
        self._changed.append(key)

    # --- within --------------------------------------------------------------------------

    def _live_changed(self, before: int) -> None:
        self.touch(LIVE)
        most = self._limits.concurrent_runs
        if (before >= most) is not (len(self._locks) >= most):
            self.touch(CAPS)

    def _leased(self) -> tuple[Leased, ...]:
        return tuple(dict.fromkeys(self._lessees[lease.run_id] for lease in self._leases.values()))

    def _within_a_minute(self, now: datetime, *, shadow: bool) -> int:
        recent = self._shadow_minute if shadow else self._minute
        while recent and recent[0] <= now - _MINUTE:
            recent.popleft()
        return len(recent)

    def _breaker_closed_at(self, policy: str, now: datetime) -> datetime | None:
        return max((at for at in self._closings.get(policy, ()) if at <= now), default=None)


def _since(past: deque[datetime] | None, since: datetime) -> tuple[datetime, ...]:
    if not past:
        return ()
    while past and past[0] < since:
        past.popleft()
    return tuple(reversed(past))
