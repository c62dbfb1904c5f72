"""The runner: load, ask what is next, do it, persist; until the run waits or ends."""

from __future__ import annotations

from dataclasses import replace

from remediator.engine.context import Engine
from remediator.engine.failpoints import Failpoint
from remediator.engine.ladder import Ladder
from remediator.engine.moves import Move, MoveKind, next_move
from remediator.engine.reverts import Reverter, create_revert
from remediator.engine.starting import Started, Starter
from remediator.engine.steps import StepEnd, StepRunner
from remediator.engine.verification import Verifier
from remediator.runs.records import ApprovalRequest, Run, TimerKind
from remediator.runs.states import RunKind, RunState, StepPhase
from remediator.store.base import Reads, Tx


class Runner:
    """Drives runs. Everything goes by (run id, epoch); no truth is kept here."""

    def __init__(
        self,
        engine: Engine,
        starter: Starter,
        steps: StepRunner,
        verifier: Verifier,
        ladder: Ladder,
        reverter: Reverter,
    ) -> None:
        self._engine = engine
        self._starter = starter
        self._steps = steps
        self._verifier = verifier
        self._ladder = ladder
        self._reverter = reverter
        self._draining = False

    def drain(self) -> None:
        """Begin nothing new: runs stop between steps and go on after the next start."""
        self._draining = True

    async def drive(self, run_id: int) -> None:
        """Take a run over and bring it as far as it goes by itself."""
        if self._draining:
            return  # its timer stays: it goes on after the next start
        run, begun = await self._take_up(run_id)
        if run is None:
            return
        if run.kind is RunKind.REVERT:
            await self._reverter.drive(run)
            return
        if begun is not None:
            run = await self._stepped(run, await self._steps.carry_on(begun))
        while not (run.state.waiting or run.state.terminal):
            if self._draining:
                return
            move = await self._next(run)
            if move.kind is MoveKind.NOTHING:
                return
            run = await self._make(run, move)
        self._engine.failpoints.hit(Failpoint.RUN_FINISHED)

    async def _take_up(self, run_id: int) -> Started:
        waiting, asked = await self._engine.store.read(lambda reads: _about_to_start(reads, run_id))
        if waiting is not None:
            return await self._starter.start(waiting, asked, self._take_over)
        return Started(await self._engine.store.write(lambda tx: self._take_over(tx, run_id)))

    def _take_over(self, tx: Tx, run_id: int) -> Run | None:
        run = tx.get(Run, run_id)
        if run is None or run.state.terminal or run.state is RunState.AWAITING_APPROVAL:
            tx.clear_timer(TimerKind.DRIVE, run_id)
            return None
        if run.kind is RunKind.REVERT and self._driven_by_parent(tx, run):
            tx.clear_timer(TimerKind.DRIVE, run_id)
            return None
        return tx.save(replace(run, epoch=run.epoch + 1))

    def _driven_by_parent(self, tx: Tx, run: Run) -> bool:
        parent = tx.get(Run, run.parent_run_id) if run.parent_run_id is not None else None
        return parent is not None and not parent.state.terminal

    async def _next(self, run: Run) -> Move:
        def look(reads: Reads) -> Move:
            fresh = reads.get(Run, run.id) or run
            return next_move(fresh, reads.steps_of_run(run.id), reads.child_runs(run.id))

        return await self._engine.store.read(look)

    async def _make(self, run: Run, move: Move) -> Run:
        match move.kind:
            case MoveKind.STEP:
                return await self._step(run, move.position)
            case MoveKind.VERIFY:
                return await self._verify(run)
            case MoveKind.SUCCEED:
                return await self._ladder.succeed_unverified(run)
            case MoveKind.UNDO:
                return await self._undo(run)
            case MoveKind.NEXT_OPTION:
                return await self._ladder.next_option(run)
            case MoveKind.HAND_OVER:
                return await self._ladder.hand_over(run, move.reason, move.detail)
            case MoveKind.STOP:
                return await self._ladder.stop(run)
            case MoveKind.START | MoveKind.NOTHING:
                return run  # a run that waits is not driven any further here

    async def _step(self, run: Run, position: int) -> Run:
        if run.plan is None:
            return run
        planned = run.plan.steps[position]
        end = await self._steps.run(run, planned, position, StepPhase.ACT, self._ladder.move_on)
        return await self._stepped(run, end)

    async def _stepped(self, run: Run, end: StepEnd) -> Run:
        if end.stopped is not None:
            return await self._ladder.end_option(run, end.stopped, f"stopped: {end.stopped}")
        return await self._reload(run)

    async def _verify(self, run: Run) -> Run:
        run = await self._ladder.begin_verifying(run)
        if run.plan is None or run.plan.verify is None or run.acted_at is None or run.verify_until is None:
            return run

        async def leave_off() -> bool:
            return self._draining or (await self._reload(run)).stop is not None

        verified = await self._verifier.verify(run.plan.verify, run.acted_at, run.verify_until, leave_off)
        if verified.ok is None:
            return await self._leave_verification(run)
        return await self._ladder.conclude_verification(run, verified)

    async def _leave_verification(self, run: Run) -> Run:
        fresh = await self._reload(run)
        if fresh.stop is not None:
            return await self._ladder.end_option(fresh, fresh.stop, f"stopped: {fresh.stop}")
        return fresh

    async def _undo(self, run: Run) -> Run:
        child = await self._engine.store.write(
            lambda tx: create_revert(tx, self._engine, run, "failed_verification")
        )
        self._engine.failpoints.hit(Failpoint.REVERT_CREATED)
        await self._reverter.drive(child)
        return await self._reload(run)

    async def _reload(self, run: Run) -> Run:
        return await self._engine.store.read(lambda reads: reads.get(Run, run.id)) or run


def _about_to_start(reads: Reads, run_id: int) -> tuple[Run | None, ApprovalRequest | None]:
    """Return a run whose next move is to start, with what was asked for it."""
    run = reads.get(Run, run_id)
    if run is None or run.kind is RunKind.REVERT or run.state not in (RunState.PLANNED, RunState.HELD):
        return None, None
    return run, reads.approval_of_run(run_id)
