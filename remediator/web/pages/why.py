"""The page Why nothing happened: decisions of an alert or a policy, and what blocked first, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from remediator.runs.episodes import DecisionRecord, Episode
from remediator.runs.reasons import Outcome
from remediator.store.base import Filter, Reads
from remediator.web.alertnames import episodes_named
from remediator.web.keys import SERVICES
from remediator.web.pages.frame import render
from remediator.web.pages.reasons import sentence
from remediator.web.paging import PageQuery, RecordId, Text, cut_page, page_filter, read_query

_MOST_OPEN = 50
_NOTHING = frozenset({Outcome.BLOCKED, Outcome.NO_MATCH, Outcome.SHADOW})


class WhyQuery(PageQuery):
    """Which decisions."""

    policy: Text | None = None
    alertname: Text | None = None
    episode_id: RecordId | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """One decision, told: `blocker` is the first guard that was against it."""

    decision: DecisionRecord
    episode: Episode | None
    said: str
    blocker: Mapping[str, Any] | None
    others: Sequence[Mapping[str, Any]]
    """Guards that were against it as well."""


async def show_why(request: web.Request) -> web.StreamResponse:
    """Show why nothing happened: of what was asked for, or of what fires now."""
    query = read_query(request, WhyQuery, form=True)
    asked = query.model_dump(exclude_none=True, exclude={"cursor", "limit"})

    def read(reads: Reads) -> tuple[Sequence[Told], str | None]:
        return _asked_for(reads, query) if asked else (_firing(reads), None)

    told, cursor = await request.app[SERVICES].store.read(read)
    return await render(
        request,
        "why.html",
        query=query,
        asked=bool(asked),
        told=told,
        older=f"/why?{urlencode({**asked, 'cursor': cursor})}" if cursor else None,
    )


def _asked_for(reads: Reads, query: WhyQuery) -> tuple[Sequence[Told], str | None]:
    one_of = {}
    if query.alertname is not None:
        one_of["episode_id"] = episodes_named(reads, query.alertname)
    equal = {"policy": query.policy, "episode_id": query.episode_id}
    found = reads.select(DecisionRecord, page_filter(query, equal, one_of))
    shown, cursor = cut_page(found, query, [decision.id for decision in found])
    return [tell(reads, decision) for decision in shown], cursor


def _firing(reads: Reads) -> Sequence[Told]:
    """Tell of each alert that fires what was decided last of each policy, where that was to do nothing."""
    told = []
    for episode in reads.open_episodes()[-_MOST_OPEN:][::-1]:
        found = reads.select(DecisionRecord, Filter(equal={"episode_id": episode.id}, limit=100))
        newest: dict[str | None, DecisionRecord] = {}
        for decision in found:
            newest.setdefault(decision.policy, decision)
        told += [tell(reads, one) for one in newest.values() if one.outcome in _NOTHING]
    return told


def tell(reads: Reads, decision: DecisionRecord) -> Told:
    """Say what was decided, and find the first guard that was against it."""
    against = [verdict for verdict in decision.verdicts or () if verdict.get("kind") == "deny"]
    blocked = decision.outcome is Outcome.BLOCKED
    first = next((one for one in against if one.get("reason") == decision.reason), None) if blocked else None
    return Told(
        decision,
        reads.get(Episode, decision.episode_id) if decision.episode_id else None,
        sentence(decision.outcome, decision.reason),
        first,
        [verdict for verdict in against if verdict is not first],
    )
