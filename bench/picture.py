"""The picture of a run: how far each figure is from what it should at least be."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from bench.results import Better, Result

_WIDTH_INCHES = 9.0
_ROW_INCHES = 0.26
_FONT_POINTS = 7
_REACHED, _MISSED, _AIM = "#2a7f4f", "#b3261e", "#777777"
_TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
_LEAST_SHOWN, _MOST_SHOWN = _TICKS[0], _TICKS[-1]


def draw(results: Sequence[Result]) -> str:
    """Return an SVG: each figure with its spread, on a scale where 1 is the least and more is better."""
    wanted = sorted((one for one in results if one.row.least), key=lambda one: one.row.number)
    shown = wanted[::-1]  # from the bottom up
    # Text stays text: small files, and the same bytes for the same figures.
    with mpl.rc_context({"svg.hashsalt": "remediator", "svg.fonttype": "none", "text.parse_math": False}):
        figure = Figure(figsize=(_WIDTH_INCHES, 0.8 + _ROW_INCHES * len(shown)), layout="constrained")
        FigureCanvasSVG(figure)
        panel = figure.subplots()
        for place, one in enumerate(shown):
            colour = _REACHED if one.reached else _MISSED
            low, high = sorted((_share(one, min(one.measured.values)), _share(one, max(one.measured.values))))
            panel.plot([low, high], [place, place], color=colour, linewidth=1.5)
            panel.plot([_share(one, one.measured.median)], [place], "o", color=colour, markersize=4)
            if one.row.aim:
                panel.plot([_share(one, one.row.aim)], [place], "|", color=_AIM, markersize=9)
        panel.axvline(1, color="black", linewidth=0.8)
        panel.set_xscale("log")
        panel.set_xticks(_TICKS, [f"{tick:g}" for tick in _TICKS])
        panel.minorticks_off()
        panel.set_yticks(range(len(shown)), [one.row.measure for one in shown], fontsize=_FONT_POINTS)
        panel.set_xlabel(
            "times as good as at least wanted (line), with the spread; grey marks are the aims",
            fontsize=_FONT_POINTS,
        )
        panel.tick_params(axis="x", labelsize=_FONT_POINTS)
        panel.grid(axis="x", linewidth=0.4, alpha=0.5)
        panel.spines[["top", "right", "left"]].set_visible(False)
        written = BytesIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": "remediator"})
    return written.getvalue().decode()


def _share(one: Result, value: float) -> float:
    """Return how many times as good as the least a value is, within what the picture shows."""
    least = one.row.least or 1.0
    better, worse = (value, least) if one.row.better is Better.MORE else (least, value)
    return min(max(better / worse if worse > 0 else _MOST_SHOWN, _LEAST_SHOWN), _MOST_SHOWN)
