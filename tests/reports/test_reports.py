"""Incident reports: from the records, the same bytes each time, and nothing in them acts."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from remediator.actions.base import FailureReason, failed
from remediator.engine.reporting import Reporter
from remediator.policy.model import Fact
from remediator.reports.findings import counted_logs
from remediator.reports.incident import gather, window_of
from remediator.reports.metrics import NoMetrics, measure, queries_of
from remediator.reports.writer import MadeReport, NoSuchRunError, draw, look_up, make_report, write_report
from remediator.runs.answers import RangeAnswer, Series
from remediator.runs.records import TimerKind
from remediator.runs.states import RunState
from remediator.store.sqlite.snapshot import snapshot
from tests.engine.conftest import Begin, begin
from tests.engine.test_escalation import LEASED, NO_OPTION, audit, details
from tests.engine.world import ANA, EMPTY, HOLDS, OPS, POLICY, World

__all__ = ["begin"]
MINUTE = timedelta(minutes=1)
REPORT = "report: {action_items: [Review the service's limits]}\n"
HOSTILE = "<img src=x onerror=alert(1)> ![x](https://evil.example/x) | **b** `c` @channel\n# heading"


class Curve:
    """A Prometheus that answers every range with one curve, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, datetime, datetime]] = []

    async def query_range(self, expr: str, start: datetime, end: datetime, step: timedelta) -> RangeAnswer:
        self.asked.append((expr, start, end))
        count = int((end - start) / step)
        points = tuple((start + at * step, float(at % 7)) for at in range(count))
        odd = tuple((moment, math.nan if at == 3 else value) for at, (moment, value) in enumerate(points))
        named = Series({"__name__": "breaker", "service": "pms"}, points)
        return RangeAnswer((named, Series({"service": "_x $y$"}, odd)))


async def report_of(world: World, run_id: int = 1, over: Any = None) -> MadeReport:
    incident = await world.store.read(lambda reads: look_up(reads, run_id))
    return await make_report(incident, over or NoMetrics())


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]


async def test_a_report_tells_the_whole_story(begin: Begin) -> None:
    guards = "guards: [{approval: {from: [oncall], expires: 30m}}]\n"
    facts = "diagnose: [{fact: up, uses: test.look, with: {name: up}}]\n"
    options = LEASED.replace("diagnose: [{fact: up, uses: test.look, with: {name: up}}]\n", facts)
    words = "communication: {en: {impact: No reservations}}\nnotify: {channel: incidents}\n"
    world = await begin(options + guards + words + REPORT, channels={"incidents": ["env:X"]})
    world.script.looks["up"] = True
    await world.fire(severity="critical")
    run = await world.run()
    world.clock.jump(5 * MINUTE)
    await world.parts.approvals.vote(
        1, plan_hash=run.plan_hash or "", actor=ANA, approve=True, comment="go ahead"
    )
    await world.settle()
    await world.pass_time(10 * MINUTE, step=MINUTE)
    await world.resolve(severity="critical")
    await world.pass_time(2 * MINUTE)
    text = (await report_of(world, 1, Curve())).text
    summary = section(text, "Summary")
    for said in (
        "| outcome | succeeded (verified) |",
        "| severity | critical |",
        "| impact | No reservations |",
        "| time to detect | 0 s |",
        "| time to act | 5 min |",
        "| time to recover | 5 min |",
        "| duration | 15 min |",
    ):
        assert said in summary
    assert "As found by the branch that worked: set." in section(text, "Root cause")
    assert "| `up` | `true` |" in section(text, "Facts")
    assert "`services:a` | `value` | `1 → 7`" in section(text, "Temporary changes")
    assert "reconcile it" in section(text, "Temporary changes")
    assert "ana: approved go ahead" in section(text, "Approvals")
    assert "| degraded | incidents |" in section(text, "Communication")
    items = section(text, "Open action items")
    assert "- [ ] Reconcile what was done while temporary changes stood" in items
    assert "- [ ] Review the service's limits" in items
    timeline = section(text, "Timeline")
    order = ["the alert fires", "approval asked of oncall", "voted: approved", "step 0 test"]
    order += ["temporary change opened", "verification held", "the alert is over (resolved)"]
    order += ["reverting → reverted"]
    places = [timeline.index(said) for said in order]
    assert places == sorted(places)
    assert "audit verify --head" in text


async def test_the_same_database_gives_the_same_bytes(begin: Begin) -> None:
    world = await begin(POLICY + REPORT)
    await world.fire()
    await world.resolve()
    path = world.folder / "db.sqlite"
    await world.end()
    made = []
    for _ in range(2):
        with snapshot(path) as reads:
            incident = look_up(reads, 1)
        made.append(await make_report(incident, Curve()))
    assert made[0] == made[1]
    assert made[0].svg is not None
    assert b"Date" not in made[0].svg


async def test_reports_are_written_by_themselves_and_audited(begin: Begin, tmp_path: Path) -> None:
    world = await begin(POLICY + REPORT, reports=tmp_path / "reports")
    await world.fire()
    (name,) = [path.name for path in (tmp_path / "reports").iterdir()]
    assert name == "fix-20260105_120000-run-1.md"
    first = (tmp_path / "reports" / name).read_text()
    assert "| over | not yet |" in first
    await world.resolve()
    second = (tmp_path / "reports" / name).read_text()
    assert "the alert is over" in second
    assert second == (await report_of(world)).text
    rows = await audit(world, "report.written")
    assert [row.run_id for row in rows] == [1, 1]
    assert await world.store.read(lambda reads: reads.timers(TimerKind.REPORT)) == 0


class Interrupted:
    """Writes a report while its run's alert ends."""

    def __init__(self, world: World, folder: Path) -> None:
        self._world = world
        self.folder = folder

    async def write(self, run_id: int) -> Path:
        self._world.clock.jump(MINUTE)
        due_at = self._world.clock.now()
        await self._world.store.write(lambda tx: tx.set_timer(TimerKind.REPORT, run_id, due_at))
        return self.folder / "report.md"


async def test_what_ends_while_a_report_is_made_is_in_the_next(begin: Begin, tmp_path: Path) -> None:
    world = await begin(POLICY + REPORT, reports=tmp_path / "reports")
    await world.fire()
    await Reporter(world.parts.engine, Interrupted(world, tmp_path)).report(1)
    assert await world.store.read(lambda reads: reads.timers(TimerKind.REPORT)) == 1
    await world.settle()
    assert len(await audit(world, "report.written")) == 3
    assert await world.store.read(lambda reads: reads.timers(TimerKind.REPORT)) == 0


async def test_a_drawing_marks_what_was_done_or_says_why_it_is_none(begin: Begin) -> None:
    world = await begin(POLICY)
    await world.fire()
    incident = await world.store.read(lambda reads: look_up(reads, 1))
    drawing = await draw(incident, Curve())
    assert drawing.svg is not None
    assert b"test.act" in drawing.svg
    assert b"recovered" in drawing.svg
    none = await draw(incident, NoMetrics())
    assert (none.svg, none.why_none) == (None, "No plots: no Prometheus was asked.")


async def test_a_restart_writes_what_was_asked_for(begin: Begin, tmp_path: Path) -> None:
    world = await begin(POLICY + REPORT, reports=tmp_path / "reports", failpoint="run.finished")
    await world.fire()
    await world.end()
    world = await begin(POLICY + REPORT, reports=tmp_path / "reports", clock=world.clock, script=world.script)
    await world.settle()
    assert len(await audit(world, "report.written")) == 1


async def test_no_report_is_written_unasked(begin: Begin, tmp_path: Path) -> None:
    world = await begin(POLICY, reports=tmp_path / "reports")
    await world.fire()
    assert not (tmp_path / "reports").exists()


async def test_a_folder_that_can_not_be_written_fails_no_run(begin: Begin, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    world = await begin(POLICY + REPORT, reports=tmp_path / "file" / "reports")
    await world.fire()
    assert (await world.run()).state is RunState.SUCCEEDED
    (detail,) = details(await audit(world, "report.failed"))
    assert detail["error"].endswith("Not a directory")


async def test_an_unknown_cause_is_said_and_stays_to_do(begin: Begin) -> None:
    world = await begin(NO_OPTION + REPORT)
    await world.fire()
    text = (await report_of(world)).text
    assert "Unknown: no option of the policy applied." in section(text, "Root cause")
    assert "Nothing was done." in section(text, "Actions")
    assert "- [ ] Decide about run 1, which is needs" in section(text, "Open action items")


async def test_what_did_not_help_is_no_root_cause(begin: Begin) -> None:
    world = await begin(POLICY)
    world.script.promql["ok"] = EMPTY
    await world.fire()
    assert "Unknown: the branch act did not end it (ineffective)." in (await report_of(world)).text


async def test_a_failed_revert_stays_to_do_and_a_revert_reports_on_its_origin(begin: Begin) -> None:
    world = await begin(LEASED)
    world.script.looks["up"] = True
    await world.fire()
    world.script.outcomes["undo"] = deque([failed(FailureReason.UNEXPECTED, "it said no")])
    await world.resolve()
    await world.pass_time(MINUTE)
    text = (await report_of(world, 2)).text
    assert text == (await report_of(world, 1)).text
    items = section(text, "Open action items")
    assert "Undo by hand what run 2 could not" in items
    assert "goes back; its lease is overdue" in items


async def test_hostile_values_do_nothing_in_a_report(begin: Begin) -> None:
    world = await begin(POLICY)
    world.script.outcomes["test.act"] = deque([failed(FailureReason.UNEXPECTED, HOSTILE)])
    await world.fire(severity=HOSTILE, thing=HOSTILE)
    await world.parts.control.acknowledge(1, actor=OPS, comment=HOSTILE, duration=None)
    text = (await report_of(world)).text
    for active in ("<img", "![x]", "](https://evil", "@channel", "**b**", "\n# heading"):
        assert active not in text
    rows = [line for line in section(text, "Timeline").splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in rows} == {4}, "no value leaves its cell"


async def test_logs_are_counted_by_pattern(begin: Begin) -> None:
    world = await begin(POLICY)
    await world.fire()
    incident = await world.store.read(lambda reads: look_up(reads, 1))
    details = {
        "errors": {"count": 9, "counts": {"timeout": 7, "refused": 2}, "lines": ["a", "b"]},
        "limited": {"count": 12, "lines": []},
        "up": {"count": 1},
    }
    uses = {"errors": "docker.logs", "limited": "fly.logs", "up": "http.probe"}
    facts = tuple(Fact(fact=name, uses=use, with_={"count": "429"}) for name, use in uses.items())
    known = replace(
        incident,
        run=replace(incident.run, facts={"values": {}, "details": details}),
        policy=incident.policy.model_copy(update={"diagnose": facts}),
    )
    found = [(one.fact, one.pattern, one.count) for one in counted_logs(known)]
    assert found == [("limited", "429", 12), ("errors", "timeout", 7), ("errors", "refused", 2)]


MEASURED = """
policy: fix
match: ['alertname = "Broken"']
target: thing/a
guards:
  - promql: {query: 'breaker{service="{{ labels.service }}"} > 0 and up == 1'}
options:
  - name: act
    steps: [{uses: test.act, with: {thing: a, value: 1}}]
    verify: {promql: 'breaker == 0', within: 30s}
"""


async def test_metrics_are_the_values_behind_the_policy_s_questions(begin: Begin) -> None:
    world = await begin(MEASURED)
    world.script.promql['breaker{service="pms"} > 0 and up == 1'] = HOLDS
    world.script.promql["breaker == 0"] = HOLDS
    await world.fire(service="pms")
    incident = await world.store.read(lambda reads: gather(reads, 1))
    assert incident is not None
    assert queries_of(incident) == ('breaker{service="pms"}', "up", "breaker")
    curve = Curve()
    window = window_of(incident)
    measured = await measure(incident, window, curve)
    ((start, end),) = {(start, end) for _, start, end in curve.asked}
    assert window.start <= start < window.start + MINUTE
    assert end == window.end
    # However short it was, its beginning is looked at.
    assert window.opened_at in [at for at, _ in measured[0].series[0].points]
    assert window.start <= incident.opened_at - 15 * MINUTE
    (_, odd) = measured[0].summaries
    assert odd.before is not None
    # The query says which metric it is.
    assert {one.labels for one in measured[0].summaries} == {"service=pms", "service=_x $y$"}
    text = (await report_of(world, 1, curve)).text
    assert "![Metrics of the incident](fix-20260105_120000-run-1.svg)" in text


async def test_own_metrics_come_instead(begin: Begin) -> None:
    world = await begin(POLICY + "report: {metrics: ['sum(rate(errors_total[5m]))']}\n")
    await world.fire()
    incident = await world.store.read(lambda reads: look_up(reads, 1))
    assert [query.replace(" ", "").replace("\n", "") for query in queries_of(incident)] == [
        "sum(rate(errors_total[5m]))"
    ]


async def test_without_prometheus_and_without_plots_it_says_so(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await begin(POLICY)
    await world.fire()
    assert "no Prometheus was asked" in (await report_of(world)).text
    monkeypatch.setattr("remediator.reports.plots.find_spec", lambda name: None)
    report = await report_of(world, 1, Curve())
    assert report.svg is None
    assert "matplotlib is not installed" in report.text


async def test_there_is_no_such_run(begin: Begin) -> None:
    world = await begin(POLICY)
    with pytest.raises(NoSuchRunError, match="there is no run 7"):
        await world.store.read(lambda reads: look_up(reads, 7))


def test_writing_leaves_nothing_half_done(tmp_path: Path) -> None:
    report = MadeReport("x", "text\n", b"<svg/>")
    path = write_report(report, tmp_path / "deep" / "reports")
    assert sorted(one.name for one in path.parent.iterdir()) == ["x.md", "x.svg"]
    assert write_report(MadeReport("x", "newer\n", None), path.parent).read_text() == "newer\n"
