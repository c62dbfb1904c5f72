"""Incident reports, written when a run that asks for one has ended, and again when more is known."""

from __future__ import annotations

import json
import logging
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from remediator.engine.actors import ENGINE
from remediator.engine.at_once import origin_of
from remediator.engine.context import Engine
from remediator.engine.journal import note_run
from remediator.engine.outbox import AFTER_REMEDIES
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.records import Run, TimerKind
from remediator.runs.states import RunState
from remediator.store.base import Tx

_LOG = logging.getLogger("remediator.reports")


class WritesReports(Protocol):
    """Makes reports and writes them."""

    @property
    def folder(self) -> Path:
        """Where they go."""
        ...

    async def write(self, run_id: int) -> Path:
        """Make a run's report and write it.

        Raises:
            OSError: when the folder can't be written to.
        """
        ...


class AsksForReports:
    """Follows the audit rows: a run's end, its revert's end, and the end of its alerts ask for a report."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def follow(self, tx: Tx, row: AuditRow) -> None:
        """Have a report written where the policy asks for one."""
        if row.action == AuditAction.RUN_STATE and row.run_id is not None:
            if RunState(json.loads(row.detail)["to"]).terminal:
                run = tx.get(Run, row.run_id)
                if run is not None:
                    self._ask(tx, origin_of(tx, run))
        elif row.action == AuditAction.EPISODE_CLOSED and row.episode_id is not None:
            for run in tx.runs_serving(row.episode_id):
                if run.state.terminal:
                    self._ask(tx, run)

    def _ask(self, tx: Tx, run: Run) -> None:
        if (run.document or {}).get("report") is not None:
            tx.set_timer(TimerKind.REPORT, run.id, self._engine.clock.now(), AFTER_REMEDIES)


class Reporter:
    """Makes and writes reports. A failure is written down, and fails nothing else."""

    def __init__(self, engine: Engine, reports: WritesReports) -> None:
        self._engine = engine
        self._reports = reports

    async def report(self, run_id: int) -> None:
        """Handle the report timer of a run."""
        began_at = self._engine.clock.now()
        path, error = await self._attempt(run_id)
        await self._engine.store.write(lambda tx: self._conclude(tx, run_id, began_at, path, error))

    async def _attempt(self, run_id: int) -> tuple[Path | None, str]:
        try:
            return await self._reports.write(run_id), ""
        except OSError as error:
            return None, f"{self._reports.folder}: {error.strerror or type(error).__name__}"
        except Exception as error:  # noqa: BLE001  the boundary of a job: a report never fails a run
            _LOG.exception("the report of run %s could not be made", run_id)
            return None, f"it could not be made: {type(error).__name__}"

    def _conclude(self, tx: Tx, run_id: int, began_at: datetime, path: Path | None, error: str) -> None:
        # What became known while it was made is not in it: then it is made once more.
        tx.clear_timer(TimerKind.REPORT, run_id, due_by=began_at)
        run = tx.get(Run, run_id)
        if run is None:
            return
        now = self._engine.clock.now()
        detail: dict[str, Any] = {"file": str(path)} if path is not None else {"error": error}
        action = AuditAction.REPORT_WRITTEN if path is not None else AuditAction.REPORT_FAILED
        note_run(tx, run, action, now, actor=ENGINE, **detail)
