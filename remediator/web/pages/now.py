"""The page Now: what fires, what is done about it, what waits for whom, what is held or degraded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from remediator.engine.actors import Actor
from remediator.engine.approvals import refusal_of
from remediator.runs.episodes import Admission, Episode
from remediator.runs.news import Channel
from remediator.runs.records import ApprovalRequest, Hold, Lease, Run, Vote
from remediator.runs.states import RunState
from remediator.runs.storms import Storm
from remediator.store.base import Filter, Reads
from remediator.web.keys import ACTOR, SERVICES
from remediator.web.leases import STANDING
from remediator.web.pages.frame import render
from remediator.web.pages.live import live_after

_MOST = 100
_MOST_ENDED = 10
_BUSY = (RunState.PLANNED, RunState.HELD, RunState.RUNNING, RunState.VERIFYING, RunState.REVERTING)
# They ended, and still somebody has to come.
_STUCK = (RunState.NEEDS_HUMAN, RunState.REVERT_FAILED)
_ENDED = tuple(state for state in RunState if state.terminal and state not in _STUCK)


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fires, and what was last decided of each policy that matches it."""

    episode: Episode
    decided: Sequence[Admission]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits for people: `refused` says why the one who looks is not to decide."""

    run: Run
    request: ApprovalRequest
    votes: Sequence[Vote]
    refused: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is going on, as of one look at the store."""

    firing: Sequence[Firing]
    firing_count: int
    mine: Sequence[Waiting]
    others: Sequence[Waiting]
    stuck: Sequence[Run]
    busy: Sequence[Run]
    holds: Sequence[Hold]
    storm: Storm | None
    leases: Sequence[Lease]
    unheard: Sequence[Channel]
    """Channels that did not take what was sent last."""
    ended: Sequence[Run]
    head: int


async def show_now(request: web.Request) -> web.StreamResponse:
    """Show what is going on."""
    services = request.app[SERVICES]
    now, actor = services.clock.now(), request[ACTOR]
    situation = await services.store.read(lambda reads: look(reads, now, actor))
    return await render(
        request,
        "now.html",
        live=live_after(situation.head),
        situation=situation,
        mode=services.settings.mode,
        unready=services.readiness.reasons,
    )


def look(reads: Reads, now: datetime, actor: Actor) -> Situation:
    """Gather what is going on, for the one who looks."""
    episodes = reads.open_episodes()
    waiting = [_waiting(reads, run, actor) for run in _runs(reads, (RunState.AWAITING_APPROVAL,))]
    asked = [one for one in waiting if one is not None]
    head = reads.audit_head()
    return Situation(
        firing=[Firing(one, reads.admissions_of_episode(one.id)) for one in reversed(episodes[-_MOST:])],
        firing_count=len(episodes),
        mine=[one for one in asked if one.refused is None],
        others=[one for one in asked if one.refused is not None],
        stuck=_runs(reads, _STUCK),
        busy=_runs(reads, _BUSY),
        holds=reads.active_holds(now),
        storm=reads.storm(),
        leases=reads.select(Lease, Filter(one_of={"state": STANDING}, limit=_MOST)),
        unheard=[one for one in reads.select(Channel, Filter(limit=_MOST)) if one.failures],
        ended=_runs(reads, _ENDED, _MOST_ENDED),
        head=head.sequence if head is not None else 0,
    )


def _runs(reads: Reads, states: Sequence[RunState], most: int = _MOST) -> list[Run]:
    return reads.select(Run, Filter(one_of={"state": states}, limit=most))


def _waiting(reads: Reads, run: Run, actor: Actor) -> Waiting | None:
    request = reads.approval_of_run(run.id)
    if request is None:
        return None
    votes = reads.votes(request.id)
    refused = refusal_of(run, request, actor)
    if refused is None and any(vote.actor == actor.name for vote in votes):
        refused = "you have decided; it waits for others"
    return Waiting(run, request, votes, refused)
