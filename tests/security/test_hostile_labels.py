"""Labels that want to be a shell's line, an option, a template, a host, a path, markup or a log line."""

from __future__ import annotations

import csv
import json
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.receiver import TOKEN, Receiver, firing
from tests.real.service import service

_HOSTILE = (
    "$(touch pwned)",
    "`touch pwned`",
    "x; touch pwned #",
    "a | tee pwned",
    "--output=pwned",
    "-rf",
    "{{ 7 * 7 }}{{ labels.__class__ }}",
    "{% for x in labels %}{{ x }}{% endfor %}",
    "{word}{0}%s%(x)s",
    "@TRAP/",
    "//TRAP/x",
    "http://TRAP/x",
    "TRAP",
    "169.254.169.254/latest/meta-data",
    "[fe80::1%25eth0]:80",
    "../../../etc/passwd",
    "..%2f..%2fadmin",
    "x?admin=1#y",
    "x HTTP/1.1\r\nHost: TRAP\r\n\r\nGET /pwned",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>'",
    'x"} 1\nremediator_up{pwned="1',
    'up"} or vector(1) or up{a="',
    '{"level": "error"}\n{"logger": "remediator.audit", "action": "pwned"}',
    "\x1b[2J\x1b]0;pwned\x07\u202e",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "@SUM(1)",
    "\x00",
    "\u2028\u2029\ufeff",
    "9" * 5000,
    "NaN",
    "env:REMEDIATOR_TOKEN",
    "file:/etc/passwd",
)
_RECORDS = """
import json, pathlib, sys
with open(sys.argv[1], "a") as kept:
    kept.write(json.dumps(sys.argv[2:]) + chr(10))
"""
_POLICY = """
policy: hostile
match: ['alertname =~ "hostile.*"']
target: 'thing/{{ labels.number }}'
recheck: 1h
options:
  - name: only
    steps:
      - {uses: command.run, with: {command: record, params: {word: '{{ labels.evil }}'}}}
"""
_BY_PATH = """
policy: by-path
match: ['alertname =~ "hostile.*"']
target: 'path/{{ labels.number }}'
recheck: 1h
options:
  - name: only
    steps:
      - uses: http.request
        with: {service: inner, path: '/rooms/{{ labels.evil }}', json: {x: '{{ labels.evil }}'}}
"""
_NO_ARGUMENTS = 2  # NUL can't be in one, and one is longer than any may be
_OVER = ("succeeded", "failed", "ineffective", "needs_human")


def _configure(receiver: Receiver, inner: str) -> Path:
    kept = receiver.folder / "kept"
    receiver.configure(
        {
            "limits": {"runs_per_minute": 1000},
            "services": {"inner": {"url": f"{inner}/base", "paths": ["POST /rooms/*"]}},
            "commands": {
                "record": {
                    "argv": [sys.executable, "-c", _RECORDS, str(kept), "{word}"],
                    "params": ["word"],
                    "values": {"word": r"(?s).*"},
                    "cwd": str(receiver.folder),
                }
            },
        },
        hostile=_POLICY,
        **{"by-path": _BY_PATH},
    )
    return kept


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_label_is_never_more_than_a_value(receiver: Receiver) -> None:
    with service() as inner, service() as trap:
        values = [value.replace("TRAP", trap.url.removeprefix("http://")) for value in _HOSTILE]
        kept = _configure(receiver, inner.url)
        receiver.start()
        for number, evil in enumerate(values):
            alert = firing("hostile", f"{number:x}", evil=evil, number=str(number))
            alert["alerts"][0]["annotations"] = {"summary": evil}
            assert receiver.deliver(alert) == 200
        receiver.until(lambda: _recorded(kept) >= len(values) - _NO_ARGUMENTS, "not all ran", seconds=300)
        receiver.until(lambda: _all_over(receiver, len(values)), "not all came to an end", seconds=300)
        _nothing_was_a_shells(receiver, kept, values)
        _nobody_else_was_asked(inner.asked, trap.asked)
        _nothing_shows_it_as_more(receiver, values)
        assert receiver.stop() == 0
    _every_log_line_is_one(receiver)


def _recorded(kept: Path) -> int:
    return len(kept.read_text().splitlines()) if kept.exists() else 0


def _all_over(receiver: Receiver, count: int) -> bool:
    decisions = receiver.get("/api/v1/decisions", limit=500)["items"]
    decided = {(one["policy"], one["episode_id"]) for one in decisions if one["phase"] == "entry"}
    return len(decided) == 2 * count and all(run["state"] in _OVER for run in receiver.runs())


def _nothing_was_a_shells(receiver: Receiver, kept: Path, values: list[str]) -> None:
    given = [json.loads(line) for line in kept.read_text().splitlines()]
    assert len(given) == len(values) - _NO_ARGUMENTS
    assert all(len(arguments) == 1 and arguments[0] in values for arguments in given)
    assert not list(receiver.folder.rglob("pwned*"))


def _nobody_else_was_asked(inner: list[tuple[str, str]], trap: list[tuple[str, str]]) -> None:
    assert trap == []
    assert inner, "some of them are fine in a path"
    for method, path in inner:
        assert method == "POST"
        assert path.startswith("/base/rooms/"), path
        assert ".." not in path
        assert "admin" not in path.partition("?")[0]


def _nothing_shows_it_as_more(receiver: Receiver, values: list[str]) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=receiver.url, headers=headers, timeout=60) as client:
        for page in ("/", "/runs", "/why", "/audit", "/policies/hostile", "/runs/1", "/runs/20"):
            text = client.get(page).raise_for_status().text
            assert "<script>alert" not in text
            assert "<img src=x" not in text
        told = client.get("/metrics").text
        samples = [sample for family in text_string_to_metric_families(told) for sample in family.samples]
        labels = {value for sample in samples for value in sample.labels.values()}
        assert labels.isdisjoint(values)
        assert "pwned" not in told
        exported = client.get("/api/v1/audit.csv").text
    cells = [cell for line in csv.reader(StringIO(exported, newline="")) for cell in line]
    assert len(cells) > 100
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def _every_log_line_is_one(receiver: Receiver) -> None:
    lines: list[dict[str, Any]] = [json.loads(line) for line in receiver.log().splitlines() if line.strip()]
    assert len(lines) > 100
    assert not [line for line in lines if line.get("action") == "pwned"]
    assert "\x1b" not in receiver.log()
