"""One alert's whole way through a real server, followed by the ids in its log, and as the trace it sends."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.e2e.receiver import Receiver, firing
from tests.telemetry.otlp_receiver import attributes, otlp_receiver_thread

_POLICY = """
policy: act
match: ['alertname = "Broken"']
target: "thing/{{ labels.job }}"
options:
  - name: act
    steps:
      - {uses: command.run, with: {command: act}}
      - {uses: command.run, with: {command: act}}
"""


def configure(receiver: Receiver, **settings: Any) -> None:
    commands = {"act": {"argv": [sys.executable, "-c", "print('acted')"]}}
    receiver.configure({"commands": commands, **settings}, act=_POLICY)


def lines(receiver: Receiver) -> list[dict[str, Any]]:
    """Return what the server logged of the record."""
    read = [json.loads(line) for line in receiver.log().splitlines() if line.startswith("{")]
    return [line for line in read if line["logger"] == "remediator.audit"]


def of(logged: list[dict[str, Any]], action: str, **ids: int) -> list[dict[str, Any]]:
    return [
        line
        for line in logged
        if line["action"] == action and all(line.get(name) == value for name, value in ids.items())
    ]


def succeeded(receiver: Receiver) -> bool:
    runs = receiver.runs()
    return len(runs) == 2 and all(run["state"] == "succeeded" for run in runs)


def test_the_ids_in_the_log_lead_from_the_delivery_to_each_step(receiver: Receiver) -> None:
    configure(receiver)
    receiver.start()
    # Two alerts at once, so that following the ids has something to go wrong with.
    assert receiver.deliver(firing("Broken", "f1", job="a")) == 200
    assert receiver.deliver(firing("Broken", "f2", job="b")) == 200
    receiver.until(lambda: succeeded(receiver), "the runs did not succeed")
    assert receiver.stop() == 0
    logged = lines(receiver)
    deliveries = [line["delivery_id"] for line in of(logged, "delivery.accepted")]
    assert len(set(deliveries)) == 2
    followed: list[int] = []
    for delivery in deliveries:
        (opened,) = of(logged, "episode.opened", delivery_id=delivery)
        episode = opened["episode_id"]
        decisions = of(logged, "decision.recorded", episode_id=episode)
        (made,) = [one for one in decisions if one["detail"]["phase"] == "entry" and "run_id" in one]
        assert "decision_id" in made
        (created,) = of(logged, "run.created", episode_id=episode)
        run = created["run_id"]
        assert made["run_id"] == run
        states = [one["detail"]["to"] for one in of(logged, "run.state_changed", run_id=run)]
        assert states == ["running", "succeeded"]
        intents = [one["step_id"] for one in of(logged, "step.intent", episode_id=episode, run_id=run)]
        results = [one["step_id"] for one in of(logged, "step.result", episode_id=episode, run_id=run)]
        assert intents == results
        assert len(set(intents)) == 2
        followed += intents
    assert len(set(followed)) == 4


def test_a_configured_receiver_gets_the_same_way_as_a_trace(receiver: Receiver) -> None:
    with otlp_receiver_thread() as traces:
        configure(receiver, telemetry={"traces": {"endpoint": traces.url}})
        receiver.start()
        assert receiver.deliver(firing("Broken", "f1", job="a")) == 200
        receiver.until(lambda: receiver.runs() and receiver.runs()[0]["state"] == "succeeded", "no success")
        assert receiver.stop() == 0
    (run,) = of(lines(receiver), "run.created")
    steps = [line["step_id"] for line in of(lines(receiver), "step.result", run_id=run["run_id"])]
    told = [span for span in traces.spans if span.name == "step command.run"]
    assert [attributes(span)["remediator.step.id"] for span in told] == steps
    assert len({span.trace_id for span in traces.spans}) == 1
    assert {attributes(span)["remediator.run.id"] for span in told} == {run["run_id"]}
    assert {span.parent_span_id for span in told} == {traces.named("remediation").span_id}
