"""What people do in a test, through the engine's own doors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from remediator.authoring.policy_tests.script import Deed
from remediator.authoring.policy_tests.staging import Stage
from remediator.engine.actors import Actor
from remediator.engine.results import Result, Status
from remediator.runs.episodes import Episode
from remediator.runs.records import Hold, HoldScope, Run
from remediator.runs.states import RunKind, RunState
from remediator.simulation.simulation import Simulation
from remediator.store.base import Filter


@dataclass(frozen=True, slots=True)
class Refused:
    """Somebody was told something else than the test says. `place` is among the script's people."""

    place: int
    expected: str
    actual: str


class Deeds:
    """Does what people do, and notes where they were told something unexpected."""

    def __init__(self, simulation: Simulation, stage: Stage) -> None:
        self._simulation = simulation
        self._stage = stage
        self.refused: list[Refused] = []

    async def do(self, place: int, deed: Deed) -> None:
        """Do one thing."""
        result = await self._result(deed)
        if result.status != deed.answer:
            self.refused.append(Refused(place, deed.answer, f"{result.status}: {result.detail}"))

    async def _result(self, deed: Deed) -> Result:
        actor = self._actor(deed.by)
        if actor is None:
            return Result(Status.INVALID, f"the inventory has no token called {deed.by!r}")
        match deed.does:
            case "hold":
                return await self._hold(deed, actor)
            case "release":
                return await self._release(actor)
            case "acknowledge":
                return await self._acknowledge(deed, actor)
            case "close-breaker":
                control = self._simulation.parts.control
                return await control.close_breaker(self._policy(deed), actor=actor, comment=deed.comment)
            case _:
                return await self._to_run(deed, actor)

    async def _to_run(self, deed: Deed, actor: Actor) -> Result:
        run = await self._run(deed)
        if run is None:
            return Result(Status.NOT_FOUND, f"there is no run to {deed.does}")
        parts = self._simulation.parts
        match deed.does:
            case "cancel":
                return await parts.control.cancel(run.id, actor=actor, comment=deed.comment, kill=False)
            case "resume":
                return await parts.control.resume(
                    run.id, actor=actor, comment=deed.comment, treat_step_as=deed.treat_step_as
                )
            case "revert":
                return await parts.control.revert(run.id, actor=actor, comment=deed.comment)
            case _:
                return await parts.approvals.vote(
                    run.id,
                    plan_hash=run.plan_hash or "",
                    actor=actor,
                    approve=deed.does == "approve",
                    comment=deed.comment,
                )

    async def _run(self, deed: Deed) -> Run | None:
        """Return the run that is meant: the newest that fits what is done, else the newest."""
        where = Filter(equal={"policy": self._policy(deed), "kind": RunKind.REMEDIATION}, limit=500)
        runs = await self._simulation.around.store.read(lambda reads: reads.select(Run, where))
        fits = _FITS[deed.does]
        return next((run for run in runs if fits(run)), runs[0] if runs else None)

    async def _hold(self, deed: Deed, actor: Actor) -> Result:
        return await self._simulation.parts.holds.add(
            scope=HoldScope(deed.scope),
            value=deed.value or (self._policy(deed) if deed.scope == "policy" else ""),
            reason=deed.comment,
            duration=deed.for_,
            actor=actor,
        )

    async def _release(self, actor: Actor) -> Result:
        now = self._simulation.around.clock.now()
        holds: list[Hold] = await self._simulation.around.store.read(lambda reads: reads.active_holds(now))
        results = [await self._simulation.parts.holds.remove(hold.id, actor=actor) for hold in holds]
        return results[-1] if results else Result(Status.NOT_FOUND, "there is no hold to release")

    async def _acknowledge(self, deed: Deed, actor: Actor) -> Result:
        episodes = await self._simulation.around.store.read(
            lambda reads: reads.select(Episode, Filter(limit=1))
        )
        if not episodes:
            return Result(Status.NOT_FOUND, "there is no episode to acknowledge")
        return await self._simulation.parts.control.acknowledge(
            episodes[0].id, actor=actor, comment=deed.comment, duration=deed.for_
        )

    def _policy(self, deed: Deed) -> str:
        return deed.policy or self._stage.names[0]

    def _actor(self, name: str) -> Actor | None:
        for token in self._stage.settings.tokens:
            if token.name == name:
                return Actor(name=name, roles=frozenset(token.roles), groups=frozenset(token.groups))
        return None


_FITS: dict[str, Callable[[Run], bool]] = {
    "approve": lambda run: run.state is RunState.AWAITING_APPROVAL,
    "deny": lambda run: run.state is RunState.AWAITING_APPROVAL,
    "cancel": lambda run: not run.state.terminal or run.state is RunState.NEEDS_HUMAN,
    "resume": lambda run: run.state in (RunState.NEEDS_HUMAN, RunState.EXPIRED),
    "revert": lambda run: run.lease is not None,
}
