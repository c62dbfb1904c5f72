"""Lives a scenario once, keeps what a kill at each boundary would leave, and goes on from there.

What kill -9 leaves is the database's files as they are on disk, and the world outside as it is. Both are
copied at each boundary of one uninterrupted life, so every boundary it has is tried: none is written down.
"""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from remediator.actions.base import Action, Call, ProbeAnswer
from remediator.engine.admission import look_again
from remediator.extensions import Extensions
from remediator.runs.episodes import Episode, Receipt
from remediator.runs.news import Notice
from remediator.runs.records import Run
from remediator.runs.states import RunState
from remediator.store.base import Filter, Order, Reads
from tests.engine.world import Act, JumpingClock, Script, Set, World
from tests.faults.boundaries import watched
from tests.faults.scenarios import Scenario

_FOREVER = datetime(9000, 1, 1, tzinfo=UTC)
_PATIENCE = 120.0


@dataclass
class Outside:
    """The world around the remediator, which no crash undoes."""

    script: Script
    clock: JumpingClock
    sent: list[tuple[str, str]] = field(default_factory=list)
    knows: bool = True
    """Whether a look shows if a step happened."""

    def copy(self) -> Outside:
        script = replace(self.script, calls=list(self.script.calls), values=dict(self.script.values))
        return Outside(script, JumpingClock(self.clock.now()), list(self.sent), self.knows)

    async def send(self, reference: str, title: str, body: str) -> None:
        """Take a notice."""
        self.sent.append((reference, title))

    def actions(self) -> Extensions:
        actions: tuple[Action[Any], ...] = (KnownAct(self.script), KnownSet(self.script))
        return Extensions({action.name: action for action in actions} if self.knows else {}, {})


class KnownAct(Act):
    """A look shows whether it happened."""

    async def probe(self, params: Any, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:
        done = (self.name, params.value) in self._script.calls
        return ProbeAnswer.DONE if done else ProbeAnswer.NOT_DONE


class KnownSet(Set):
    """A look shows whether it happened."""

    async def probe(self, params: Any, call: Call, captured: Mapping[str, Any]) -> ProbeAnswer:
        done = self._script.values[params.thing] == params.value
        return ProbeAnswer.DONE if done else ProbeAnswer.NOT_DONE


@dataclass(frozen=True)
class Remains:
    """What a kill at one boundary leaves."""

    place: str
    folder: Path
    outside: Outside
    stimulus: int
    """The first one that was not answered yet."""


@dataclass(frozen=True)
class Ended:
    """How a life ended, as people and the world see it."""

    runs: Sequence[tuple[str, ...]]
    episodes: Sequence[tuple[str, ...]]
    acts: Mapping[tuple[str, Any], int]
    values: Mapping[str, int]
    told: Mapping[tuple[str, str], int]
    notices: Sequence[tuple[str, ...]]
    receipts: int
    claims: int
    timers: Mapping[str, int]
    fault: str

    @property
    def handed_over(self) -> bool:
        return any(RunState.NEEDS_HUMAN in run for run in self.runs)


class Recorder:
    """Keeps what a kill would leave, at every boundary of a life."""

    def __init__(self, folder: Path, database: Path, outside: Outside, answered: int) -> None:
        self.remains: list[Remains] = []
        self.writing = threading.Lock()
        self.answered = answered
        self.places: Counter[str] = Counter()
        self._folder = folder
        self._database = database
        self._outside = outside
        self._seen: set[bytes] = set()
        self._one = threading.Lock()

    def reached(self, kind: str) -> None:
        """Copy the files first: whatever happens meanwhile outside rests on what they hold."""
        with self._one:
            self.places[kind] += 1
            stimulus = self.answered
            folder = self._folder / f"{len(self.remains)}"
            with self.writing:
                files = [path for path in _files(self._database) if path.exists()]
                folder.mkdir(parents=True)
                digest = sha256()
                for path in files:
                    content = path.read_bytes()
                    digest.update(content)
                    (folder / path.name).write_bytes(content)
            outside = self._outside.copy()
            digest.update(repr((stimulus, outside.script.calls, outside.sent)).encode())
            # Before a commit all is often as it was after the last one: tried once.
            if digest.digest() in self._seen:
                shutil.rmtree(folder)
                return
            self._seen.add(digest.digest())
            self.remains.append(Remains(f"{kind} {self.places[kind]}", folder, outside, stimulus))


def _files(database: Path) -> tuple[Path, Path]:
    return database, database.with_name(database.name + "-wal")


async def live(scenario: Scenario, folder: Path, *, knows: bool) -> tuple[Ended, list[Remains]]:
    """Live it to its end, and keep what a kill at each boundary would have left."""
    home = folder / "home"
    home.mkdir(parents=True)
    outside = Outside(scenario.script(), JumpingClock(), knows=knows)
    return await live_on(scenario, Remains("the beginning", home, outside, 0), folder / "remains")


async def live_on(scenario: Scenario, begun: Remains, folder: Path) -> tuple[Ended, list[Remains]]:
    """Go on from what a kill left, and keep what another kill at each boundary would leave."""
    outside = begun.outside.copy()
    recorder = Recorder(folder, begun.folder / "db.sqlite", outside, begun.stimulus)
    with watched(recorder.reached, writing=recorder.writing):
        ended = await _live(scenario, begun, outside, recorder)
    return ended, recorder.remains


async def _live(scenario: Scenario, begun: Remains, outside: Outside, recorder: Recorder | None) -> Ended:
    world = await _begin(scenario, begun.folder, outside)
    try:
        for stimulus in scenario.stimuli[begun.stimulus :]:
            await stimulus(world)
            if recorder is not None:
                # From here on it does not come again: whoever sent it has the answer.
                recorder.answered += 1
                recorder.reached("answer.after")
            await world.settle()
        return await end_of(world, outside)
    finally:
        await world.end()


async def _begin(scenario: Scenario, folder: Path, outside: Outside) -> World:
    world = await World.begin(
        folder,
        scenario.policy,
        clock=outside.clock,
        script=outside.script,
        extensions=outside.actions(),
        sender=outside,
        **scenario.settings,
    )
    engine = world.parts.engine
    await world.store.write(lambda tx: look_again(tx, engine, world.clock.now()))
    await world.settle()
    return world


async def end_of(world: World, outside: Outside) -> Ended:
    """Look at everything that a life leaves."""

    def look(reads: Reads) -> Ended:
        every = Filter(order=Order.OLDEST, limit=500)
        notices = [
            (notice.channel, str(notice.kind), str(notice.state)) for notice in reads.select(Notice, every)
        ]
        return Ended(
            runs=[_told_of(run) for run in reads.select(Run, every)],
            episodes=[(one.fingerprint, str(one.close_reason)) for one in reads.select(Episode, every)],
            acts=Counter(call for call in outside.script.calls if call[0] in ("test.act", "test.set")),
            values=dict(outside.script.values),
            told=Counter(outside.sent),
            notices=sorted(notices),
            receipts=len(reads.select(Receipt, every)),
            claims=len(reads.claims()),
            timers=Counter(str(timer.kind) for timer in reads.due_timers(_FOREVER, 500)),
            fault="",
        )

    ended = await world.store.read(look)
    fault = await world.store.verify_audit()
    return replace(ended, fault=fault.what if fault is not None else "")


def _told_of(run: Run) -> tuple[str, ...]:
    return (str(run.kind), run.policy, str(run.option), str(run.state), str(run.reason), str(run.lease))


@dataclass(frozen=True)
class Restarted:
    """A life that was cut, once or more often."""

    kills: Sequence[Remains]
    cuts_a_step: bool
    """Whether a step's intent was on disk, and its result was not, at any of the kills."""
    end: Ended

    @property
    def place(self) -> str:
        """Where it was cut."""
        return ", then ".join(remains.place for remains in self.kills)


async def each(scenario: Scenario, folder: Path, *, knows: bool) -> tuple[Ended, list[Restarted]]:
    """Live a scenario once whole, and once from each boundary on."""
    whole, remains_of_each = await live(scenario, folder, knows=knows)
    return whole, [await restart(scenario, remains) for remains in remains_of_each]


async def restart(scenario: Scenario, remains: Remains, *before: Remains, cut: bool = False) -> Restarted:
    """Live on to the end after a kill, and after those before it, of which one may have cut a step."""
    cut = cut or cuts_a_step(remains)
    end = await asyncio.wait_for(_live(scenario, remains, remains.outside.copy(), None), _PATIENCE)
    shutil.rmtree(remains.folder)
    return Restarted((*before, remains), cut, end)


def cuts_a_step(remains: Remains) -> bool:
    """Tell whether a step's intent is on disk, and its result is not."""
    with closing(sqlite3.connect(remains.folder / "db.sqlite")) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'steps'").fetchone():
            return False  # killed while the database was made
        (intents,) = connection.execute("SELECT count(*) FROM steps WHERE state = 'intent'").fetchone()
    return bool(intents)
