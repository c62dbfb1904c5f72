"""The page of performance: each row of its table comes from a bench that exists, and each bench is in it."""

from __future__ import annotations

import re

import pytest

from bench.catalog import BENCHES, LONG
from bench.page import BEGIN, END, PAGE, PICTURE
from bench.picture import draw
from bench.report import HEADER, MISSED, table
from bench.results import Better, Result, Row, Spread
from remediator.authoring.reference import PROJECT

_ONLY = re.compile(r"ONLY=(\w+)")


def written() -> list[list[str]]:
    """Return the cells of the table that `make bench` wrote."""
    part = PAGE.read_text().partition(BEGIN)[2].partition(END)[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_table_has_exactly_the_rows_that_benches_fill() -> None:
    header, _, *rows = written()
    assert tuple(header) == HEADER
    shown = {(cells[1], cells[-1]) for cells in rows}
    assert len(shown) == len(rows)
    assert shown == {(row.measure, f"`{name}`") for name, bench in BENCHES.items() for row in bench.rows}


def test_every_row_was_measured_and_says_what_is_wanted() -> None:
    wanted = {row.measure: row for bench in BENCHES.values() for row in bench.rows}
    for _, measure, measured, least, aim, *_ in written()[2:]:
        row = wanted[measure]
        assert re.search(r"\d", measured), measure
        assert (least, aim) == (row.bound(row.least), row.bound(row.aim))


def test_every_row_that_was_asked_for_has_a_bench() -> None:
    assert {row.number for bench in BENCHES.values() for row in bench.rows} == set(range(11))
    measures = [row.measure for bench in BENCHES.values() for row in bench.rows]
    assert len(measures) == len({*measures})


def test_every_bench_that_a_page_names_exists() -> None:
    named = {
        name
        for page in [*PROJECT.glob("docs/*.md"), PROJECT / "Makefile"]
        for name in _ONLY.findall(page.read_text())
    }
    assert {"audit", "mutation"} <= named
    assert named <= {*BENCHES, *LONG}


@pytest.mark.parametrize(
    ("better", "measured", "reached"),
    [
        (Better.MORE, 0.59, False),
        (Better.MORE, 0.6, True),
        (Better.LESS, 0.6, True),
        (Better.LESS, 0.61, False),
    ],
)
def test_what_is_below_its_least_is_marked(better: Better, measured: float, reached: bool) -> None:
    result = Result(Row(1, "a measure", 0.6, 1.0, better), Spread((measured,)))
    assert result.reached is reached
    assert (MISSED in table({"a": [result]})) is not reached


def test_the_spread_goes_from_the_least_to_the_greatest_round() -> None:
    row = Row(8, "memory", 40, 10, Better.LESS, "+.0f", " MiB")
    result = Result(row, Spread((21.0, 19.0, 20.0)), "after much")
    line = "| 8 | memory | +20 (+19 to +21) MiB | ≤ +40 MiB | ≤ +10 MiB | after much | `a` |"
    assert table({"a": [result]}).splitlines()[2] == line


def test_the_picture_is_small_and_the_same_for_the_same_figures() -> None:
    rows = [row for bench in BENCHES.values() for row in bench.rows]
    results = [Result(row, Spread((1.0, 0.0, 2000.0))) for row in rows]
    assert draw(results) == draw(results)
    assert max(len(draw(results).encode()), PICTURE.stat().st_size) < 100_000
    assert PICTURE.name in PAGE.read_text()
