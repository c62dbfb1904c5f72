"""`remediator demo`: a PMS breaks, and what then happens, live, with real processes."""

from __future__ import annotations

import subprocess  # nosec B404  # argv lists only
import sys
import tempfile
import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

import httpx

from remediator.demo.processes import NotStartedError, Processes
from remediator.demo.receiver_api import ReceiverApi
from remediator.demo.screen import Screen
from remediator.demo.stopping import stoppable
from remediator.demo.story import Line, Stage, tell
from remediator.demo.world import World, find_binaries, wait_for_baseline
from remediator.runs.audit import AuditAction

_FACTOR = 10
_POLICY = "pms-circuit-breaker-open"
_ALERT = "PMSCircuitBreakerOpen"
_FAILOVER = "mock-failover"
_STORY_WITHIN_SECONDS = 100.0
_LOOK_EVERY_SECONDS = 0.25
_DEGRADED_SECONDS = 2.0
_OVER = (
    "reverted",
    "revert_failed",
    "failed",
    "ineffective",
    "needs_human",
    "cancelled",
    "expired",
    "denied",
)


def run_demo(*, keep: bool, factor: int | None = None, no_prometheus: bool = False) -> int:
    """Run the demo and return its exit status: 0 when the story ended well and the chain is whole."""
    divisor = factor or _FACTOR
    try:
        with stoppable(), tempfile.TemporaryDirectory(prefix="remediator-demo-") as name:
            return _in_folder(Path(name), divisor, keep=keep, no_prometheus=no_prometheus)
    except KeyboardInterrupt:
        Screen().say("Stopped; nothing is left running.")
        return 130


def _in_folder(folder: Path, factor: int, *, keep: bool, no_prometheus: bool) -> int:
    screen = Screen()
    with ExitStack() as stack:
        processes = stack.enter_context(Processes(folder))
        world = World(folder, processes, None if no_prometheus else find_binaries(), factor)
        stack.callback(world.stop_services)
        _introduce(screen, world, factor)
        try:
            world.write_files()
            world.start()
            wait_for_baseline(world)
        except (NotStartedError, RuntimeError, httpx.HTTPError) as error:
            screen.say(f"The demo could not start: {error}", "red")
            return 1
        api = stack.enter_context(closing(ReceiverApi(world.url(world.ports.receiver), world.tokens.viewer)))
        try:
            with screen:
                good = _Story(screen, world, processes, api).tell()
            whole = _audit(screen, world, api)
        except httpx.HTTPError as error:
            screen.say(f"Somebody stopped answering: {error}\n{processes.end_of_log('receiver')}", "red")
            return 1
        if keep:
            _look_around(screen, world)
        return 0 if good and whole else 1


def _introduce(screen: Screen, world: World, factor: int) -> None:
    screen.say(
        "remediator demo: a hotel's booking agent, its PMS, and what happens when the PMS breaks", "bold"
    )
    if world.binaries is not None:
        screen.say(f"Alerts come from a real Prometheus and Alertmanager ({world.binaries.prometheus}).")
    else:
        screen.say(
            "Without Prometheus and Alertmanager: a stand-in evaluates the same rules, answers the policies' "
            "queries, and posts the same version 4 payload itself."
        )
    screen.say(
        f"Rules, routes and policies are the shipped ones with their times divided by {factor}: `for: 1m` is "
        f"{60 / factor:g} s here, a hold of 30s is {30 / factor:g} s. Waits, cooldowns, verification windows "
        f"and leases too; timeouts are as they are."
    )
    screen.say(f"Everything listens on loopback, in {world.folder}. Starting …", "dim")


class _Story:
    """Breaks the PMS, follows what the receiver writes down, and mends the PMS once guests are served."""

    def __init__(self, screen: Screen, world: World, processes: Processes, api: ReceiverApi) -> None:
        self._screen = screen
        self._world = world
        self._processes = processes
        self._api = api
        self._mend_at: float | None = None
        self._mended = False

    def tell(self) -> bool:
        """Return whether it ended with everything as it was before."""
        self._meanwhile(f"the agent serves guests from {self._world.pms_type()}; its breaker is closed")
        self._world.break_service("pms")
        self._world.services["pms"].stop(gently=False)
        text = "the PMS crashes, and its database is broken: a restart will bring it up, but not well"
        self._screen.show(Line(Stage.BROKEN, text, "red", reached=True))
        until = time.monotonic() + _STORY_WITHIN_SECONDS
        while time.monotonic() < until:
            for row in self._api.new_rows():
                self._show(row)
            if self._over():
                return self._ending()
            self._mend_in_time()
            dead = self._processes.dead()
            if dead is not None:
                self._screen.say(f"{dead} ended:\n{self._processes.end_of_log(dead)}", "red")
                return False
            time.sleep(_LOOK_EVERY_SECONDS)
        self._screen.say(f"Not over after {_STORY_WITHIN_SECONDS:g} s; the receiver's last words:", "red")
        self._screen.say(self._processes.end_of_log("receiver"))
        return False

    def _meanwhile(self, text: str) -> None:
        self._screen.show(Line(None, text))

    def _show(self, row: dict[str, Any]) -> None:
        if not _of_the_story(row):
            return
        decision = None
        if row["action"] == AuditAction.DECISION:
            decision = self._api.decision(row["detail"]["decision_id"])
        for line in tell(row, decision):
            self._screen.show(line)
        if row["action"] == AuditAction.RUN_STATE and row["detail"]["to"] == "succeeded":
            self._mend_at = time.monotonic() + _DEGRADED_SECONDS

    def _mend_in_time(self) -> None:
        if self._mended or self._mend_at is None or time.monotonic() < self._mend_at:
            return
        self._meanwhile(f"guests are served by the {self._world.pms_type()} PMS: degraded, but served")
        self._world.mend_service("pms")
        self._mended = True
        self._meanwhile("somebody mends the PMS's database")

    def _over(self) -> bool:
        runs = self._api.runs(_POLICY)
        return bool(runs) and runs[0]["state"] in _OVER

    def _ending(self) -> bool:
        for row in self._api.new_rows():
            self._show(row)
        pms_type = self._world.pms_type()
        self._meanwhile(f"the agent serves guests from {pms_type} again")
        options = {run["option"] for run in self._api.runs(_POLICY)}
        states = {run["state"] for run in self._api.runs(_POLICY)}
        return pms_type == "qloapps" and states == {"succeeded", "reverted"} and options == {_FAILOVER}


def _of_the_story(row: dict[str, Any]) -> bool:
    return bool(row["policy"] == _POLICY or row["alertname"] == _ALERT)


def _audit(screen: Screen, world: World, api: ReceiverApi) -> bool:
    rows = api.audit_rows()
    shown = [row for row in rows if _of_the_story(row)]
    screen.audit(shown)
    screen.say(
        f"{len(rows) - len(shown)} further rows are about other things (start, policies, watchdog).", "dim"
    )
    command = [sys.executable, "-m", "remediator", "audit", "verify", "--config", str(world.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  # nosec B603
    style = "bold green" if done.returncode == 0 else "bold red"
    screen.say(f"remediator audit verify: {(done.stdout + done.stderr).strip()}", style)
    return done.returncode == 0


def _look_around(screen: Screen, world: World) -> None:
    screen.say("\nEverything still runs, until Ctrl-C (or SIGTERM to this process).", "bold")
    screen.say(f"  receiver      {world.url(world.ports.receiver)}")
    screen.say(f"  hotel agent   {world.url(world.ports.agent)}/health/ready")
    screen.say(f"  PMS           {world.url(world.ports.pms)}/api/health")
    screen.say(
        f"  Prometheus    {world.url(world.ports.prometheus)}" + ("" if world.binaries else " (stand-in)")
    )
    if world.binaries is not None:
        screen.say(f"  Alertmanager  {world.url(world.ports.alertmanager)}")
    screen.say(f"  files, logs   {world.folder}")
    screen.say(f"  tokens        viewer {world.tokens.viewer}")
    screen.say(f"                on call {world.tokens.oncall}")
    screen.say(f"                agent's admin {world.tokens.agent_admin}")
    screen.say(f"Log in at {world.url(world.ports.receiver)} with the token on call. For example:")
    screen.say(f"  export REMEDIATOR_TOKEN={world.tokens.oncall}")
    screen.say(f"  remediator runs list --url {world.url(world.ports.receiver)}")
    screen.say("  to break the PMS once more (off instead of down mends it):")
    screen.say(f'  curl {world.url(world.ports.pms)}/admin/break -d \'{{"mode": "down"}}\'')
    with suppress(KeyboardInterrupt):
        while True:
            time.sleep(1)
    screen.say("Stopping; nothing will be left running.")
