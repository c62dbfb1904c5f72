"""Runs one scenario in a world of its own, and follows it in the audit log until it is over."""

from __future__ import annotations

import json
import shutil
import subprocess  # nosec B404  # argv lists only
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from remediator.demo.drills.measure import Measured, measure
from remediator.demo.drills.scenarios import Scenario
from remediator.demo.drills.scorecard import Scorecard, as_json, rows
from remediator.demo.processes import NotStartedError, Processes
from remediator.demo.receiver_api import ReceiverApi
from remediator.demo.screen import Screen
from remediator.demo.stopping import stoppable
from remediator.demo.story import Line, Stage, tell
from remediator.demo.world import World, find_binaries, wait_for_baseline
from remediator.runs.audit import AuditAction

_LOOK_EVERY_SECONDS = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillOptions:
    """How a drill is run: times divided by `factor`, given up after `within`."""

    factor: float
    within: timedelta
    no_prometheus: bool = False
    save: Path | None = None


def run_drill(scenario: Scenario, options: DrillOptions) -> int:
    """Run a drill, print its scorecard and save it; return 0 when it passed."""
    screen = Screen()
    try:
        with stoppable(), tempfile.TemporaryDirectory(prefix="remediator-drill-") as name:
            card = _in_folder(Path(name), scenario, screen, options)
    except KeyboardInterrupt:
        screen.say("Stopped; nothing is left running.")
        return 130
    except (NotStartedError, RuntimeError, httpx.HTTPError) as error:
        screen.say(f"The drill broke off: {error}", "red")
        return 2
    screen.table(f"Drill {scenario.name}: {scenario.title}", rows(card))
    if options.save is not None:
        screen.say(f"Saved as {options.save}.")
    return 0 if card.passed else 1


def _in_folder(folder: Path, scenario: Scenario, screen: Screen, options: DrillOptions) -> Scorecard:
    factor = options.factor
    with Processes(folder) as processes, ExitStack() as stack:
        world = World(folder, processes, None if options.no_prometheus else find_binaries(), factor)
        stack.callback(world.stop_services)
        who = "a real Prometheus and Alertmanager" if world.binaries else "a stand-in for Prometheus"
        screen.say(f"Drill {scenario.name}: {scenario.title}", "bold")
        screen.say(f"With {who}, on loopback; times of rules and policies divided by {factor:g}. Starting …")
        world.write_files()
        world.start()
        wait_for_baseline(world)
        return drill_in(world, processes, scenario, screen, options)


def drill_in(
    world: World, processes: Processes, scenario: Scenario, screen: Screen, options: DrillOptions
) -> Scorecard:
    """Run a drill in a world that runs and is well, and save its scorecard and the incident's report."""
    api = ReceiverApi(world.url(world.ports.receiver), world.tokens.oncall)
    with closing(api), screen:
        measured = _Following(scenario, world, processes, api, screen).until_over(options.within)
    card = Scorecard(scenario, measured, options.factor, _audit_whole(world))
    if options.save is not None:
        _save(card, options.save)
    return card


def _save(card: Scorecard, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(as_json(card), indent=2) + "\n", encoding="utf-8")
    if card.measured.report:
        report = Path(card.measured.report)
        for written in report.parent.glob(f"{report.stem}.*"):
            shutil.copy(written, path.parent)


class _Following:
    """Breaks, follows, mends, and says what it sees."""

    def __init__(
        self, scenario: Scenario, world: World, processes: Processes, api: ReceiverApi, screen: Screen
    ) -> None:
        self._scenario = scenario
        self._world = world
        self._processes = processes
        self._api = api
        self._screen = screen
        self._rows: list[dict[str, object]] = []
        self._mended = self._ended = False

    def until_over(self, within: timedelta) -> Measured:
        """Return what was measured when it was over, or when the time was."""
        broken_at = datetime.now(UTC)
        self._scenario.break_(self._world)
        self._screen.show(Line(Stage.BROKEN, self._scenario.broken, "red", reached=True))
        until = time.monotonic() + within.total_seconds()
        while True:
            for row in self._api.new_rows():
                self._take(row)
            measured = measure(self._rows, self._scenario.policy, self._scenario.alertname, broken_at)
            self._go_on(measured)
            if measured.over or time.monotonic() > until:
                return measured
            dead = self._processes.dead()
            if dead is not None:
                raise RuntimeError(f"{dead} ended:\n{self._processes.end_of_log(dead)}")
            time.sleep(_LOOK_EVERY_SECONDS)

    def _take(self, row: dict[str, object]) -> None:
        self._rows.append(row)
        if row["policy"] != self._scenario.policy and row["alertname"] != self._scenario.alertname:
            return
        decision = None
        if row["action"] == AuditAction.DECISION:
            detail = row["detail"]
            assert isinstance(detail, dict)  # noqa: S101  (the API's schema)  # nosec B101
            decision = self._api.decision(detail["decision_id"])
        for line in tell(row, decision):
            self._screen.show(line)

    def _go_on(self, measured: Measured) -> None:
        if measured.recovered_at is not None and not self._mended:
            self._mended = True
            self._scenario.mend(self._world)
            self._screen.show(Line(None, "guests are served; the cause is mended"))
        ready = self._scenario.ends_by_hand and measured.closed_at is not None and not self._ended
        if ready and self._mended and measured.leases_open and measured.run_id is not None:
            self._ended = True
            self._api.revert(measured.run_id, "the drill's cause is gone")
            self._screen.show(Line(None, "somebody on call ends the temporary change"))


def _audit_whole(world: World) -> bool:
    command = [sys.executable, "-m", "remediator", "audit", "verify", "--config", str(world.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603  # nosec B603
    if done.returncode not in (0, 1):
        raise RuntimeError(f"the audit log could not be verified: {done.stderr}")
    return done.returncode == 0
