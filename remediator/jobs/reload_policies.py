"""Hot reload: a changed folder is loaded; a bad one leaves the last good set serving, and says so."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from remediator.clock import Clock
from remediator.engine.actors import ENGINE
from remediator.engine.admission import look_again
from remediator.engine.context import Engine
from remediator.engine.dispatch import Wakes
from remediator.engine.readiness import Readiness
from remediator.errors import ConfigError, Problem, Severity
from remediator.policy.loaded import PolicySet
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.store.base import Tx

_LOG = logging.getLogger("remediator.policies")

Stamp = frozenset[tuple[str, int, int]]


class ReloadPolicies:
    """Watches the policy folder."""

    name = "reload policies"
    every = timedelta(seconds=2)

    def __init__(
        self,
        folder: Path,
        load: Callable[[], PolicySet],
        engine: Engine,
        readiness: Readiness,
        waker: Wakes,
        clock: Clock,
    ) -> None:
        self._folder = folder
        self._load = load
        self._engine = engine
        self._readiness = readiness
        self._waker = waker
        self._clock = clock
        self._stamp = stamp_of(folder)

    async def run(self) -> None:
        """Load the folder if it changed since the last look."""
        stamp = await asyncio.to_thread(stamp_of, self._folder)
        if stamp == self._stamp:
            return
        try:
            newer = await asyncio.to_thread(self._load)
        except ConfigError as error:
            # Warnings come along with the errors; it is not they that refuse the files.
            errors = [problem for problem in error.problems if problem.severity is Severity.ERROR]
            await self._refuse(tuple(errors))
            self._stamp = stamp
            return
        self._engine.policies.replace(newer)
        self._readiness.note("policies", None)
        await self._engine.store.write(lambda tx: self._serve(tx, newer))
        # Only now: had the store not taken it, what fires already would never be looked at by the newer ones.
        self._stamp = stamp
        self._waker.wake()

    async def _refuse(self, problems: tuple[Problem, ...]) -> None:
        self._engine.policies.refuse(problems)
        first = str(problems[0])
        self._readiness.note("policies", f"the newest files are refused, the last good set serves: {first}")
        for problem in problems:
            _LOG.error("policy refused: %s", problem)
        detail = {"problems": [str(problem) for problem in problems[:50]], "count": len(problems)}
        entry = AuditEntry(
            at=self._clock.now(), actor=ENGINE, action=AuditAction.POLICIES_REFUSED, detail=detail
        )
        await self._engine.store.write(lambda tx: tx.audit(entry))

    def _serve(self, tx: Tx, newer: PolicySet) -> None:
        now = self._clock.now()
        tx.audit(policies_loaded(newer, self._clock))
        look_again(tx, self._engine, now)


def policies_loaded(policies: PolicySet, clock: Clock) -> AuditEntry:
    """Return the audit entry that says which policies serve from now on."""
    return AuditEntry(
        at=clock.now(),
        actor=ENGINE,
        action=AuditAction.POLICIES_LOADED,
        detail={
            "policies": {name: policy.hash for name, policy in sorted(policies.policies.items())},
            "warnings": len(policies.warnings),
        },
    )


def stamp_of(folder: Path) -> Stamp:
    """Return what changes when a policy file does: names, modification times and sizes."""
    try:
        with os.scandir(folder) as entries:
            stats = [(one.name, one.stat()) for one in entries if one.name.endswith((".yaml", ".yml"))]
    except OSError:
        return frozenset()
    return frozenset((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
