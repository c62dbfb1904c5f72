"""A real server that is told to stop, or is stopped in its tracks, in whatever state its runs are."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from remediator.store.sqlite.store import verify_database
from tests.e2e.receiver import Receiver, firing, resolved
from tests.store.samples import another

_POLICY = """
policy: {name}
match: ['alertname = "{name}"']
target: job/{name}
options:
  - name: only
    steps: {steps}
    verify: {{uses: command.run, with: {{command: {look}}}, within: 10m, every: 1s}}
"""
_APPROVED = "guards: [{approval: {from: [oncall], expires: 1h}}]\n"
_REVERTED = "    revert: {after: 1h, steps: [{uses: command.run, with: {command: slow_back}}]}\n"
_STEP_OF = "{{uses: command.run, with: {{command: {name}}}, timeout: 10m}}"


def _steps(*names: str) -> str:
    return f"[{', '.join(_STEP_OF.format(name=name) for name in names)}]"


class World:
    """Commands that wait until a file is there, and write down that they were done."""

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._folder = receiver.folder
        commands: dict[str, Any] = {
            name: self._command(name) for name in ("quick", "after", "approved", "turned")
        }
        commands |= {name: self._command(name, gate=name) for name in ("slow", "stuck", "slow_back")}
        commands["verified"] = {"argv": ["test", "-e", str(self._folder / "verified")], "read_only": True}
        commands["fine"] = {"argv": ["true"], "read_only": True}
        policies = {
            "asked": _policy("asked", _steps("approved"), "fine") + _APPROVED,
            "running": _policy("running", _steps("slow", "after"), "fine"),
            "stuck": _policy("stuck", _steps("stuck"), "fine"),
            "verifying": _policy("verifying", _steps("quick"), "verified"),
            "reverting": _policy("reverting", _steps("turned"), "fine") + _REVERTED,
        }
        receiver.configure({"commands": commands}, **policies)

    def _command(self, name: str, gate: str = "") -> dict[str, Any]:
        begun, done = self._folder / f"{name}.begun", self._folder / "done.txt"
        wait = f"until [ -e '{self._folder / gate}' ]; do sleep 0.05; done; " if gate else ""
        return {"argv": ["sh", "-c", f"touch '{begun}'; {wait}echo {name} >> '{done}'"], "timeout": "10m"}

    def open(self, gate: str) -> None:
        """Let a command go on."""
        (self._folder / gate).touch()

    def begun(self, name: str) -> Path:
        return self._folder / f"{name}.begun"

    def done(self) -> list[str]:
        path = self._folder / "done.txt"
        return sorted(path.read_text().split()) if path.exists() else []

    def states(self) -> dict[str, str]:
        """Return the newest run's state of each policy."""
        return {str(run["policy"]): str(run["state"]) for run in self.receiver.runs()}

    def until(self, states: dict[str, str]) -> None:
        self.receiver.until(lambda: self.states().items() >= states.items(), f"not {states}")


def _policy(name: str, steps: str, look: str) -> str:
    return _POLICY.format(name=name, steps=steps, look=look)


class Poster(threading.Thread):
    """Posts one alert after the other until nobody takes them any more; notes which were taken."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__(daemon=True)
        self._receiver = receiver
        self.taken: list[str] = []
        self.begun = threading.Event()

    def run(self) -> None:
        for number in range(1_000_000):
            fingerprint = f"p{number}"
            try:
                status = self._receiver.deliver(firing("Other", fingerprint))
            except httpx.HTTPError:
                return
            if status == httpx.codes.OK:
                self.taken.append(fingerprint)
                self.begun.set()


def test_told_to_stop_in_every_state_it_goes_on_where_it_was(receiver: Receiver) -> None:
    world = World(receiver)
    receiver.start()
    for name in ("asked", "running", "stuck", "verifying", "reverting"):
        assert receiver.deliver(firing(name, name)) == 200
    world.until({"asked": "awaiting_approval", "running": "running", "verifying": "verifying"})
    world.until({"reverting": "succeeded"})
    assert receiver.deliver(resolved("reverting", "reverting")) == 200
    for name in ("slow", "stuck", "slow_back"):
        receiver.until(world.begun(name).exists, f"{name} was not begun")
    poster = Poster(receiver)
    poster.start()
    assert poster.begun.wait(60)
    assert receiver.process is not None
    receiver.process.send_signal(signal.SIGTERM)
    world.open("slow")  # what ends in time may end
    assert receiver.await_death() == 0
    poster.join(60)
    assert verify_database(receiver.database) is None
    assert {"stuck", "slow_back"}.isdisjoint(world.done())
    _goes_on(world, poster)


def _goes_on(world: World, poster: Poster) -> None:
    receiver = world.receiver
    for gate in ("verified", "stuck", "slow_back"):
        world.open(gate)
    receiver.start()
    with another(receiver.database) as other:
        kept = {row[0] for row in other.execute("SELECT fingerprint FROM receipts")}
    assert set(poster.taken) <= kept
    world.until({"asked": "awaiting_approval", "stuck": "needs_human", "verifying": "succeeded"})
    asked = next(run for run in receiver.runs() if run["policy"] == "asked")
    verdict = {"plan_hash": asked["plan_hash"], "comment": "looked"}
    assert receiver.post(f"/api/v1/runs/{asked['id']}/approve", verdict).status_code == 200
    world.until({"asked": "succeeded"})
    # Cut off by the stop, and no look tells whether it happened: a person's, and not made again.
    world.until({"reverting": "revert_failed"})
    receiver.until(lambda: world.states()["running"] in ("succeeded", "needs_human"), "it did not go on")
    done = world.done()
    assert len(done) == len(set(done)), "nothing twice"
    assert ("after" in done) == (world.states()["running"] == "succeeded")
    assert {"stuck", "slow_back"}.isdisjoint(done), "what was cut off must not go on without its server"
    assert receiver.stop() == 0  # idle by now
    with another(receiver.database) as other:
        last = other.execute("SELECT action FROM audit ORDER BY sequence DESC LIMIT 1").fetchone()
    assert last == ("server.stopped",)


def test_stopped_in_its_tracks_in_a_step_it_goes_on_as_if_nothing_had_been(receiver: Receiver) -> None:
    world = World(receiver)
    receiver.start()
    assert receiver.deliver(firing("running", "running")) == 200
    receiver.until(world.begun("slow").exists, "it was not begun")
    assert receiver.process is not None
    receiver.process.send_signal(signal.SIGSTOP)
    try:
        world.open("slow")
        late = [threading.Thread(target=_deliver_patiently, args=(receiver, name)) for name in ("a", "b")]
        for one in late:
            one.start()
        _await(lambda: "slow" in world.done())
    finally:
        receiver.process.send_signal(signal.SIGCONT)
    for one in late:
        one.join(60)
    world.until({"running": "succeeded"})
    assert world.done() == ["after", "slow"]
    with another(receiver.database) as other:
        kept = {row[0] for row in other.execute("SELECT fingerprint FROM receipts")}
    assert {"a", "b"} <= kept


def _deliver_patiently(receiver: Receiver, fingerprint: str) -> None:
    """Post as Alertmanager does: what timed out comes again."""
    while True:
        with suppress(httpx.TimeoutException):
            if receiver.deliver(firing("Other", fingerprint)) == httpx.codes.OK:
                return


def _await(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends_at
        time.sleep(0.05)  # a poll of another process, which has no event to wait for
