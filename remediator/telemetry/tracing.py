"""OpenTelemetry: spans go out by OTLP over HTTP, in a thread of their own. Imported only when configured.

Nothing waits for a receiver. What it does not take in time is dropped, and so is what no longer fits into the
queue.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from remediator.runs.audit import AuditRow
from remediator.secret_refs import resolve_secret
from remediator.settings_telemetry import Traces
from remediator.telemetry.spans import Span, SpansOfRows

_QUEUED_SPANS = 2048
_EVERY = timedelta(seconds=2)
_AT_THE_END = timedelta(seconds=2)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _GivenIds(IdGenerator):
    """Gives out the ids of the span that is being made."""

    def __init__(self) -> None:
        self.trace_id = 0
        self.span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class TraceAudit:
    """Sends a span for whatever has ended with a committed audit row."""

    def __init__(
        self,
        settings: Traces,
        *,
        version: str,
        origin: str | None,
        every: timedelta = _EVERY,
        at_the_end: timedelta = _AT_THE_END,
    ) -> None:
        """Begin to export. `origin` is the hash of the first audit row, None where none is written yet.

        A batch leaves at least `every` so often; `at_the_end` is how long `close` waits for the last one.

        Raises:
            SecretUnavailableError: when a header's reference points at nothing.
        """
        self._spans = SpansOfRows(origin) if origin is not None else None
        self._at_the_end = at_the_end
        self._ids = _GivenIds()
        exporter = OTLPSpanExporter(
            endpoint=str(settings.endpoint),
            headers={name: resolve_secret(reference) for name, reference in settings.headers.items()},
            timeout=settings.timeout.total_seconds(),
        )
        self._provider = TracerProvider(
            resource=Resource.create({"service.name": settings.service, "service.version": version}),
            id_generator=self._ids,
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=_QUEUED_SPANS,
                schedule_delay_millis=every.total_seconds() * 1000,
            )
        )
        self._tracer = self._provider.get_tracer("remediator", version)

    def on_commit(self, rows: Sequence[AuditRow]) -> None:
        """Queue the spans that end with these rows; for `Store.on_commit`."""
        for row in rows:
            if self._spans is None:
                self._spans = SpansOfRows(row.hash)
            span = self._spans.span_of(row)
            if span is not None:
                self._queue(span)

    async def close(self) -> None:
        """Send what is queued, if the receiver takes it at once."""
        ended: Future[None] = Future()

        def end() -> None:
            ended.set_running_or_notify_cancel()
            self._provider.shutdown()
            ended.set_result(None)

        # A daemon: a receiver that hangs must not keep this process from ending.
        threading.Thread(target=end, name="traces-end", daemon=True).start()
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(ended), self._at_the_end.total_seconds())

    def _queue(self, span: Span) -> None:
        self._ids.trace_id, self._ids.span_id = span.trace_id, span.span_id
        context = None
        if span.parent_id is not None:
            flags = TraceFlags(TraceFlags.SAMPLED)
            parent = SpanContext(span.trace_id, span.parent_id, is_remote=True, trace_flags=flags)
            context = set_span_in_context(NonRecordingSpan(parent))
        recorded = self._tracer.start_span(
            span.name, context, attributes=span.attributes, start_time=_nanoseconds(span.start)
        )
        if span.failed:
            recorded.set_status(Status(StatusCode.ERROR))
        recorded.end(_nanoseconds(span.end))


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000
