"""Lists: newest first, paged by cursor, filtered, and strict about their parameters."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.web.paging import decode_cursor, encode_cursor
from tests.engine.world import POLICY, Script
from tests.web.site import Site, site

SECOND = POLICY.replace("policy: fix", "policy: mend").replace("Broken", "Bent").replace("thing/", "other/")
LISTS = ("decisions", "episodes", "runs", "policies", "audit", "leases", "holds")


async def ids(served: Site, path: str, **query: Any) -> list[int]:
    page = await served.get(f"/api/v1/{path}?{urlencode(query, doseq=True)}")
    return [item["id" if "id" in item else "sequence"] for item in page["items"]]


async def walked(served: Site, path: str, limit: int) -> list[Any]:
    """Follow the cursors to the end."""
    found, cursor = [], None
    while True:
        query = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        page = await served.get(f"/api/v1/{path}?{urlencode(query)}")
        assert len(page["items"]) <= limit
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


async def fill(served: Site) -> None:
    """Two runs of two policies, a minute apart, and two holds."""
    await served.world.fire("Broken", "f1")
    served.world.clock.jump(timedelta(minutes=1))
    await served.world.fire("Bent", "f2")
    for reason in ("one", "two"):
        await served.post("/api/v1/holds", {"scope": "target", "value": "elsewhere", "reason": reason})


@pytest.mark.parametrize("path", [path for path in LISTS if path != "leases"])
async def test_pages_joined_are_the_whole_list(tmp_path: Path, path: str) -> None:
    async with site(tmp_path, POLICY, SECOND) as served:
        await fill(served)
        whole = (await served.get(f"/api/v1/{path}?limit=500"))["items"]
        assert len(whole) >= 2
        assert await walked(served, path, 1) == whole
        assert await walked(served, path, len(whole)) == whole
        if path != "policies":
            order = [item.get("id") or item["sequence"] for item in whole]
            assert order == sorted(order, reverse=True)


@pytest.mark.parametrize(
    ("path", "query", "expected"),
    [
        ("runs", {"policy": "fix"}, [1]),
        ("runs", {"target": "other/a"}, [2]),
        ("runs", {"alertname": "Bent"}, [2]),
        ("runs", {"alertname": "Nothing"}, []),
        ("runs", {"state": "succeeded"}, [2, 1]),
        ("runs", {"state": ["failed", "succeeded"]}, [2, 1]),
        ("runs", {"state": "failed"}, []),
        ("runs", {"actor": "remediator", "kind": "remediation"}, [2, 1]),
        ("runs", {"since": "2026-01-05T12:00:30Z"}, [2]),
        ("runs", {"until": "2026-01-05T13:00:30+01:00"}, [1]),
        ("runs", {"episode": 2}, [2]),
        ("episodes", {"alertname": "Broken"}, [1]),
        ("episodes", {"state": "open", "source": "default"}, [2, 1]),
        ("episodes", {"state": "closed"}, []),
        ("episodes", {"fingerprint": "f2"}, [2]),
        ("holds", {"scope": "policy"}, []),
        ("holds", {"value": "elsewhere"}, [2, 1]),
    ],
)
async def test_filters(tmp_path: Path, path: str, query: dict[str, Any], expected: list[int]) -> None:
    async with site(tmp_path, POLICY, SECOND) as served:
        await fill(served)
        assert await ids(served, path, **query) == expected


async def test_closed_episodes_say_why(served: Site) -> None:
    await served.world.fire()
    await served.world.resolve()
    (episode,) = (await served.get("/api/v1/episodes?state=closed"))["items"]
    assert (episode["state"], episode["close_reason"]) == ("closed", "resolved")
    assert await ids(served, "episodes", state="open") == []


async def test_decisions_filter_by_what_was_decided(tmp_path: Path) -> None:
    async with site(tmp_path, POLICY, SECOND) as served:
        await fill(served)
        items = (await served.get("/api/v1/decisions?outcome=run&policy=fix"))["items"]
        assert {(item["policy"], item["outcome"]) for item in items} == {("fix", "run")}
        named = (await served.get("/api/v1/decisions?alertname=Bent"))["items"]
        assert {item["policy"] for item in named} == {"mend"}


async def test_the_audit_log_filters_and_searches(tmp_path: Path) -> None:
    async with site(tmp_path, POLICY, SECOND) as served:
        await fill(served)
        added = (await served.get("/api/v1/audit?action=hold.added&actor=root"))["items"]
        assert [row["detail"]["reason"] for row in added] == ["two", "one"]
        (found,) = (await served.get("/api/v1/audit?q=elsewhere%20two"))["items"]
        assert found == added[0]
        assert (await served.get('/api/v1/audit?q="%20OR%20*%00('))["items"] == []
        assert {row["run_id"] for row in (await served.get("/api/v1/audit?run_id=2"))["items"]} == {2}


LEASING = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
options:
  - name: set
    steps:
      - {uses: test.set, with: {thing: a, value: 9}}
    revert: {on: [resolved], after: 4h}
"""


async def test_leases_that_stand_are_listed_and_ended_ones_when_asked_for(tmp_path: Path) -> None:
    async with site(tmp_path, LEASING, script=Script(values={"a": 1})) as served:
        await served.world.fire()
        (lease,) = (await served.get("/api/v1/leases"))["items"]
        assert (lease["state"], lease["original"], lease["applied"]) == ("open", 1, 9)
        assert (await served.get("/api/v1/runs/1"))["lease"] == "open"
        await served.world.resolve()
        await served.world.settle()
        assert (await served.get("/api/v1/leases"))["items"] == []
        (undone,) = (await served.get("/api/v1/leases?state=undone"))["items"]
        assert undone["id"] == lease["id"]
        run = await served.get("/api/v1/runs/1")
        assert [revert["state"] for revert in run["reverts"]] == ["reverted"]
        assert run["leases"] == [undone]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=many", "limit"),
        ("limit=1&limit=2", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=%F0%9F%92%A5", "cursor"),
        ("colour=blue", "colour"),
        ("colour=blue&colour=red", "colour"),
    ],
)
async def test_wrong_parameters_are_named(served: Site, path: str, query: str, parameter: str) -> None:
    reply = await served.ask("GET", f"/api/v1/{path}?{query}")
    assert reply.status == HTTPStatus.BAD_REQUEST
    assert reply.json["parameter"] == parameter
    assert parameter in reply.json["detail"]


@pytest.mark.parametrize(
    ("path", "query", "parameter"),
    [
        ("runs", "state=unheard", "state"),
        ("runs", "since=yesterday", "since"),
        ("runs", "since=2026-01-05T12:00:00", "since"),
        ("runs", "until=9999-12-31T23:59:59-12:00", "until"),
        ("runs", "policy=" + "a" * 2000, "policy"),
        ("runs", "episode=99999999999999999999", "episode"),
        ("episodes", "state=ajar", "state"),
        ("decisions", "reason=why", "reason"),
        ("leases", "state=lent", "state"),
        ("holds", "scope=world", "scope"),
        ("runs/1", "limit=1", "limit"),
    ],
)
async def test_wrong_filters_are_named(served: Site, path: str, query: str, parameter: str) -> None:
    reply = await served.ask("GET", f"/api/v1/{path}?{query}")
    assert (reply.status, reply.json["parameter"]) == (HTTPStatus.BAD_REQUEST, parameter)


@given(st.integers(min_value=0, max_value=10**18 - 1))
def test_a_cursor_reads_back(last_id: int) -> None:
    assert decode_cursor(encode_cursor(last_id)) == last_id


@given(st.text())
def test_no_text_breaks_a_cursor(text: str) -> None:
    try:
        read = decode_cursor(text)
    except ValueError:
        return
    assert 0 <= read < 10**18


async def test_policies_say_what_serves(tmp_path: Path) -> None:
    async with site(tmp_path, POLICY, SECOND, mode="shadow") as served:
        page = await served.get("/api/v1/policies")
        assert [(item["policy"], item["mode"], item["effective_mode"]) for item in page["items"]] == [
            ("fix", "enforce", "shadow"),
            ("mend", "enforce", "shadow"),
        ]
        assert page["refused"] == []
        assert page["items"][0]["document"]["options"][0]["name"] == "act"
        only = await served.get("/api/v1/policies?policy=mend")
        assert [item["policy"] for item in only["items"]] == ["mend"]
