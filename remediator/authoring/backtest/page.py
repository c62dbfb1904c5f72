"""A backtest's report as one HTML page: a file by itself, that loads nothing and runs nothing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from remediator.authoring.backtest.pictures import pictures
from remediator.durations import format_duration
from remediator.plain_text import one_line
from remediator.reports.plots import can_plot

_ROWS = 200
_LONGEST_CELL = 300

Json = Mapping[str, Any]


def page(report: Json) -> str:
    """Return the page. What labels and names hold is text in it, whatever they hold.

    Its numbers are those of the report; pictures need the extra `plots`, and the page says so without it.
    """
    templates = Environment(
        loader=PackageLoader("remediator.authoring.backtest"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = {
        name: {"caption": picture.caption, "source": _source(picture.svg)}
        for name, picture in pictures(report).items()
    }
    return templates.get_template("page.html").render(
        report=report,
        policies=sorted(report["policies"], key=lambda one: (-one["episodes"], one["policy"])),
        blocks=_blocks(report["totals"]),
        days=[{**day, "total": sum(day["asked"].values())} for day in report["approvals"]["by_day"]],
        pictures=drawn,
        can_plot=can_plot(),
        most=_ROWS,
        counts=_counts,
        length=_length,
        when=_when,
    )


def _blocks(totals: Json) -> list[Json]:
    found = [
        {"guard": reason, "episodes": count, "to_the_end": totals["kept_by"].get(reason, 0)}
        for reason, count in totals["blocked_by"].items()
    ]
    return sorted(found, key=lambda one: (-one["episodes"], one["guard"]))


def _source(svg: str) -> Markup:
    """Return a picture as a data URL: as an image it can run nothing, whatever its text holds."""
    encoded = base64.b64encode(svg.encode()).decode()
    return Markup(f"data:image/svg+xml;base64,{encoded}")  # noqa: S704  (base64 holds nothing to escape)  # nosec B704


def _shown(value: Any) -> Any:
    """Make every value that the template prints one short line without control characters."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    line = one_line(value)
    return line if len(line) <= _LONGEST_CELL else line[: _LONGEST_CELL - 1] + "…"


def _counts(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in most)


def _length(seconds: float) -> str:
    return format_duration(timedelta(seconds=round(seconds)))


def _when(time: str | None) -> str:
    return "-" if time is None else f"{time[:16].replace('T', ' ')} UTC"
