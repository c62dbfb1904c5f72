"""Writes failed logins down: the first at once, those of the next minute together.

So whoever guesses can't fill the audit log, and nothing goes uncounted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum

from remediator.clock import Clock
from remediator.engine.actors import ENGINE
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.store.base import Store, StoreUnavailableError

_LOG = logging.getLogger("remediator.web")
_QUIET = timedelta(minutes=1)
_MOST_ORIGINS = 32
_OTHERS = "others"


class Through(StrEnum):
    """By which way a wrong token came."""

    FORM = "form"
    HEADER = "header"


class FailedLogins:
    """At most one audit row a minute, which counts failures by where they came from."""

    def __init__(self, store: Store, clock: Clock, *, quiet: timedelta = _QUIET) -> None:
        self._store = store
        self._clock = clock
        self._quiet = quiet
        self._origins: Counter[str] = Counter()
        self._ways: Counter[str] = Counter()
        self._gathering: asyncio.Task[None] | None = None

    async def note(self, origin: str, through: Through) -> None:
        """Count a failure; one after a quiet minute is written down on return.

        Raises:
            StoreUnavailableError: when it can't be written down; it stays counted.
        """
        known = origin in self._origins or len(self._origins) < _MOST_ORIGINS
        self._origins[origin if known else _OTHERS] += 1
        self._ways[through] += 1
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._gather(), name="failed logins")
            await self.write()

    async def write(self) -> None:
        """Write down what was counted since the last row.

        Raises:
            StoreUnavailableError: when that is not possible now.
        """
        origins, ways = self._origins, self._ways
        if not origins:
            return
        self._origins, self._ways = Counter(), Counter()
        detail = {"attempts": origins.total(), "from": dict(origins), "through": dict(ways)}
        entry = AuditEntry(at=self._clock.now(), actor=ENGINE, action=AuditAction.LOGIN_FAILED, detail=detail)
        try:
            await self._store.write(lambda tx: tx.audit(entry))
        except StoreUnavailableError:
            self._origins += origins
            self._ways += ways
            raise

    async def close(self) -> None:
        """Write the last ones down."""
        if self._gathering is not None:
            self._gathering.cancel()
            with suppress(asyncio.CancelledError):
                await self._gathering
        await self._try()

    async def _gather(self) -> None:
        await asyncio.sleep(self._quiet.total_seconds())
        while self._origins:
            await self._try()
            await asyncio.sleep(self._quiet.total_seconds())
        self._gathering = None

    async def _try(self) -> None:
        try:
            await self.write()
        except StoreUnavailableError:
            _LOG.warning(
                "failed logins can't be written down now", extra={"fields": {"action": "login.unwritten"}}
            )
