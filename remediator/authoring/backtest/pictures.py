"""Pictures of a backtest's report, as SVG; need the extra `plots` (matplotlib)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

from remediator.plain_text import one_line
from remediator.reports.plots import can_plot

_WIDTH_INCHES = 10.0
_PANEL_INCHES = 1.9
_LOAD_INCHES = 2.4
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
# Beyond this an hour is narrower than a line.
_HOURS_SHOWN_FOR = timedelta(days=62)
_AROUND_WORST = timedelta(hours=12)
_MOST_APPROVERS = 8
_LONGEST_NAME = 40
_OTHERS = "others"

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture; `caption` says in words what it shows."""

    caption: str
    svg: str


@dataclass(frozen=True, slots=True)
class _Buckets:
    """Counts by equal stretches of time; empty ones are there, too."""

    width: timedelta
    edges: Sequence[datetime]
    counts: Mapping[str, Sequence[int]]


# What is counted in an hour, how it is called, and its colour: told apart by those who see no red, too.
_SERIES = {
    "episodes": ("episodes opened", "#56708f"),
    "blocked": ("decisions to block", "#c9a227"),
    "runs": ("runs", "#1f7a4d"),
    "asks": ("requests for approval", "#a23e48"),
}
_PANELS = (("episodes", "blocked"), ("runs", "asks"))


def pictures(report: Json) -> Mapping[str, Picture]:
    """Draw the timeline, the worst hour and the load of approvals, as far as there is anything to draw.

    Nothing without matplotlib.
    """
    if not report["hours"] or not can_plot():
        return {}
    found = {"timeline": _timeline(report), "worst_hour": _worst_hour(report)}
    if report["approvals"]["by_day"]:
        found["approvals"] = _approvals(report)
    return found


def _timeline(report: Json) -> Picture:
    hours = report["hours"]
    first, last = _at(hours[0]["hour"]), _at(hours[-1]["hour"]) + _HOUR
    by_day = last - first > _HOURS_SHOWN_FOR
    buckets = _bucket(hours, first, last, _DAY if by_day else _HOUR)
    worst = _at(report["worst_hour"]["hour"])

    def draw(panels: Sequence[Any]) -> None:
        _draw_counts(panels, buckets)
        middle = worst + _HOUR / 2
        for panel in panels:
            panel.axvline(middle, linewidth=0.8, linestyle="--", color="#444444", zorder=0)
        _mark(panels[0], middle)

    each = "day" if by_day else "hour"
    caption = f"What came and what would have been done, by {each} (UTC). The dashed line is the worst hour."
    return Picture(caption, _svg(draw, [_PANEL_INCHES] * len(_PANELS)))


def _worst_hour(report: Json) -> Picture:
    worst = _at(report["worst_hour"]["hour"])
    first, last = worst - _AROUND_WORST, worst + _AROUND_WORST + _HOUR
    near = [hour for hour in report["hours"] if first <= _at(hour["hour"]) < last]
    buckets = _bucket(near, first, last, _HOUR)

    def draw(panels: Sequence[Any]) -> None:
        _draw_counts(panels, buckets)
        for panel in panels:
            panel.axvspan(worst, worst + _HOUR, alpha=0.25, color="#a23e48", linewidth=0)

    caption = "Half a day before the worst hour, and half a day after it. Times are UTC."
    return Picture(caption, _svg(draw, [_PANEL_INCHES] * len(_PANELS)))


def _approvals(report: Json) -> Picture:
    by_day = report["approvals"]["by_day"]
    most = Counter(report["approvals"]["by_approver"]).most_common(_MOST_APPROVERS)
    names = [name for name, _ in most]
    first, last = (datetime.fromisoformat(by_day[end]["day"]) for end in (0, -1))
    days = [first + at * _DAY for at in range((last - first).days + 1)]
    asked = {datetime.fromisoformat(day["day"]): day["asked"] for day in by_day}
    loads = {name: [asked.get(day, {}).get(name, 0) for day in days] for name in names}
    if len(report["approvals"]["by_approver"]) > len(names):
        rest = [sum(count for name, count in asked.get(day, {}).items() if name not in names) for day in days]
        loads[_OTHERS] = rest

    def draw(panels: Sequence[Any]) -> None:
        (panel,) = panels
        below = [0] * len(days)
        for name, load in loads.items():
            panel.bar(days, load, bottom=below, width=0.8, label=_name(name))
            below = [one + other for one, other in zip(below, load, strict=True)]
        panel.set_xlim(first - _DAY, last + _DAY)
        _finish(panel)

    caption = "Requests for approval by day, by who was asked. One that asks several is counted for each."
    return Picture(caption, _svg(draw, [_LOAD_INCHES]))


def _bucket(hours: Sequence[Json], first: datetime, last: datetime, width: timedelta) -> _Buckets:
    number = -((first - last) // width)
    counts = {name: [0] * number for name in _SERIES}
    for hour in hours:
        at = (_at(hour["hour"]) - first) // width
        for name, values in counts.items():
            values[at] += hour[name]
    return _Buckets(width, [first + at * width for at in range(number + 1)], counts)


def _draw_counts(panels: Sequence[Any], buckets: _Buckets) -> None:
    for panel, names in zip(panels, _PANELS, strict=True):
        for name in names:
            label, colour = _SERIES[name]
            panel.stairs(buckets.counts[name], buckets.edges, label=label, color=colour, linewidth=1.2)
        panel.set_xlim(buckets.edges[0], buckets.edges[-1])
        _finish(panel)


def _mark(panel: Any, moment: datetime) -> None:
    panel.annotate(
        "worst hour",
        (moment, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, 2),
        textcoords="offset points",
        fontsize=8,
        annotation_clip=False,
    )


def _finish(panel: Any) -> None:
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  heavy, see below

    panel.set_ylim(bottom=0)
    panel.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
    panel.tick_params(labelsize=8)
    panel.grid(axis="y", linewidth=0.4, alpha=0.5)
    panel.spines[["top", "right"]].set_visible(False)
    panel.legend(fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=5, frameon=False)


def _svg(draw: Callable[[Sequence[Any]], None], heights: Sequence[float]) -> str:
    # Heavy, and wanted by pages only.
    import matplotlib as mpl  # noqa: PLC0415
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    # The same report gives the same bytes: no date, and ids that do not come from chance.
    with mpl.rc_context({"svg.hashsalt": "remediator", "svg.fonttype": "path", "text.parse_math": False}):
        figure = Figure(figsize=(_WIDTH_INCHES, sum(heights)), layout="constrained")
        FigureCanvasSVG(figure)
        rows = figure.subplots(len(heights), 1, sharex=True, squeeze=False)
        panels = [panel for (panel,) in rows]
        draw(panels)
        locator = AutoDateLocator()  # type: ignore[no-untyped-call]
        panels[-1].xaxis.set_major_locator(locator)
        panels[-1].xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        written = BytesIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": "remediator"})
    return written.getvalue().decode()


def _name(text: str) -> str:
    # A leading underscore would hide it from the legend.
    name = one_line(text).lstrip("_")
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text)
