"""The table of results in Markdown, on the terminal and in docs/performance.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.results import Result

HEADER = ("#", "measure", "measured", "at least", "aim", "besides", "bench")
MISSED = "**not reached**"


def table(results: Mapping[str, Sequence[Result]]) -> str:
    """Write each bench's results as one Markdown table; what is below its least is marked."""
    rows = [(one.row.number, _cells(bench, one)) for bench, measured in results.items() for one in measured]
    ordered = [cells for _, cells in sorted(rows, key=lambda row: row[0])]
    lines = [HEADER, ("---",) * len(HEADER), *ordered]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cells(bench: str, one: Result) -> tuple[str, ...]:
    return (
        str(one.row.number or ""),
        one.row.measure,
        one.text if one.reached else f"{one.text}, {MISSED}",
        one.row.bound(one.row.least),
        one.row.bound(one.row.aim),
        one.besides,
        f"`{bench}`",
    )
