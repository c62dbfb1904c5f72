"""Commands about a running server: what they send, print and end with."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.conftest import Api, Run

HOSTILE = "qlo\x1b[2Japps\n[red]all is well[/red] :boom:"
PLAN: dict[str, Any] = {
    "policy": "pms",
    "target": HOSTILE,
    "option": "restart-pms",
    "steps": [{"action": "docker.restart", "params": {"container": "qloapps"}, "deferred": []}],
    "verify": {"all": [{"promql": "up == 1"}], "within": "2m"},
    "revert": None,
}
RUN: dict[str, Any] = {
    "id": 7, "policy": "pms", "target": HOSTILE, "state": "awaiting_approval", "reason": None,
    "plan_hash": "abc123", "episode": 3, "option": "restart-pms", "created_at": "2026-01-02T03:04:05.678Z",
    "started_at": None, "finished_at": None, "lease": None, "plan": PLAN,
}  # fmt: skip
HOLD = {
    "id": 4, "scope": "policy", "value": "pms", "reason": HOSTILE, "created_by": "ana",
    "created_at": "2026-01-02T03:04:05Z", "expires_at": None,
}  # fmt: skip
EPISODE = {
    "id": 3, "alertname": HOSTILE, "source": "default", "opened_at": "2026-01-02T03:04:05Z",
    "closed_at": None, "close_reason": None, "acknowledged_by": None, "labels": {"service": HOSTILE},
}  # fmt: skip
LEASE = {
    "id": 2, "resource": "fly:app", "attribute": "count", "policy": "pms", "run_id": 7, "state": "open",
    "original": 1, "applied": HOSTILE, "expires_at": "2026-01-02T07:04:05Z",
}  # fmt: skip
AUDIT = {
    "sequence": 9, "at": "2026-01-02T03:04:05.000000Z", "actor": HOSTILE, "action": "run.created",
    "policy": "pms", "target": HOSTILE, "run_id": 7, "detail": {"text": HOSTILE},
}  # fmt: skip

ANSWER = {"id": 7, "result": "done", "message": HOSTILE, "state": "planned"}

LISTS = [
    ("runs", "/api/v1/runs", RUN),
    ("holds", "/api/v1/holds", HOLD),
    ("episodes", "/api/v1/episodes", EPISODE),
    ("leases", "/api/v1/leases", LEASE),
    ("audit", "/api/v1/audit", AUDIT),
]


def page(item: dict[str, Any]) -> dict[str, Any]:
    return {"items": [item], "next_cursor": "more"}


@pytest.mark.parametrize(("group", "path", "item"), LISTS)
def test_a_list_shows_hostile_text_without_letting_it_act(
    api: Api, remediator: Run, group: str, path: str, item: dict[str, Any]
) -> None:
    api.on("GET", path, page(item))
    ended = remediator(group, "list")
    assert ended.code == 0, ended.err
    assert "\x1b[2J" not in ended.out
    assert "\\x1b[2J" in ended.out
    assert ":boom:" in ended.out
    assert "[red]" in ended.out


@pytest.mark.parametrize(("group", "path", "item"), LISTS)
def test_a_list_as_json_is_the_servers_answer(
    api: Api, remediator: Run, group: str, path: str, item: dict[str, Any]
) -> None:
    api.on("GET", path, page(item))
    ended = remediator(group, "list", "--json")
    assert json.loads(ended.out) == page(item)
    assert ended.out.isascii()


@pytest.mark.parametrize("group", [group for group, _, _ in LISTS])
def test_an_empty_list_says_so(api: Api, remediator: Run, group: str) -> None:
    path = f"/api/v1/{group}"
    api.on("GET", path, {"items": [], "next_cursor": None})
    ended = remediator(group, "list")
    assert ended.code == 0
    assert ended.out.strip()


def test_filters_and_the_token_are_sent_and_the_rest_is_left_out(api: Api, remediator: Run) -> None:
    api.on("GET", "/api/v1/runs", page(RUN))
    remediator("runs", "list", "--policy", "pms", "--state", "failed", "--limit", "5")
    assert api.asked[0][2] == {"policy": "pms", "state": "failed", "limit": "5"}
    assert api.tokens == ["Bearer tok-en"]


def test_an_approval_is_bound_to_the_plan_that_was_fetched(api: Api, remediator: Run) -> None:
    api.on("GET", "/api/v1/runs/7", RUN)
    api.on("POST", "/api/v1/runs/7/approve", ANSWER)
    ended = remediator("runs", "approve", "7", "--yes", "-m", "go on")
    assert ended.code == 0, ended.err
    body = {"plan_hash": "abc123", "comment": "go on"}
    assert api.sent("POST") == [("/api/v1/runs/7/approve", body)]


def test_an_approval_of_another_plan_sends_nothing(api: Api, remediator: Run) -> None:
    api.on("GET", "/api/v1/runs/7", RUN)
    ended = remediator("runs", "approve", "7", "--yes", "--plan-hash", "other")
    assert ended.code == 1
    assert "another plan" in ended.err
    assert api.sent("POST") == []


def test_without_a_terminal_nothing_is_approved_unasked(api: Api, remediator: Run) -> None:
    api.on("GET", "/api/v1/runs/7", RUN)
    ended = remediator("runs", "approve", "7")
    assert ended.code == 2
    assert "--yes" in ended.err
    assert api.sent("POST") == []


@pytest.mark.parametrize("verb", ["approve", "deny"])
@pytest.mark.parametrize(("answer", "code", "sent"), [("y\n", 0, 1), ("n\n", 1, 0)])
def test_on_a_terminal_the_plan_is_shown_and_asked_about(
    api: Api, remediator: Run, monkeypatch: pytest.MonkeyPatch, verb: str, answer: str, code: int, sent: int
) -> None:
    api.on("GET", "/api/v1/runs/7", RUN)
    api.on("POST", f"/api/v1/runs/7/{verb}", ANSWER)
    monkeypatch.setattr("sys.stdin", Typed(answer))
    ended = remediator("runs", verb, "7")
    assert ended.code == code, ended.err
    assert "docker.restart" in ended.err
    assert "\x1b[2J" not in ended.err
    assert len(api.sent("POST")) == sent


class Typed:
    """Somebody at a terminal who types one line."""

    def __init__(self, line: str) -> None:
        self._lines = [line]

    def isatty(self) -> bool:
        return True

    def readline(self, _: int = -1) -> str:
        return self._lines.pop(0)


@pytest.mark.parametrize(
    ("arguments", "path", "body"),
    [
        (
            ["runs", "cancel", "7", "--kill", "-m", "why"],
            "/api/v1/runs/7/cancel",
            {"comment": "why", "kill": True},
        ),
        (
            ["runs", "resume", "7", "--treat-step-as", "not_done"],
            "/api/v1/runs/7/resume",
            {"comment": "", "treat_step_as": "not_done"},
        ),
        (["runs", "resume", "7"], "/api/v1/runs/7/resume", {"comment": ""}),
        (["runs", "revert", "7", "-m", "well again"], "/api/v1/runs/7/revert", {"comment": "well again"}),
        (
            ["episodes", "ack", "3", "-m", "on it", "--for", "2h"],
            "/api/v1/episodes/3/acknowledge",
            {"comment": "on it", "for": "2h"},
        ),
        (
            ["holds", "add", "policy", "pms", "-m", "release", "--for", "30m"],
            "/api/v1/holds",
            {"scope": "policy", "value": "pms", "reason": "release", "for": "30m"},
        ),
        (
            ["holds", "add", "all", "--reason", "audit"],
            "/api/v1/holds",
            {"scope": "all", "value": "", "reason": "audit"},
        ),
    ],
)
def test_commands_send_what_the_api_takes(
    api: Api, remediator: Run, arguments: list[str], path: str, body: dict[str, Any]
) -> None:
    api.on("POST", path, ANSWER)
    ended = remediator(*arguments)
    assert ended.code == 0, ended.err
    assert "\x1b" not in ended.out
    assert ended.out.count("\n") == 1
    assert api.sent("POST") == [(path, body)]


def test_a_hold_is_removed_by_its_id(api: Api, remediator: Run) -> None:
    api.on("DELETE", "/api/v1/holds/4", ANSWER)
    assert remediator("holds", "remove", "4").code == 0
    assert api.sent("DELETE") == [("/api/v1/holds/4", None)]


def test_a_hold_needs_a_reason(api: Api, remediator: Run) -> None:
    ended = remediator("holds", "add", "all")
    assert ended.code == 2
    assert "reason" in ended.err
    assert api.asked == []


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (401, 2, "REMEDIATOR_TOKEN"),
        (403, 2, "no such role"),
        (404, 2, "no such role"),
        (409, 1, "no such role"),
        (410, 1, "no such role"),
        (422, 2, "no such role"),
        (503, 2, "no such role"),
    ],
)
def test_a_refusal_is_told_apart_from_a_mistake(
    api: Api, remediator: Run, status: int, code: int, words: str
) -> None:
    problem = {"type": "about:blank", "title": "No", "status": status, "detail": "no such role"}
    api.on("POST", "/api/v1/runs/7/revert", problem, status)
    ended = remediator("runs", "revert", "7")
    assert ended.code == code
    assert words in ended.err
    assert ended.out == ""


def test_a_server_that_is_not_there_is_a_connection_error(remediator: Run) -> None:
    ended = remediator("runs", "list", "--url", "http://127.0.0.1:1")
    assert ended.code == 2
    assert "is it running" in ended.err


@pytest.mark.parametrize(
    "arguments", [["runs", "show", "x"], ["runs", "list", "--state", "odd"], ["nonsense"], ["holds", "add"]]
)
def test_wrong_usage_ends_with_2(remediator: Run, arguments: list[str]) -> None:
    assert remediator(*arguments).code == 2


def test_a_run_is_shown_with_its_plan(api: Api, remediator: Run) -> None:
    api.on("GET", "/api/v1/runs/7", RUN)
    ended = remediator("runs", "show", "7")
    assert ended.code == 0
    assert "docker.restart" in ended.out
    assert "verify within 2m: PromQL up == 1" in ended.out
    assert "\x1b[2J" not in ended.out
