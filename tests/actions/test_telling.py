"""notify.send and report.write: queued and written for the run whose step they are."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from remediator.actions.base import Call, FailureReason, OutcomeStatus
from remediator.actions.notify_send import NotifySend, NotifySendParams
from remediator.actions.report_write import ReportWrite, ReportWriteParams
from remediator.engine.outbox import MessageQueue
from remediator.reports.metrics import NoMetrics
from remediator.reports.writer import Reports
from remediator.runs.news import NewsKind, Notice
from remediator.store.base import Filter
from tests.engine.conftest import Begin, begin
from tests.engine.test_news import CHANNELS, INCIDENTS, Postbox
from tests.engine.world import POLICY, START

__all__ = ["begin"]
STEP = Call(key="run-1/act/0", timeout=timedelta(seconds=5), started_at=START)
PARAMS = NotifySendParams(channel="incidents", title="Rate limit", text="raised to 300 by @channel")


@pytest.mark.parametrize(
    ("key", "run_id"), [("run-12/x/0", 12), ("fact/run-1", None), ("run-x/0", None), ("run-", None)]
)
def test_a_call_knows_its_run(key: str, run_id: int | None) -> None:
    assert Call(key=key, timeout=timedelta(seconds=1), started_at=START).run_id == run_id


async def test_a_message_is_queued_once_and_sent_inert(begin: Begin) -> None:
    post = Postbox()
    world = await begin(POLICY, sender=post, **CHANNELS)
    await world.fire()
    action = NotifySend(MessageQueue(world.store, world.clock))
    first = await action.act(PARAMS, STEP)
    again = await action.act(PARAMS, STEP)
    assert first.ok
    assert first.result == again.result
    await world.settle()
    assert post.sent[INCIDENTS] == ["Rate limit"]
    assert post.bodies == ["raised to 300 by @\u200bchannel"]
    (notice,) = await world.store.read(lambda reads: reads.select(Notice, Filter()))
    assert (notice.kind, notice.run_id, notice.policy) == (NewsKind.MESSAGE, 1, "fix")
    assert notice.id == first.result["notice"]


async def test_a_dead_channel_fails_no_step(begin: Begin) -> None:
    post = Postbox()
    post.dead.add(INCIDENTS)
    world = await begin(POLICY, sender=post, **CHANNELS)
    await world.fire()
    assert (await NotifySend(MessageQueue(world.store, world.clock)).act(PARAMS, STEP)).ok


async def test_a_report_is_written_as_it_stands(begin: Begin, tmp_path: Path) -> None:
    world = await begin(POLICY)
    await world.fire()
    action = ReportWrite(Reports(world.store, NoMetrics(), tmp_path / "reports"))
    outcome = await action.act(ReportWriteParams(), STEP)
    assert outcome.ok
    (path,) = (tmp_path / "reports").iterdir()
    assert outcome.result == {"file": str(path)}
    assert path.read_text().startswith("# Broken on thing/a")


async def test_a_report_that_can_not_be_written_is_a_failure_with_its_reason(
    begin: Begin, tmp_path: Path
) -> None:
    world = await begin(POLICY)
    await world.fire()
    (tmp_path / "file").write_text("")
    action = ReportWrite(Reports(world.store, NoMetrics(), tmp_path / "file" / "x"))
    outcome = await action.act(ReportWriteParams(), STEP)
    assert (outcome.reason, outcome.detail) == (FailureReason.REFUSED, "it can't be written: Not a directory")


async def test_where_nothing_is_kept_both_refuse() -> None:
    for outcome in (
        await NotifySend(None).act(PARAMS, STEP),
        await ReportWrite(None).act(ReportWriteParams(), STEP),
    ):
        assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, FailureReason.REFUSED)
