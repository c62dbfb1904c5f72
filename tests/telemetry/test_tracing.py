"""Traces, as a real receiver gets them; and what happens where none answers."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2

from remediator.actions.base import FailureReason, failed
from remediator.build import TracingMissingError, _trace
from remediator.runs.audit import AuditAction
from remediator.runs.states import RunState
from remediator.settings import Settings
from remediator.settings_telemetry import Traces
from remediator.store.base import Filter, Order
from remediator.store.sqlite.store import open_store
from remediator.telemetry.tracing import TraceAudit
from tests.engine.world import ANA, POLICY, World
from tests.telemetry.otlp_receiver import OtlpReceiver, attributes, otlp_receiver
from tests.telemetry.rows import row

CANARY = "canary-5c1e-token"
HOSTILE = "<script>canary-label</script>"
NO_PARENT = b""
SOON, LONG = timedelta(milliseconds=50), timedelta(seconds=30)


@pytest.fixture
async def receiver() -> AsyncIterator[OtlpReceiver]:
    async with otlp_receiver() as serving:
        yield serving


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def traced(world: World, url: str, patience: timedelta = LONG, **settings: object) -> TraceAudit:
    """Trace a world from here on, as the server does."""
    first = await world.store.read(lambda reads: reads.audit_rows(Filter(order=Order.OLDEST, limit=1)))
    configured = Traces.model_validate({"endpoint": url, **settings})
    tracing = TraceAudit(
        configured, version="0", origin=first[0].hash if first else None, every=SOON, at_the_end=patience
    )
    world.store.on_commit(tracing.on_commit)
    return tracing


async def test_one_alert_is_one_trace_from_its_delivery_to_the_step(
    tmp_path: Path, receiver: OtlpReceiver, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_TOKEN", CANARY)
    world = await World.begin(tmp_path, POLICY)
    stack.push_async_callback(world.end)
    tracing = await traced(world, receiver.url, headers={"X-Token": "env:TRACES_TOKEN"})
    await world.fire(job=HOSTILE)
    run = await world.run()
    await tracing.close()
    assert run.state is RunState.SUCCEEDED
    delivery, ended = receiver.named("delivery"), receiver.named("remediation")
    decisions = [span for span in receiver.spans if span.name == "decision"]
    step = receiver.named("step test.act")
    (made,) = [span for span in decisions if span.span_id == ended.parent_span_id]
    assert {span.trace_id for span in receiver.spans} == {delivery.trace_id}
    assert delivery.parent_span_id == NO_PARENT
    assert made.parent_span_id == delivery.span_id
    assert step.parent_span_id == ended.span_id
    assert attributes(delivery)["remediator.delivery.id"] == 1
    assert attributes(made)["remediator.outcome"] == "run"
    assert attributes(ended)["remediator.state"] == "succeeded"
    assert attributes(step)["remediator.step.id"] == 1
    for span in (made, ended, step):
        assert attributes(span)["remediator.episode.id"] == run.episode_id
        assert attributes(span)["remediator.run.id"] == run.id
    assert receiver.services == {"remediator"}
    assert receiver.headers[0]["X-Token"] == CANARY
    for canary in (CANARY, HOSTILE, "canary-label"):
        assert canary.encode() not in b"".join(receiver.bodies)


async def test_spans_last_as_long_as_what_they_tell_of(
    tmp_path: Path, receiver: OtlpReceiver, stack: AsyncExitStack
) -> None:
    world = await World.begin(tmp_path, POLICY + "guards: [{approval: {from: [oncall], expires: 30m}}]\n")
    stack.push_async_callback(world.end)
    tracing = await traced(world, receiver.url)
    await world.fire()
    run = await world.run()
    world.clock.jump(timedelta(minutes=7))
    await world.parts.approvals.vote(
        run.id, plan_hash=run.plan_hash or "", actor=ANA, approve=True, comment=""
    )
    await world.settle()
    await tracing.close()
    ended = receiver.named("remediation")
    assert (ended.end_time_unix_nano - ended.start_time_unix_nano) // 10**9 == 7 * 60


async def test_a_restart_goes_on_with_the_same_trace(
    tmp_path: Path, receiver: OtlpReceiver, stack: AsyncExitStack
) -> None:
    world = await World.begin(tmp_path, POLICY + "guards: [{approval: {from: [oncall], expires: 30m}}]\n")
    before = await traced(world, receiver.url)
    await world.fire()
    await before.close()
    await world.end()
    world = await World.begin(tmp_path, clock=world.clock, script=world.script)
    stack.push_async_callback(world.end)
    after = await traced(world, receiver.url)
    run = await world.run()
    await world.parts.approvals.vote(
        run.id, plan_hash=run.plan_hash or "", actor=ANA, approve=True, comment=""
    )
    await world.settle()
    await after.close()
    ended = receiver.named("remediation")
    assert ended.trace_id == receiver.named("delivery").trace_id
    assert ended.parent_span_id in {span.span_id for span in receiver.spans if span.name == "decision"}


async def test_what_failed_says_so(tmp_path: Path, receiver: OtlpReceiver, stack: AsyncExitStack) -> None:
    world = await World.begin(tmp_path, POLICY)
    stack.push_async_callback(world.end)
    tracing = await traced(world, receiver.url)
    world.script.outcomes["test.act"] = deque([failed(FailureReason.REFUSED, "no")])
    await world.fire()
    await tracing.close()
    for name in ("remediation", "step test.act"):
        assert receiver.named(name).status.code == trace_pb2.Status.STATUS_CODE_ERROR


async def test_a_receiver_that_hangs_delays_nothing(
    tmp_path: Path, receiver: OtlpReceiver, stack: AsyncExitStack
) -> None:
    receiver.gate.clear()
    world = await World.begin(tmp_path, POLICY)
    stack.push_async_callback(world.end)
    tracing = await traced(world, receiver.url, patience=SOON)
    for number in range(3):
        await world.fire(fingerprint=f"f{number}")
    assert {run.state for run in await world.runs()} == {RunState.SUCCEEDED}
    await receiver.entered.wait()  # it was asked, and has not answered
    await world.fire(fingerprint="later")
    assert (await world.runs())[-1].state is RunState.SUCCEEDED
    await tracing.close()
    assert receiver.spans == []


async def test_what_the_queue_can_not_hold_is_dropped(receiver: OtlpReceiver) -> None:
    receiver.gate.clear()
    configured = Traces.model_validate({"endpoint": receiver.url})
    tracing = TraceAudit(configured, version="0", origin="0", at_the_end=LONG)
    opened = row(AuditAction.EPISODE_OPENED, episode_id=1, detail={"delivery_id": 1})
    tracing.on_commit([opened] * 20_000)
    receiver.gate.set()
    await tracing.close()
    assert 0 < len(receiver.spans) < 20_000


async def test_nobody_there(tmp_path: Path, stack: AsyncExitStack, caplog: pytest.LogCaptureFixture) -> None:
    world = await World.begin(tmp_path, POLICY)
    stack.push_async_callback(world.end)
    with caplog.at_level(logging.ERROR):
        tracing = await traced(world, "http://127.0.0.1:1/v1/traces", timeout="1s")
        await world.fire()
        await tracing.close()
    assert (await world.run()).state is RunState.SUCCEEDED


async def test_what_is_not_installed_is_named(
    tmp_path: Path, stack: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "remediator.telemetry.tracing")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    settings = Settings.model_validate(
        {"telemetry": {"traces": {"endpoint": "http://127.0.0.1:1/v1/traces"}}}
    )
    store = await open_store(tmp_path / "db.sqlite")
    stack.push_async_callback(store.close)
    with pytest.raises(TracingMissingError, match=r"pip install 'remediator\[tracing\]'"):
        await _trace(settings, store, stack)


def test_where_traces_are_off_nothing_of_opentelemetry_is_imported() -> None:
    code = "import sys, remediator.app; print([name for name in sys.modules if 'opentelemetry' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
