"""Walks the whole audit log now and then; a broken chain stops acting."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from remediator.engine.readiness import Readiness, Unready
from remediator.runs.audit import ChainFault

_LOG = logging.getLogger("remediator.audit")


class VerifyAudit:
    """Verifies the audit chain."""

    name = "verify the audit log"
    every = timedelta(hours=1)

    def __init__(
        self,
        verify: Callable[[], Awaitable[ChainFault | None]],
        readiness: Readiness,
        stop_acting: Callable[[str], Awaitable[None]],
    ) -> None:
        self._verify = verify
        self._readiness = readiness
        self._stop_acting = stop_acting
        self._told = False

    async def run(self) -> None:
        """Verify from the last checkpoint to the end."""
        fault = await self._verify()
        self._readiness.set(Unready.AUDIT_CHAIN, fault.what if fault else None)
        if fault is None or self._told:
            return
        self._told = True
        _LOG.critical("the audit log is broken: %s", fault.what)
        await self._stop_acting(f"the audit log is broken: {fault.what}")
