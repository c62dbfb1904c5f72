"""The same made-up alerts in a simulated receiver: the engine itself, in virtual time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from remediator.runs.answers import Answer
from remediator.runs.episodes import DecisionRecord, Episode
from remediator.settings import Settings
from remediator.simulation.actions import ActionScript, Resources, scripted_actions
from remediator.simulation.alertmanager import SimulatedAlertmanager
from remediator.simulation.looped_clock import LoopedClock, LoopedEventLoop, run_looped
from remediator.simulation.prometheus import ScriptedPrometheus
from remediator.simulation.services import ScriptedServices
from remediator.simulation.simulation import Simulation, Surroundings
from remediator.simulation.timelines import Timeline, Unscripted
from remediator.store.base import Filter, Order
from remediator.store.sqlite.memory import open_memory_store
from tests.authoring.backtest.replays import FIRING, START, Event, load

Said = list[tuple[str, str | None]]


def live(
    events: Sequence[Event],
    *policies: str,
    settings: Settings,
    promql: Mapping[str, Sequence[tuple[float, Answer]]],
    until: float,
) -> dict[tuple[str, str, str], Said]:
    """Return what the engine decided, by fingerprint, when the episode opened, and policy."""

    async def main(loop: LoopedEventLoop) -> dict[tuple[str, str, str], Said]:
        simulation = await _begin(loop, settings, policies, promql)
        try:
            for event in events:
                await simulation.pass_until(event.at)
                post = simulation.fire if event.status is FIRING else simulation.resolve
                await post(event.labels, event.annotations)
                await simulation.settle()
            await simulation.pass_until(timedelta(seconds=until))
            return await _decisions(simulation)
        finally:
            await simulation.end()

    return run_looped(main)


async def _begin(
    loop: LoopedEventLoop,
    settings: Settings,
    policies: Sequence[str],
    promql: Mapping[str, Sequence[tuple[float, Answer]]],
) -> Simulation:
    clock, unscripted = LoopedClock(START, loop), Unscripted()
    answers = {
        query: Timeline([(START + timedelta(seconds=at), answer) for at, answer in points])
        for query, points in promql.items()
    }
    script = ActionScript(clock, (), Resources(), unscripted)
    around = Surroundings(
        loop=loop,
        clock=clock,
        store=open_memory_store(),
        settings=settings,
        promql=ScriptedPrometheus(clock, (), answers, unscripted),
        alertmanager=SimulatedAlertmanager(clock),
        services=ScriptedServices(clock, (), unscripted),
        actions=lambda real: scripted_actions(real, script),
    )
    return await Simulation.begin(around, load(settings, *policies))


async def _decisions(simulation: Simulation) -> dict[tuple[str, str, str], Said]:
    page = Filter(order=Order.OLDEST, limit=100_000)
    store = simulation.around.store
    episodes = await store.read(lambda reads: reads.select(Episode, page))
    records = await store.read(lambda reads: reads.select(DecisionRecord, page))
    known = {episode.id: episode for episode in episodes}
    said: dict[tuple[str, str, str], Said] = {}
    for record in records:
        if record.policy is None or record.episode_id is None:
            continue
        episode = known[record.episode_id]
        opened_at = episode.opened_at.isoformat().replace("+00:00", "Z")
        path = said.setdefault((episode.fingerprint, opened_at, record.policy), [])
        decision: Any = (str(record.outcome), str(record.reason) if record.reason else None)
        if not path or path[-1] != decision:
            path.append(decision)
    return said
