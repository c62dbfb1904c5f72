"""`report.write`: write the incident's report as it stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Protocol

from pydantic import BaseModel

from remediator.actions.base import (
    ActionParams,
    BaseAction,
    Call,
    FailureReason,
    Outcome,
    failed,
    succeeded,
)


class WritesReports(Protocol):
    """Writes reports of runs."""

    async def write(self, run_id: int) -> Path:
        """Make a run's report and write it.

        Raises:
            OSError: when the folder can't be written to.
        """
        ...


class ReportWriteParams(ActionParams):
    """Nothing to say: the report is that of the run whose step it is."""


class ReportWrite(BaseAction):
    """Writes the report of its own run, over an earlier one of the same incident."""

    name: ClassVar[str] = "report.write"
    summary: ClassVar[str] = "Writes the report of its own run, as it stands, into the folder `reports`."
    params: ClassVar[type[BaseModel]] = ReportWriteParams
    result: ClassVar[Mapping[str, str]] = {"file": "the report's path"}
    idempotent = True
    tells = True

    def __init__(self, reports: WritesReports | None) -> None:
        self._reports = reports

    async def act(self, params: ReportWriteParams, call: Call) -> Outcome:  # noqa: ARG002
        """Write it."""
        if self._reports is None or call.run_id is None:
            return failed(FailureReason.REFUSED, "no report is written from here")
        try:
            path = await self._reports.write(call.run_id)
        except OSError as error:
            return failed(FailureReason.REFUSED, f"it can't be written: {error.strerror or error}")
        return succeeded(file=str(path))
