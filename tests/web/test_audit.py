"""The audit log over HTTP: search and filters, export, and its pages."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from remediator.engine.readiness import Unready
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.store.base import StoreUnavailableError
from remediator.web import audit
from tests.engine.world import START
from tests.store.samples import another
from tests.web.site import Site, site

HOSTILE = '<script>alert(1)</script> <img src=x onerror=alert(2)> "quoted" \u202egnp.exe'


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Site]:
    """Serve a log of five rows beside what the world wrote."""
    async with site(tmp_path) as serving:
        for number in range(1, 6):
            await write(serving, f"needle {number}", minutes=number, actor="ana" if number % 2 else "olga")
        yield serving


async def write(served: Site, text: str, *, minutes: int = 0, **fields: Any) -> None:
    entry = AuditEntry(
        **{
            "at": START + timedelta(minutes=minutes),
            "actor": "ana",
            "action": AuditAction.HOLD_ADDED,
            "policy": "fix",
            "detail": {"text": text},
            **fields,
        }
    )
    await served.world.store.write(lambda tx: tx.audit(entry))


async def page(served: Site, path: str, *, who: str = "vera", status: HTTPStatus = HTTPStatus.OK) -> str:
    reply = await served.ask("GET", path, who=who)
    assert reply.status == status, reply.body
    assert "default-src 'none'" in reply.headers["Content-Security-Policy"]
    return reply.body.decode()


def shown(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'<td data-label="Row"><a href="/audit/(\d+)"', html)]


FILTERS = [
    ("q=needle", [5, 4, 3, 2, 1]),
    ("q=needle+3", [3]),
    ("q=needle+OR+3", []),
    ("q=needle&actor=olga", [4, 2]),
    ("q=needle&action=hold.added&policy=fix&actor=ana", [5, 3, 1]),
    ("q=needle&since=2026-01-05T12:02:00Z&until=2026-01-05T12:04:00Z", [3, 2]),
    ("q=needle&policy=another", []),
    ("q=%22", []),
]


@pytest.mark.parametrize(("query", "expected"), FILTERS)
@pytest.mark.parametrize("indexed", [False, True])
async def test_search_and_filters_go_together(
    served: Site, query: str, expected: list[int], *, indexed: bool
) -> None:
    if indexed:
        await served.world.store.advance_index()
    rows = (await served.get(f"/api/v1/audit?{query}"))["items"]
    first = (await served.get("/api/v1/audit?q=needle"))["items"][-1]["sequence"] - 1
    assert [row["sequence"] - first for row in rows] == expected
    assert [number - first for number in shown(await page(served, f"/audit?{query}"))] == expected
    exported = await served.ask("GET", f"/api/v1/audit.jsonl?{query}", who="vera")
    lines = [json.loads(line) for line in exported.body.splitlines()]
    assert [line["sequence"] - first for line in lines] == expected[::-1]


async def test_an_export_is_whole_and_its_rows_are_those_of_the_log(
    served: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_BATCH", 2)
    reply = await served.ask("GET", "/api/v1/audit.jsonl", who="vera")
    assert reply.status == HTTPStatus.OK
    assert reply.headers["Content-Type"] == "application/jsonl; charset=utf-8"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="audit.jsonl"'
    rows = sorted(await served.audit(), key=lambda row: row.sequence)
    exported = [json.loads(line) for line in reply.body.splitlines()]
    assert [line["hash"] for line in exported] == [row.hash for row in rows]
    assert exported[-1]["detail"] == {"text": "needle 5"}


@pytest.mark.parametrize(
    "start", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\t=1", "  =1+1", "\uff1d1", "\n=1"]
)
async def test_no_cell_of_a_csv_is_a_formula(served: Site, start: str) -> None:
    await write(served, "csv", target=start, actor=start)
    reply = await served.ask("GET", "/api/v1/audit.csv?q=csv", who="vera")
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    (row,) = csv.DictReader(io.StringIO(reply.body.decode()))
    assert row["target"].startswith("'")
    assert row["actor"].startswith("'")
    assert len(reply.body.splitlines()) == 2


async def test_an_export_that_breaks_off_does_not_look_whole(
    served: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "_BATCH", 2)
    read, looks = served.world.store.read, 0

    async def failing(work: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise StoreUnavailableError("locked")
        return await read(work)

    monkeypatch.setattr(served.world.store, "read", failing)
    with pytest.raises(Exception, match=r"payload is not completed|Server disconnected|Connection reset"):
        await served.ask("GET", "/api/v1/audit.jsonl", who="vera")


@pytest.mark.parametrize("path", ["/audit", "/audit/1", "/api/v1/audit.csv", "/api/v1/audit.jsonl"])
async def test_the_log_is_for_viewers(served: Site, path: str) -> None:
    assert (await served.ask("GET", path, who="nobody")).status == HTTPStatus.FORBIDDEN
    assert (await served.ask("GET", path, who="alertmanager")).status == HTTPStatus.FORBIDDEN


async def test_pages_follow_each_other_without_a_gap(served: Site) -> None:
    seen: list[int] = []
    path: str | None = "/audit?q=needle&limit=2"
    while path is not None:
        html = await page(served, path)
        seen += shown(html)
        older = re.search(r'rel="next" href="([^"]+)"', html)
        path = None if older is None else older.group(1).replace("&amp;", "&") + "&limit=2"
        await write(served, "needle, newer")  # what comes meanwhile shifts nothing
    assert len(seen) == 5
    assert seen == sorted(set(seen), reverse=True)


async def test_empty_fields_of_the_form_are_not_asked_for(served: Site) -> None:
    html = await page(served, "/audit?q=&action=&actor=ana&policy=&since=2026-01-05T12:02:00&until=")
    assert len(shown(html)) == 2
    assert 'value="2026-01-05T12:02:00"' in html


@pytest.mark.parametrize(
    ("query", "said"),
    [("run_id=x", "run_id"), ("since=yesterday", "since"), ("nothing=1", "is not a parameter here")],
)
async def test_what_is_wrong_with_a_filter_is_said_on_a_page(served: Site, query: str, said: str) -> None:
    assert said in await page(served, f"/audit?{query}", status=HTTPStatus.BAD_REQUEST)


async def test_nothing_found_is_said(served: Site) -> None:
    html = await page(served, "/audit?q=haystack")
    assert "No row has all of that" in html
    assert "Export" not in html


async def test_hostile_values_are_shown_and_do_nothing(served: Site) -> None:
    await write(served, HOSTILE, actor=HOSTILE, target=HOSTILE, policy=HOSTILE, alertname=HOSTILE)
    last = (await served.audit())[0].sequence
    for path in ("/audit", f"/audit/{last}", "/audit?q=%3Cscript%3E%22onfocus%3Dalert(1)"):
        html = await page(served, path)
        assert "<script>alert" not in html
        assert "<img" not in html
        assert '"onfocus' not in html
        assert "\u202e" not in html
    assert "\\u202e" in await page(served, f"/audit/{last}")


async def test_a_huge_value_is_cut_on_the_page(served: Site) -> None:
    await write(served, "x" * 2**20)
    last = (await served.audit())[0].sequence
    assert len(await page(served, "/audit")) < 100_000
    assert "more characters" in await page(served, f"/audit/{last}")


async def test_a_row_says_how_it_stands_in_the_chain(served: Site, tmp_path: Path) -> None:
    html = await page(served, "/audit/2")
    assert "Its contents give its hash" in html
    assert 'It follows <a href="/audit/1">row 1</a>' in html
    assert "first that is kept" in await page(served, "/audit/1")
    with another(tmp_path / "db.sqlite") as other:
        other.execute("DROP TRIGGER audit_no_update")
        other.execute("UPDATE audit SET at = 'never', detail = 'not json' WHERE sequence = 2")
    html = await page(served, "/audit/2")
    assert "it was changed after it was written" in html
    assert "never" in html
    assert "never" in await page(served, "/audit")
    assert "no row 99" in await page(served, "/audit/99", status=HTTPStatus.NOT_FOUND)


async def test_a_broken_chain_stands_on_top(served: Site) -> None:
    assert "chain whole" in await page(served, "/audit")
    served.services.readiness.set(Unready.AUDIT_CHAIN, "row 3 was altered")
    html = await page(served, "/audit")
    assert "chain broken" in html
    assert "row 3 was altered" in html
