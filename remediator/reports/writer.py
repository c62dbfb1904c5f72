"""Makes reports, and writes them into a folder: the Markdown, and its plots beside it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, TypeVar

from remediator.errors import RemediatorError
from remediator.policy.links import context_scope, rendered_links
from remediator.reports.incident import Incident, gather, window_of
from remediator.reports.markdown import markdown
from remediator.reports.metrics import AsksRange, measure
from remediator.reports.plots import can_plot, plot
from remediator.store.base import Reads

T = TypeVar("T")

NO_PLOTS = "No plots: matplotlib is not installed (`pip install remediator[plots]`)."
_NOTHING_TO_PLOT = "No plots: there was nothing to draw."


class NoSuchRunError(RemediatorError):
    """There is no run to report on."""


@dataclass(frozen=True, slots=True)
class MadeReport:
    """A report, not written yet."""

    name: str
    """The file's name, without its ending."""
    text: str
    svg: bytes | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """The plots of an incident; without them, why there are none."""

    svg: bytes | None
    why_none: str


class ReadsRecords(Protocol):
    """A store that can be read."""

    async def read(self, work: Callable[[Reads], T]) -> T:
        """Run `work` on a consistent snapshot."""
        ...


class Reports:
    """Makes reports of a store's runs, and writes them."""

    def __init__(self, records: ReadsRecords, promql_over: AsksRange, folder: Path) -> None:
        self._records = records
        self._promql_over = promql_over
        self.folder = folder

    async def make(self, run_id: int) -> MadeReport:
        """Make a report without writing it.

        Raises:
            NoSuchRunError: when there is no such run.
        """
        incident = await self._records.read(lambda reads: look_up(reads, run_id))
        return await make_report(incident, self._promql_over)

    async def draw(self, run_id: int) -> Drawing:
        """Draw an incident's metrics, without the report around them.

        Raises:
            NoSuchRunError: when there is no such run.
        """
        incident = await self._records.read(lambda reads: look_up(reads, run_id))
        return await draw(incident, self._promql_over)

    async def write(self, run_id: int) -> Path:
        """Make a report and write it.

        Raises:
            NoSuchRunError: when there is no such run.
            OSError: when the folder can't be written to.
        """
        return await asyncio.to_thread(write_report, await self.make(run_id), self.folder)


def look_up(reads: Reads, run_id: int) -> Incident:
    """Gather an incident.

    Raises:
        NoSuchRunError: when there is none.
    """
    incident = gather(reads, run_id)
    if incident is None:
        raise NoSuchRunError(f"there is no run {run_id}")
    links = rendered_links(incident.policy.links, context_scope(incident.context))
    return replace(incident, links=tuple(links))


async def make_report(incident: Incident, promql_over: AsksRange) -> MadeReport:
    """Make a report of an incident: the metrics asked for, the plots drawn in a thread."""
    window = window_of(incident)
    measured = await measure(incident, window, promql_over)
    svg = await asyncio.to_thread(plot, incident, window, measured)
    name = name_of(incident)
    why = _NOTHING_TO_PLOT if can_plot() else NO_PLOTS
    text = markdown(incident, window, measured, plot=f"{name}.svg" if svg else None, why_no_plot=why)
    return MadeReport(name, text, svg)


async def draw(incident: Incident, promql_over: AsksRange) -> Drawing:
    """Draw an incident's metrics, in a thread."""
    window = window_of(incident)
    measured = await measure(incident, window, promql_over)
    svg = await asyncio.to_thread(plot, incident, window, measured)
    errors = [one.error for one in measured if one.error is not None]
    if svg is None and can_plot() and errors:
        return Drawing(None, f"No plots: {errors[0]}.")
    return Drawing(svg, _NOTHING_TO_PLOT if can_plot() else NO_PLOTS)


def name_of(incident: Incident) -> str:
    """Return the name of an incident's report: the policy's, the time, and the run's id."""
    return f"{incident.policy.policy}-{incident.opened_at:%Y%m%d_%H%M%S}-run-{incident.run.id}"


def write_report(report: MadeReport, folder: Path) -> Path:
    """Write a report into a folder, over an earlier one of the same incident; returns the Markdown's path.

    Raises:
        OSError: when the folder can't be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if report.svg is not None:
        _replace(folder / f"{report.name}.svg", report.svg)
    path = folder / f"{report.name}.md"
    _replace(path, report.text.encode())
    return path


def _replace(path: Path, content: bytes) -> None:
    """Nobody reads half a report."""
    beside = path.with_name(f".{path.name}.part")
    beside.write_bytes(content)
    beside.replace(path)
