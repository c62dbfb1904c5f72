"""Who waits for which target, and who of them goes first."""

from __future__ import annotations

from remediator.authoring.backtest.subjects import BacktestAdmission
from remediator.runs.history import Waiting


class Queues:
    """Those who wait, by target."""

    def __init__(self) -> None:
        self._waiting: dict[str, dict[int, Waiting]] = {}
        self._first: dict[str, int] = {}

    def of(self, target: str) -> tuple[Waiting, ...]:
        """Return who waits for a target."""
        queue = self._waiting.get(target)
        return tuple(queue.values()) if queue else ()

    def first(self, target: str) -> int | None:
        """Return the admission that goes first; None when nobody waits.

        Whether somebody better waits than one that asks, and who that is, depends on nobody else.
        """
        return self._first.get(target)

    def policy_of(self, target: str, admission_id: int) -> str:
        """Return whose admission it is that waits for a target."""
        waiting = self._waiting.get(target, {}).get(admission_id)
        return waiting.policy if waiting is not None else "?"

    def put(self, admission: BacktestAdmission, *, waits: bool) -> bool:
        """Note that an admission waits, or no longer does; tell whether that changes who is first."""
        target = admission.target
        queue = self._waiting.get(target)
        if waits:
            if queue is None:
                queue = self._waiting[target] = {}
            if admission.id in queue:
                return False
            queue[admission.id] = Waiting(
                admission.id, admission.policy, target, admission.priority, admission.created_at
            )
        elif queue is None or queue.pop(admission.id, None) is None:
            return False
        return self._find_first(target, queue)

    def _find_first(self, target: str, queue: dict[int, Waiting]) -> bool:
        before = self._first.get(target)
        if not queue:
            del self._waiting[target], self._first[target]
            return True
        first = min(queue.values(), key=lambda one: (one.priority, one.since, one.admission_id)).admission_id
        self._first[target] = first
        return first != before
