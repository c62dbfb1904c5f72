"""Episodes: alerts from firing to resolved."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from remediator.runs.episodes import Episode
from remediator.runs.reasons import CloseReason
from remediator.web.answers import episode_answer
from remediator.web.inputs import AcknowledgeInput, read_input
from remediator.web.json_response import json_response
from remediator.web.keys import ACTOR, SERVICES
from remediator.web.paging import Text, TimedQuery, cut_page, page_filter, read_query
from remediator.web.runs import record_id
from remediator.web.schemas import EpisodeOutput, Openness, Page


class EpisodesQuery(TimedQuery):
    """Which episodes."""

    alertname: Text | None = None
    source: Text | None = None
    fingerprint: Text | None = None
    state: Openness | None = None


async def list_episodes(request: web.Request) -> web.StreamResponse:
    """List episodes, newest first."""
    query = read_query(request, EpisodesQuery)
    equal = {"alertname": query.alertname, "source": query.source, "fingerprint": query.fingerprint}
    one_of: dict[str, tuple[Any, ...]] = {}
    if query.state is Openness.CLOSED:
        one_of["close_reason"] = tuple(CloseReason)
    where = page_filter(query, equal, one_of, null=("close_reason",) if query.state is Openness.OPEN else ())
    found = await request.app[SERVICES].store.read(lambda reads: reads.select(Episode, where))
    shown, cursor = cut_page(found, query, [episode.id for episode in found])
    items = [EpisodeOutput.model_validate(episode) for episode in shown]
    return json_response(Page[EpisodeOutput](items=items, next_cursor=cursor))


async def acknowledge_episode(request: web.Request) -> web.StreamResponse:
    """Say that somebody looks at it: escalation stops, nothing else does."""
    given = await read_input(request, AcknowledgeInput)
    result = await request.app[SERVICES].control.acknowledge(
        record_id(request), actor=request[ACTOR], comment=given.comment, duration=given.for_
    )
    return episode_answer(result)
