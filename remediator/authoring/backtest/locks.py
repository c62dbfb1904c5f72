"""What is under way, and what it has locked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from remediator.runs.history import LiveRun
from remediator.runs.records import Claim


class Locks:
    """Runs and reverts under way, each with its locks."""

    def __init__(self) -> None:
        self._live: dict[int, LiveRun] = {}
        self._told: tuple[LiveRun, ...] | None = ()
        self._claims: dict[str, Claim] = {}
        self._held: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return len(self._live)

    @property
    def live(self) -> tuple[LiveRun, ...]:
        """Everything under way. While nothing changes, the very same is told."""
        if self._told is None:
            self._told = tuple(self._live.values())
        return self._told

    def run(self, number: int) -> LiveRun | None:
        """Return what is under way by a number."""
        return self._live.get(number)

    def is_taken(self, resource: str) -> bool:
        """Tell whether somebody holds a lock."""
        return resource in self._claims

    def claims(self, resources: Iterable[str]) -> tuple[Claim, ...]:
        """Return who holds these locks, as far as anybody does."""
        claims = self._claims
        return tuple([claims[resource] for resource in resources if resource in claims])

    def take(self, run: LiveRun, resources: Iterable[str], now: datetime) -> None:
        """Note that something is under way and holds locks."""
        held = self._held.setdefault(run.run_id, [])
        for resource in resources:
            self._claims[resource] = Claim(resource=resource, run_id=run.run_id, claimed_at=now)
            held.append(resource)
        self._live[run.run_id] = run
        self._told = None

    def give_back(self, number: int) -> tuple[LiveRun | None, list[str]]:
        """Note that something is no longer under way; return it, and the locks that are free by now."""
        freed = [resource for resource in self._held.pop(number, ()) if self._holds(number, resource)]
        for resource in freed:
            del self._claims[resource]
        self._told = None
        return self._live.pop(number, None), freed

    def _holds(self, number: int, resource: str) -> bool:
        claim = self._claims.get(resource)
        return claim is not None and claim.run_id == number
