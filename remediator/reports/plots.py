"""Plots of an incident's metrics as one SVG; needs the extra `plots` (matplotlib)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from io import BytesIO
from math import nan
from typing import Any

from remediator.plain_text import one_line
from remediator.reports.incident import Incident, Window
from remediator.reports.metrics import Measured

_WIDTH_INCHES = 9.0
_ROW_INCHES = 2.2
_LONGEST_LABEL = 60
_MOST_MARKS = 20


def can_plot() -> bool:
    """Tell whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def plot(incident: Incident, window: Window, measured: Sequence[Measured]) -> bytes | None:
    """Return the SVG; None when there is nothing to draw, or nothing to draw it with."""
    shown = [one for one in measured if one.series]
    if not shown or not can_plot():
        return None
    # Heavy, and wanted by reports only.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # The same figures give the same bytes: no date, and ids that do not come from chance.
    with mpl.rc_context({"svg.hashsalt": "remediator", "svg.fonttype": "none", "text.parse_math": False}):
        figure = Figure(figsize=(_WIDTH_INCHES, _ROW_INCHES * len(shown)), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.subplots(len(shown), 1, sharex=True, squeeze=False)
        for one, (panel,) in zip(shown, axes, strict=True):
            panel.set_title(_label(one.query), fontsize=8, loc="left")
            for series, summary in zip(one.series, one.summaries, strict=True):
                values = [value if abs(value) < float("inf") else nan for _, value in series.points]
                label = _label(summary.labels) or "value"
                panel.plot([at for at, _ in series.points], values, linewidth=1, label=label)
            panel.axvspan(window.opened_at, window.ended_at, alpha=0.08, color="red")
            _mark(panel, incident)
            panel.legend(fontsize=6, loc="upper left")
            panel.tick_params(labelsize=7)
        axes[-1][0].set_xlim(window.start, window.end)
        axes[-1][0].set_xlabel("UTC", fontsize=7)
        written = BytesIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": "remediator"})
    return written.getvalue()


def _mark(panel: Any, incident: Incident) -> None:
    """Mark each step by its action's name, and the recovery."""
    marks = [(step.started_at, step.action, "top") for step in incident.steps[:_MOST_MARKS]]
    if incident.recovered_at is not None:
        # Often right after the last step: at the other end, neither hides the other.
        marks.append((incident.recovered_at, "recovered", "bottom"))
    for moment, name, end in marks:
        panel.axvline(moment, linewidth=0.8, linestyle="--", color="gray")
        panel.annotate(
            _label(name),
            (moment, 1 if end == "top" else 0),
            xycoords=("data", "axes fraction"),
            xytext=(2, -2 if end == "top" else 2),
            textcoords="offset points",
            rotation=90,
            fontsize=6,
            verticalalignment=end,
        )


def _label(text: str) -> str:
    line = one_line(text)
    # A leading underscore would hide a line from the legend.
    line = line.lstrip("_")
    return line if len(line) <= _LONGEST_LABEL else line[: _LONGEST_LABEL - 1] + "…"
