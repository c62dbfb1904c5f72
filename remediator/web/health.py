"""What probes ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from aiohttp import web

from remediator.runs.records import Lease
from remediator.runs.states import LeaseState
from remediator.store.base import Filter, Store, StoreUnavailableError
from remediator.web.json_response import json_response
from remediator.web.keys import SERVICES
from remediator.web.leases import STANDING
from remediator.web.schemas import LiveOutput, ReadyOutput

_MOST_COUNTED = 100


async def live(_: web.Request) -> web.StreamResponse:
    """Answer: that is all that it says."""
    return json_response(LiveOutput())


async def _notes(store: Store) -> Mapping[str, str]:
    """Say what is not as usual: no reason against being ready, and no names for anybody."""
    where = Filter(one_of={"state": STANDING}, limit=_MOST_COUNTED)
    try:
        standing, storm = await store.read(lambda reads: (reads.select(Lease, where), reads.storm()))
    except StoreUnavailableError:
        return {}
    notes = {}
    if standing:
        notes["degraded"] = _degraded(standing)
    if storm is not None:
        since = f"{storm.began_at:%Y-%m-%d %H:%M:%S} UTC"
        notes["storm"] = f"very many alerts since {since}: only what matters most is acted on"
    return notes


def _degraded(standing: Sequence[Lease]) -> str:
    count = f"{len(standing)}{' or more' if len(standing) == _MOST_COUNTED else ''}"
    overdue = sum(lease.state is LeaseState.OVERDUE for lease in standing)
    first = min(lease.expires_at for lease in standing)
    text = f"{count} temporary changes stand, {overdue} of them overdue"
    return f"{text}; the first ends at {first:%Y-%m-%d %H:%M} UTC"


async def ready(request: web.Request) -> web.StreamResponse:
    """Say whether the server does its work, and if not, why."""
    services = request.app[SERVICES]
    reasons = services.readiness.reasons
    notes = {**services.readiness.notes, **await _notes(services.store)}
    body = ReadyOutput(ready=not reasons, reasons=reasons, notes=notes)
    return json_response(body, status=HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK)
