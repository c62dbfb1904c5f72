"""Remediator's own metrics, for Prometheus."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import hdrs, web
from prometheus_client.exposition import choose_encoder

from remediator.store.base import StoreUnavailableError
from remediator.telemetry.outstanding import outstanding
from remediator.web.keys import SERVICES


async def show_metrics(request: web.Request) -> web.StreamResponse:
    """Show all metrics in the form that the scraper asks for."""
    services = request.app[SERVICES]
    services.metrics.set_unready(services.readiness.reasons)
    # What is counted as it happens is worth showing also while the store can't be asked.
    with suppress(StoreUnavailableError):
        counts, waiting = await services.store.read(
            lambda reads: (reads.counts(), outstanding(reads, services.clock.now()))
        )
        services.metrics.set_counts(counts)
        services.metrics.set_outstanding(waiting)
    encode, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
    return web.Response(body=encode(services.registry), headers={hdrs.CONTENT_TYPE: content_type})
