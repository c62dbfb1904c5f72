"""The pages Policies, and running one by hand from them."""

from __future__ import annotations

import re
from collections import deque
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import pytest

from remediator.actions.base import FailureReason, failed
from remediator.errors import Problem
from remediator.policy.outcomes import LastBacktest, LastTests, Outcomes, record_outcomes
from remediator.runs.records import Run
from remediator.runs.states import RunState
from remediator.settings import Mode
from remediator.store.base import Filter
from tests.engine.world import POLICY
from tests.store.samples import run
from tests.web.site import Reply, Site, site
from tests.web.test_audit import page

COOLING = POLICY + "guards: [{cooldown: {for: 1h}}]\n"
BREAKING = POLICY + "guards: [{failure_breaker: {failures: 1, per: 1h, cool_off: 6h}}]\n"
HOSTILE = POLICY.replace(
    "owner: team", "description: '<script>alert(1)</script> \u202egnp.exe'\nowner: '<b>x'"
)
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def post(served: Site, path: str, who: str = "olga", **fields: str) -> Reply:
    return await served.ask("POST", path, who=who, body=urlencode(fields).encode(), headers=_FORM)


async def runs_of(served: Site) -> list[Run]:
    return await served.world.store.read(lambda reads: reads.select(Run, Filter()))


async def test_policies_are_listed_with_their_numbers(tmp_path: Path) -> None:
    async with site(tmp_path, COOLING) as served:
        now = served.services.clock.now()
        for state, days in ((RunState.SUCCEEDED, 0), (RunState.SUCCEEDED, 2), (RunState.FAILED, 2)):
            record = run(policy="fix", state=state, created_at=now - timedelta(days=days))
            await served.world.store.write(lambda tx, record=record: tx.add(record))  # type: ignore[misc]
        html = await page(served, "/policies")
        assert '<a href="/policies/fix">fix</a>' in html
        assert "67 %" in html
        assert "3 in all, at most 2 on one day" in html
        html = await page(served, "/policies/fix")
        assert "<dt>Success</dt><dd>67 %</dd>" in html
        assert html.count('<rect class="good"') == 2


@pytest.mark.parametrize(
    ("policy", "ceiling", "said"),
    [
        (POLICY, Mode.ENFORCE, "enforce"),
        (POLICY, Mode.SHADOW, "shadow: only watches"),
        (POLICY + "mode: shadow\n", Mode.ENFORCE, "shadow: only watches"),
        (POLICY + "mode: off\n", Mode.ENFORCE, ">off<"),
    ],
)
async def test_the_state_is_what_is_in_force(tmp_path: Path, policy: str, ceiling: Mode, said: str) -> None:
    async with site(tmp_path, policy, mode=ceiling) as served:
        assert said in await page(served, "/policies")
        assert said in await page(served, "/policies/fix")


async def test_a_file_that_is_refused_is_told_at_its_policy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with site(tmp_path, POLICY) as served:
        file = served.services.policies.current.policies["fix"].file
        problem = Problem(file=file, line=3, column=1, what="is no policy", fix="write one")
        monkeypatch.setattr(type(served.services.policies), "refused", (problem,))
        for path in ("/policies", "/policies/fix"):
            html = await page(served, path)
            assert "newest file refused" in html
            assert "is no policy" in html


async def test_what_tests_and_backtests_came_to_is_shown(tmp_path: Path) -> None:
    kept = tmp_path / "outcomes.json"
    async with site(tmp_path, POLICY, outcomes=kept) as served:
        html = await page(served, "/policies/fix")
        assert "No tests are recorded" in html
        assert "No backtest is recorded" in html
        policy, at = served.services.policies.current.policies["fix"], served.services.clock.now()
        tests = LastTests(at=at, policy_hash=policy.hash, passed=11, failed=2)
        past = LastBacktest(
            at=at, policy_hash="old", since=at, until=at, episodes=4321, would_run=21, would_ask=3
        )
        record_outcomes(kept, {"fix": Outcomes(tests=tests, backtest=past)})
        html = await page(served, "/policies/fix")
        assert "11 passed, 2 failed</span> Tests of this version of it" in html
        assert "Backtest of <strong>another version</strong> of it" in html
        assert "4,321 alerts, 21 runs, 3 requests for approval" in html
        kept.write_text("none of ours")
        assert "holds no outcomes of policies" in await page(served, "/policies/fix")


async def test_an_open_failure_breaker_is_shown_and_closed(tmp_path: Path) -> None:
    async with site(tmp_path, BREAKING) as served:
        served.world.script.outcomes["test.act"] = deque([failed(FailureReason.NOT_SENT, "no")])
        await served.world.fire()
        assert "stopped by its failure breaker" in await page(served, "/policies")
        html = await page(served, "/policies/fix")
        assert "Closing it takes the role operator" in html
        assert "close-breaker-button" in await page(served, "/policies/fix", who="olga")
        assert (await post(served, "/policies/fix/close-breaker", who="vera")).status == HTTPStatus.FORBIDDEN
        reply = await post(served, "/policies/fix/close-breaker", comment="mended")
        assert (reply.status, reply.headers["Location"]) == (HTTPStatus.SEE_OTHER, "/policies/fix")
        assert "stopped by its failure breaker" not in await page(served, "/policies/fix")


def field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, html
    return found.group(1)


async def test_a_run_by_hand_is_looked_at_first_and_then_started(tmp_path: Path) -> None:
    async with site(tmp_path, POLICY) as served:
        assert "alertname=Broken</textarea>" in await page(served, "/policies/fix", who="olga")
        shown = await post(served, "/policies/fix/plan", labels="alertname=Broken\n\nthing=b")
        html = shown.body.decode()
        assert shown.status == HTTPStatus.OK
        assert "test.act" in html
        assert "thing/b" in html
        assert await runs_of(served) == []
        reply = await post(
            served,
            "/policies/fix/run",
            labels="alertname=Broken\nthing=b",
            plan_hash=field(html, "plan_hash"),
            comment="drill",
        )
        await served.world.settle()
        (started,) = await runs_of(served)
        assert reply.headers["Location"] == f"/runs/{started.id}"
        assert (started.actor, started.target) == ("olga", "thing/b")


async def test_another_plan_than_the_one_shown_is_not_started(tmp_path: Path) -> None:
    async with site(tmp_path, POLICY) as served:
        html = (await post(served, "/policies/fix/plan", labels="thing=b")).body.decode()
        reply = await post(served, "/policies/fix/run", labels="thing=a", plan_hash=field(html, "plan_hash"))
        assert reply.status == HTTPStatus.CONFLICT
        assert "another one by now" in reply.body.decode()
        assert await runs_of(served) == []


async def test_guards_that_are_against_it_are_shown_and_overridden_with_a_comment(tmp_path: Path) -> None:
    async with site(tmp_path, COOLING) as served:
        await served.world.fire()
        await served.world.resolve()
        html = (await post(served, "/policies/fix/plan", labels="alertname=Broken")).body.decode()
        assert "<strong>cooldown</strong>" in html
        asked = {"labels": "alertname=Broken", "plan_hash": field(html, "plan_hash")}
        assert (await post(served, "/policies/fix/run", **asked)).status == HTTPStatus.CONFLICT
        with_comment = await post(served, "/policies/fix/run", override="true", comment="needed", **asked)
        assert with_comment.status == HTTPStatus.SEE_OTHER
        assert len(await runs_of(served)) == 2


async def test_where_nothing_can_run_there_is_no_button(tmp_path: Path) -> None:
    async with site(tmp_path, POLICY + "mode: off\n") as served:
        html = (await post(served, "/policies/fix/plan")).body.decode()
        assert "the policy is switched off" in html
        assert "run-button" not in html


@pytest.mark.parametrize(
    ("labels", "status"),
    [
        ("no equals sign", HTTPStatus.UNPROCESSABLE_ENTITY),
        ("a=" + "x" * 20_000, HTTPStatus.UNPROCESSABLE_ENTITY),
    ],
)
async def test_labels_that_are_none_are_refused(tmp_path: Path, labels: str, status: HTTPStatus) -> None:
    async with site(tmp_path) as served:
        assert (await post(served, "/policies/fix/plan", labels=labels)).status == status


async def test_commands_are_for_operators(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        for path in ("/policies/fix/plan", "/policies/fix/run", "/policies/fix/close-breaker"):
            assert (await post(served, path, who="vera")).status == HTTPStatus.FORBIDDEN
        assert "Run it by hand" not in await page(served, "/policies/fix")


async def test_the_document_is_highlighted_and_inert(tmp_path: Path) -> None:
    async with site(tmp_path, HOSTILE) as served:
        html = await page(served, "/policies/fix")
        assert '<span class="nt">policy</span>' in html
        for path in ("/policies", "/policies/fix"):
            html = await page(served, path)
            assert "<script>alert" not in html
            assert "<b>x" not in html
            assert "\u202e" not in html


async def test_a_policy_that_is_not_there_is_said(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        assert "there is no policy nothing" in await page(
            served, "/policies/nothing", status=HTTPStatus.NOT_FOUND
        )
