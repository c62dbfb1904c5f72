"""Commands: what people ask of runs, episodes, holds and policies, and what they are told."""

from __future__ import annotations

import json
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from remediator.engine.actors import Actor
from remediator.engine.results import Result, Status
from remediator.settings import Role
from remediator.store.base import ConflictError, StoreUnavailableError
from tests.engine.world import Script
from tests.web.site import Site, site

ASKING = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
guards:
  - approval: {from: [oncall], expires: 30m}
options:
  - name: act
    steps:
      - {uses: test.act, with: {thing: a, value: 1}}
"""
UNKNOWN_HASH = "0" * 64
# What a run has at least, wherever it is shown.
CONTRACT = {
    "id", "policy", "target", "state", "reason", "plan_hash", "episode", "option", "created_at", "started_at",
    "finished_at", "lease",
}  # fmt: skip


async def waiting(served: Site) -> dict[str, Any]:
    await served.world.fire()
    run: dict[str, Any] = await served.get("/api/v1/runs/1")
    assert run["state"] == "awaiting_approval"
    return run


async def test_a_run_shows_what_it_would_do(tmp_path: Path) -> None:
    async with site(tmp_path, ASKING) as served:
        run = await waiting(served)
        assert run["plan"]["steps"][0]["action"] == "test.act"
        assert run["plan_hash"] == run["approval"]["plan_hash"]
        assert (run["approval"]["from"], run["approval"]["state"]) == (["oncall"], "pending")
        assert run["approval"]["expires_at"] == "2026-01-05T12:30:00Z"
        assert [episode["id"] for episode in run["episodes"]] == [run["episode"]] == [1]
        listed = (await served.get("/api/v1/runs"))["items"][0]
        assert listed.keys() >= CONTRACT
        assert listed.items() <= run.items()


async def test_an_approved_plan_runs_and_a_second_approval_says_so(tmp_path: Path) -> None:
    async with site(tmp_path, ASKING) as served:
        run = await waiting(served)
        vote = {"plan_hash": run["plan_hash"], "comment": "go on"}
        reply = await served.post("/api/v1/runs/1/approve", vote, who="ana")
        assert (reply.status, reply.json["result"], reply.json["id"]) == (HTTPStatus.OK, "done", 1)
        await served.world.settle()
        done = await served.get("/api/v1/runs/1")
        assert done["state"] == "succeeded"
        assert done["approval"]["votes"][0]["comment"] == "go on"
        assert [step["state"] for step in done["steps"]] == ["succeeded"]
        again = await served.post("/api/v1/runs/1/approve", vote, who="ana")
        assert (again.status, again.json["result"]) == (HTTPStatus.OK, "repeated")
        other = await served.post("/api/v1/runs/1/deny", vote, who="ana")
        assert other.status == HTTPStatus.CONFLICT


async def test_a_denied_plan_does_not_run(tmp_path: Path) -> None:
    async with site(tmp_path, ASKING) as served:
        run = await waiting(served)
        reply = await served.post("/api/v1/runs/1/deny", {"plan_hash": run["plan_hash"]}, who="ana")
        assert (reply.status, reply.json["state"]) == (HTTPStatus.OK, "denied")


async def test_votes_that_do_not_count(tmp_path: Path) -> None:
    async with site(tmp_path, ASKING) as served:
        run = await waiting(served)
        vote = {"plan_hash": run["plan_hash"]}
        other_plan = await served.post("/api/v1/runs/1/approve", {"plan_hash": UNKNOWN_HASH}, who="ana")
        assert other_plan.status == HTTPStatus.CONFLICT
        not_asked = await served.post("/api/v1/runs/1/approve", vote, who="root")
        assert not_asked.status == HTTPStatus.FORBIDDEN
        no_run = await served.post("/api/v1/runs/2/approve", vote, who="ana")
        assert no_run.status == HTTPStatus.NOT_FOUND
        served.world.clock.jump(timedelta(hours=1))
        late = await served.post("/api/v1/runs/1/approve", vote, who="ana")
        assert late.status == HTTPStatus.GONE


async def test_a_hold_pauses_and_its_removal_lets_go_on(served: Site) -> None:
    body = {"scope": "policy", "value": "fix", "reason": "maintenance", "for": "2h"}
    reply = await served.post("/api/v1/holds", body, who="olga")
    assert reply.status == HTTPStatus.CREATED
    hold = reply.json
    assert (hold["created_by"], hold["expires_at"]) == ("olga", "2026-01-05T14:00:00Z")
    await served.world.fire()
    assert [item["id"] for item in (await served.get("/api/v1/holds"))["items"]] == [hold["id"]]
    assert await served.world.runs() == []
    removed = await served.ask("DELETE", f"/api/v1/holds/{hold['id']}", who="olga")
    assert (removed.status, removed.json["removed_by"]) == (HTTPStatus.OK, "olga")
    again = await served.ask("DELETE", f"/api/v1/holds/{hold['id']}", who="olga")
    assert (again.status, again.json["result"]) == (HTTPStatus.OK, "repeated")
    await served.world.settle()
    assert [run.state for run in await served.world.runs()] == ["succeeded"]


async def test_an_episode_is_acknowledged(served: Site) -> None:
    await served.world.fire()
    reply = await served.post("/api/v1/episodes/1/acknowledge", {"for": "1h", "comment": "on it"}, who="olga")
    assert (reply.status, reply.json["acknowledged_by"]) == (HTTPStatus.OK, "olga")
    assert reply.json["acknowledged_until"] == "2026-01-05T13:00:00Z"
    assert reply.json["state"] == "open"


async def test_a_policy_is_run_by_hand(served: Site) -> None:
    body = {"labels": {"alertname": "Broken", "thing": "b"}, "comment": "a look"}
    reply = await served.post("/api/v1/policies/fix/run", body, who="olga")
    assert reply.status == HTTPStatus.OK, reply.body
    assert (reply.json["target"], reply.json["actor"], reply.json["episode"]) == ("thing/b", "olga", None)
    assert (await served.post("/api/v1/policies/nothing/run", body)).status == HTTPStatus.NOT_FOUND


async def test_a_waiting_run_is_cancelled_with_an_empty_body(tmp_path: Path) -> None:
    async with site(tmp_path, ASKING, script=Script()) as served:
        await waiting(served)
        reply = await served.post("/api/v1/runs/1/cancel")
        assert (reply.status, reply.json["state"]) == (HTTPStatus.OK, "cancelled")
        assert (await served.post("/api/v1/runs/1/cancel")).status == HTTPStatus.CONFLICT
        assert (await served.post("/api/v1/runs/1/resume")).status == HTTPStatus.CONFLICT
        assert (await served.post("/api/v1/runs/1/revert")).status == HTTPStatus.CONFLICT


class Scripted:
    """Every command ends as told, and is kept."""

    def __init__(self, end: Result | Exception) -> None:
        self._end = end
        self.asked: list[tuple[str, int | str, dict[str, Any]]] = []

    async def _end_as_told(self, name: str, subject: int | str, given: dict[str, Any]) -> Result:
        self.asked.append((name, subject, given))
        if isinstance(self._end, Exception):
            raise self._end
        return self._end

    async def cancel(self, run_id: int, **given: Any) -> Result:
        return await self._end_as_told("cancel", run_id, given)

    async def resume(self, run_id: int, **given: Any) -> Result:
        return await self._end_as_told("resume", run_id, given)

    async def revert(self, run_id: int, **given: Any) -> Result:
        return await self._end_as_told("revert", run_id, given)

    async def close_breaker(self, policy: str, **given: Any) -> Result:
        return await self._end_as_told("close_breaker", policy, given)

    async def acknowledge(self, episode_id: int, **given: Any) -> Result:
        return await self._end_as_told("acknowledge", episode_id, given)


OLGA = Actor("olga", frozenset({Role.VIEWER, Role.OPERATOR}), frozenset())


@pytest.mark.parametrize(
    ("path", "body", "asked"),
    [
        ("runs/7/cancel", {"kill": True}, ("cancel", 7, {"actor": OLGA, "comment": "", "kill": True})),
        (
            "runs/7/resume",
            {"treat_step_as": "done", "comment": "looked"},
            ("resume", 7, {"actor": OLGA, "comment": "looked", "treat_step_as": "done"}),
        ),
        ("runs/7/revert", {"comment": "now"}, ("revert", 7, {"actor": OLGA, "comment": "now"})),
        (
            "policies/fix/close-breaker",
            {"comment": "mended"},
            ("close_breaker", "fix", {"actor": OLGA, "comment": "mended"}),
        ),
        (
            "episodes/7/acknowledge",
            {"for": "1h30m"},
            ("acknowledge", 7, {"actor": OLGA, "comment": "", "duration": timedelta(minutes=90)}),
        ),
    ],
)
async def test_commands_reach_the_engine_as_given(
    tmp_path: Path, path: str, body: dict[str, Any], asked: tuple[str, int | str, dict[str, Any]]
) -> None:
    control = Scripted(Result(Status.CONFLICT, "it is so"))
    async with site(tmp_path, stand_ins={"control": control}) as served:
        await served.post(f"/api/v1/{path}", body, who="olga")
    assert control.asked == [asked]


@pytest.mark.parametrize(
    ("end", "status", "detail"),
    [
        (Result(Status.NOT_FOUND, "no such run"), HTTPStatus.NOT_FOUND, "no such run"),
        (Result(Status.FORBIDDEN, "not you"), HTTPStatus.FORBIDDEN, "not you"),
        (Result(Status.CONFLICT, "too late"), HTTPStatus.CONFLICT, "too late"),
        (Result(Status.EXPIRED, "expired"), HTTPStatus.GONE, "expired"),
        (Result(Status.INVALID, "say more"), HTTPStatus.UNPROCESSABLE_ENTITY, "say more"),
        (ConflictError("internals"), HTTPStatus.CONFLICT, "it changed meanwhile"),
        (StoreUnavailableError("internals"), HTTPStatus.SERVICE_UNAVAILABLE, "try again"),
        (RuntimeError("internals"), HTTPStatus.INTERNAL_SERVER_ERROR, "failed inside"),
        (TimeoutError("internals"), HTTPStatus.INTERNAL_SERVER_ERROR, "failed inside"),
    ],
)
async def test_each_end_has_its_status_and_internals_stay_inside(
    tmp_path: Path, end: Result | Exception, status: HTTPStatus, detail: str
) -> None:
    async with site(tmp_path, stand_ins={"control": Scripted(end)}) as served:
        reply = await served.post("/api/v1/runs/1/cancel", {})
    assert (reply.status, reply.json["status"]) == (status, status)
    assert detail in reply.json["detail"]
    assert b"internals" not in reply.body
    assert reply.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("path", "body", "parameter"),
    [
        ("holds", {"scope": "all"}, "reason"),
        ("holds", {"scope": "world", "reason": "x"}, "scope"),
        ("holds", {"scope": "all", "reason": "x", "for": "two hours"}, "for"),
        ("holds", {"scope": "all", "reason": "x", "for": "0s"}, "for"),
        ("holds", {"scope": "all", "reason": "x", "for": "99y"}, "for"),
        ("holds", {"scope": "all", "reason": "x", "for": "1" * 60 + "y"}, "for"),
        ("holds", {"scope": "all", "reason": "nul \x00"}, "reason"),
        ("holds", {"scope": "all", "reason": "x", "colour": 1}, "colour"),
        ("runs/1/approve", {}, "plan_hash"),
        ("runs/1/approve", {"plan_hash": 5}, "plan_hash"),
        ("runs/1/cancel", {"comment": "a" * 5000}, "comment"),
        ("runs/1/resume", {"treat_step_as": "perhaps"}, "treat_step_as"),
        ("policies/fix/run", {"labels": {"a": 1}}, "labels"),
        ("policies/fix/run", {"labels": {str(number): "" for number in range(65)}}, "labels"),
    ],
    ids=str,
)
async def test_wrong_fields_are_named(served: Site, path: str, body: Any, parameter: str) -> None:
    reply = await served.post(f"/api/v1/{path}", body)
    assert (reply.status, reply.json.get("parameter")) == (HTTPStatus.UNPROCESSABLE_ENTITY, parameter)
    assert await served.audit() == []


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"null",
        b"{",
        b"[" * 60_000,
        b'{"reason": NaN}',
        b'{"reason": "\\ud800"}',
        b"\xff",
        b'{"a":' * 9000,
    ],
    ids=lambda body: str(body[:20]),
)
async def test_what_is_not_the_expected_json_is_refused(served: Site, body: bytes) -> None:
    reply = await served.ask("POST", "/api/v1/holds", body=body)
    assert reply.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
    assert await served.audit() == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_only_json_is_taken(served: Site, kind: str) -> None:
    body = json.dumps({"scope": "all", "reason": "x"}).encode()
    reply = await served.ask("POST", "/api/v1/holds", body=body, headers={"Content-Type": kind})
    assert reply.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


async def test_a_packed_command_is_not_unpacked(served: Site) -> None:
    reply = await served.ask("POST", "/api/v1/holds", body=b"{}", headers={"Content-Encoding": "gzip"})
    assert reply.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE


async def test_a_long_command_is_413(served: Site) -> None:
    reply = await served.post("/api/v1/holds", {"scope": "all", "reason": "a" * 70_000})
    assert reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE


async def test_hostile_text_comes_back_as_it_went_in(served: Site) -> None:
    reason = "\u202e<script>alert(1)</script>\U0001f4a5"
    await served.post("/api/v1/holds", {"scope": "all", "reason": reason})
    reply = await served.ask("GET", "/api/v1/holds")
    assert reply.json["items"][0]["reason"] == reason
    assert reply.body.isascii()
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
