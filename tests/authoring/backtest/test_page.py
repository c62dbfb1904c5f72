"""The page of a backtest: its numbers are the report's, and what comes from outside is text in it."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from remediator.authoring.backtest import page as pages
from remediator.authoring.backtest import pictures as drawing
from remediator.authoring.backtest.page import page
from remediator.authoring.backtest.pictures import pictures
from tests.authoring.backtest.replays import fire, replay, resolve

HOSTILE = "<script>alert(1)</script>\"' onload=x {{ 7 * 7 }} \u202e\x1b[2J $x$"
POLICY = """
policy: restart
match: ['alertname = "Broken"']
target: one
guards:
  - cooldown: {for: 1h}
options:
  - {name: restart, steps: [{uses: wait, with: {for: 1m}}]}
"""
ASKS = """
policy: ask
match: ['alertname = "Asked"']
target: one
guards:
  - approval: {from: [oncall, leads], expires: 30m}
options:
  - {name: restart, steps: [{uses: wait, with: {for: 20m}}]}
"""
DAY = 86_400.0
EVENTS = [
    fire(0),
    resolve(300),
    fire(600),
    resolve(900),
    fire(DAY, "Asked"),
    fire(DAY + 620),
    resolve(DAY + 7200),
    resolve(DAY + 7200, "Asked"),
    fire(2 * DAY, HOSTILE),
    resolve(2 * DAY + 60, HOSTILE),
]


class Page(HTMLParser):
    """What a browser would make of it: elements with their attributes, rows of tables, text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self._in_cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_cell:
            self.rows[-1][-1] += data.strip()


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return replay(EVENTS, POLICY, ASKS, against=[POLICY.replace("1h", "1m")], until=3 * DAY)


def test_the_numbers_are_those_of_the_report(report: Mapping[str, Any]) -> None:
    shown = Page(page(report))
    for one in report["policies"]:
        row = next(row for row in shown.rows if row[0] == one["policy"] and len(row) > 5)
        assert row[1:4] == [str(one["episodes"]), str(one["would_run"]), str(one["would_ask"])]
    assert report["totals"]["blocked_by"]["cooldown"]
    for reason, count in report["totals"]["blocked_by"].items():
        assert [reason, str(count), str(report["totals"]["kept_by"].get(reason, 0))] in shown.rows
    for one in report["difference"]["changes"]:
        assert [one["policy"], one["before"], one["after"], str(one["episodes"])] in shown.rows
    for day in report["approvals"]["by_day"]:
        asked = ", ".join(f"{name} {count}" for name, count in sorted(day["asked"].items()))
        assert [day["day"], str(sum(day["asked"].values())), asked] in shown.rows
    (waited,) = report["contention"]
    row = next(row for row in shown.rows if row[:2] == [waited["policy"], waited["waits_for"]])
    assert row[3] == str(waited["times"])
    assert f"{report['worst_hour']['runs']} runs, {report['worst_hour']['asks']} requests" in shown.text
    assert all(assumption in shown.text for assumption in report["assumptions"])


def test_it_loads_and_runs_nothing(report: Mapping[str, Any]) -> None:
    shown = Page(page(report))
    assert {tag for tag, _ in shown.elements} & {"script", "link", "iframe", "object", "form"} == set()
    names = {name for _, attributes in shown.elements for name in attributes}
    assert [name for name in names if name.startswith("on") or name in ("href", "srcset")] == []
    sources = [attributes["src"] or "" for _, attributes in shown.elements if "src" in attributes]
    assert len(sources) == 3
    assert all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    policy = next(
        attributes["content"]
        for tag, attributes in shown.elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert str(policy).startswith("default-src 'none'")


def test_what_comes_from_outside_is_text(report: Mapping[str, Any]) -> None:
    text = page(report)
    shown = Page(text)
    visible = HOSTILE.replace("\u202e", "\\u202e").replace("\x1b", "\\x1b")
    assert [visible, "1"] in shown.rows
    assert "<script" not in text
    assert not re.search("[\u202e\x1b]", text)


def test_names_in_pictures_are_text_too(report: Mapping[str, Any]) -> None:
    approvals = {**report["approvals"], "by_approver": {HOSTILE: 2}, "by_day": []}
    approvals["by_day"] = [{"day": "2026-01-05", "asked": {HOSTILE: 2}}]
    drawn = pictures({**report, "approvals": approvals})["approvals"]
    root = Xml.fromstring(drawn.svg)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} & {"script", "a", "image"} == set()


def test_the_same_report_gives_the_same_page(report: Mapping[str, Any]) -> None:
    assert page(report) == page(report)


def test_pictures_are_svg_with_words_for_those_who_do_not_see_them(report: Mapping[str, Any]) -> None:
    for _, attributes in (element for element in Page(page(report)).elements if element[0] == "img"):
        svg = base64.b64decode(str(attributes["src"]).partition(",")[2]).decode()
        assert Xml.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
        assert attributes["alt"]


def test_a_long_time_is_drawn_by_the_day() -> None:
    events = [fire(0), resolve(60), fire(100 * DAY), resolve(100 * DAY + 60)]
    drawn = pictures(replay(events, POLICY, until=101 * DAY))
    assert "by day" in drawn["timeline"].caption
    assert "by hour" in pictures(replay(events[:2], POLICY))["timeline"].caption
    assert "approvals" not in drawn


def test_without_matplotlib_the_page_says_so(
    report: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (pages, drawing):
        monkeypatch.setattr(module, "can_plot", lambda: False)
    shown = Page(page(report))
    assert "remediator[plots]" in shown.text
    assert "img" not in {tag for tag, _ in shown.elements}
    assert next(row for row in shown.rows if row[0] == "restart")


def test_a_time_in_which_nothing_happened() -> None:
    shown = Page(page(replay([], POLICY)))
    assert "Nothing happened in this time." in shown.text
    assert "Nobody would be asked." in shown.text
