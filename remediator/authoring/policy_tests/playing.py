"""Plays one test's script to a simulated remediator, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from remediator.actions.base import Action, Outcome
from remediator.authoring.policy_tests.deeds import Deeds
from remediator.authoring.policy_tests.over_time import parse_events
from remediator.authoring.policy_tests.script import (
    ActionAnswer,
    AlertScript,
    Answers,
    AttemptEnd,
    Given,
    HttpReply,
    QueryResult,
    Script,
)
from remediator.authoring.policy_tests.series import series_labels
from remediator.authoring.policy_tests.staging import Stage
from remediator.clock import Clock
from remediator.runs.answers import Answer, Sample
from remediator.simulation.actions import (
    ActionScript,
    Resources,
    ScriptedOutcome,
    ScriptedUse,
    scripted_actions,
)
from remediator.simulation.alertmanager import SimulatedAlertmanager
from remediator.simulation.looped_clock import LoopedClock, LoopedEventLoop
from remediator.simulation.prometheus import ScriptedPrometheus, ScriptedSeries
from remediator.simulation.services import ScriptedEndpoint, ScriptedReply, ScriptedServices
from remediator.simulation.simulation import Simulation, Surroundings
from remediator.simulation.timelines import Timeline, Unscripted
from remediator.store.sqlite.memory import open_memory_store

T = TypeVar("T")
U = TypeVar("U")

_UP = "up"


@dataclass(frozen=True, slots=True)
class Play:
    """A test that is being played."""

    simulation: Simulation
    resources: Resources
    unscripted: Unscripted
    deeds: Deeds


async def begin(loop: LoopedEventLoop, stage: Stage, given: Given, script: Script) -> Play:
    """Put everything in place; no time has passed."""
    start, clock = script.start, LoopedClock(script.start, loop)
    unscripted, resources = Unscripted(), Resources()
    answers = _together(script.answers, given.answers)
    uses = [_use(answer, start) for answer in (*script.actions, *given.actions)]
    actions = ActionScript(clock, uses, resources, unscripted)

    def scripted(real: Mapping[str, Action[Any]]) -> Mapping[str, Action[Any]]:
        return scripted_actions(real, actions)

    around = Surroundings(
        loop=loop,
        clock=clock,
        store=open_memory_store(),
        settings=stage.settings,
        promql=_prometheus(clock, answers, start, unscripted),
        alertmanager=SimulatedAlertmanager(clock),
        services=_services(clock, answers, start, unscripted),
        actions=scripted,
        calendar=stage.calendar,
    )
    simulation = await Simulation.begin(around, stage.policies)
    return Play(simulation, resources, unscripted, Deeds(simulation, stage))


def moments(given: Given, script: Script) -> set[timedelta]:
    """Return every time at which the script does something to remediator."""
    found = {change.at for change in script.changes} | {deed.at for deed in script.people}
    for alert in script.alerts:
        found |= {at for at, _ in parse_events(alert.events)}
    return found | set(_together(script.answers, given.answers).alertmanager)


async def play(play_: Play, given: Given, script: Script, at: timedelta) -> None:
    """Do all that the script does at one time, and let happen what comes of it without time passing."""
    simulation = play_.simulation
    await simulation.pass_until(at)
    for change in script.changes:
        if change.at == at:
            play_.resources.set(change.resource, change.attribute, change.to)
    state = _together(script.answers, given.answers).alertmanager.get(at)
    if state is not None:
        simulation.around.alertmanager.unreachable = None if state == _UP else state
    for alert, what in _events(script.alerts, at):
        await _happen(simulation, alert, what)
    await simulation.settle()
    for place, deed in enumerate(script.people):
        if deed.at == at:
            await play_.deeds.do(place, deed)
            await simulation.settle()


async def _happen(simulation: Simulation, alert: AlertScript, what: str) -> None:
    labels, annotations = alert.all_labels, alert.annotations
    alertmanager = simulation.around.alertmanager
    if what in ("silenced", "unsilenced"):
        alertmanager.suppress(labels, suppressed=what == "silenced")
    elif alert.posted:
        await (simulation.fire if what == "firing" else simulation.resolve)(labels, annotations)
    elif what == "firing":
        alertmanager.fire(labels, annotations)
    else:
        alertmanager.resolve(labels, annotations)


def _events(alerts: Sequence[AlertScript], at: timedelta) -> Iterator[tuple[AlertScript, str]]:
    for alert in alerts:
        for when, what in parse_events(alert.events):
            if when == at:
                yield alert, what


def _together(own: Answers, shared: Answers) -> Answers:
    """Return both, a test's own before those of the file, whose series of the same name they hide."""
    hidden = {series.series for series in own.series}
    said = "alertmanager" in own.model_fields_set
    return own.model_copy(
        update={
            "series": (*own.series, *(one for one in shared.series if one.series not in hidden)),
            "queries": (*shared.queries, *own.queries),
            "http": (*own.http, *shared.http),
            "alertmanager": own.alertmanager if said else shared.alertmanager,
        }
    )


def _timeline(values: Mapping[timedelta, T], start: datetime) -> Timeline[T]:
    return Timeline([(start + at, value) for at, value in values.items()])


def _prometheus(
    clock: Clock, answers: Answers, start: datetime, unscripted: Unscripted
) -> ScriptedPrometheus:
    series = [
        ScriptedSeries(series_labels(one.series), _timeline(one.values, start)) for one in answers.series
    ]
    queries = {
        one.query: _timeline({at: _answer(result) for at, result in one.gives.items()}, start)
        for one in answers.queries
    }
    return ScriptedPrometheus(clock, series, queries, unscripted)


def _answer(result: QueryResult) -> Answer:
    if result.error is not None:
        return Answer(error=result.error)
    if result.scalar is not None:
        return Answer(samples=(Sample({}, result.scalar),), scalar=True)
    return Answer(samples=tuple(Sample(one.labels, one.value) for one in result.samples or ()))


def _services(clock: Clock, answers: Answers, start: datetime, unscripted: Unscripted) -> ScriptedServices:
    endpoints = [
        ScriptedEndpoint(
            one.service,
            one.method,
            one.path,
            _timeline({at: _reply(reply) for at, reply in one.gives.items()}, start),
        )
        for one in answers.http
    ]
    return ScriptedServices(clock, endpoints, unscripted)


def _reply(reply: HttpReply) -> ScriptedReply:
    return ScriptedReply(status=reply.status, body=reply.json_, takes=reply.takes, fault=reply.fault)


def _use(answer: ActionAnswer, start: datetime) -> ScriptedUse:
    outcomes: Sequence[ScriptedOutcome] | Timeline[ScriptedOutcome]
    if answer.over_time is not None:
        outcomes = _timeline({at: _ended(end) for at, end in answer.over_time.items()}, start)
    else:
        ends = answer.attempts or ((answer.outcome,) if answer.outcome else ())
        outcomes = [_ended(end) for end in ends]
    return ScriptedUse(action=answer.uses, params=answer.with_, doing=answer.doing, outcomes=outcomes)


def _ended(end: AttemptEnd) -> ScriptedOutcome:
    outcome = Outcome(
        status=end.status,
        reason=end.reason,
        detail=end.detail,
        result=end.result,
        fact=end.fact,
        applied=end.applied,
    )
    return ScriptedOutcome(outcome=outcome, takes=end.takes, probe=end.probe)
