"""The report as Markdown. Every value is inert: a report opens in a browser, and labels are anybody's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from remediator.notices.inert import LONGEST, inert
from remediator.plain_text import one_line
from remediator.reports.findings import Counted, action_items, counted_logs, root_cause
from remediator.reports.incident import Incident, Window
from remediator.reports.metrics import Measured
from remediator.reports.timeline import told_of
from remediator.runs.audit import AuditAction
from remediator.runs.records import Lease
from remediator.runs.states import LeaseState

_UNKNOWN = "unknown"
_NONE = "-"
# Shown under their own heading.
_ELSEWHERE = (AuditAction.NOTICE_QUEUED, AuditAction.NOTICE_SENT, AuditAction.NOTICE_SUMMARISED)


def markdown(
    incident: Incident, window: Window, measured: Sequence[Measured], *, plot: str | None, why_no_plot: str
) -> str:
    """Return the whole report. `plot` is the name of the plots' file beside it."""
    parts = [
        _head(incident),
        _summary(incident),
        _cause(incident),
        _facts(incident),
        _logs(counted_logs(incident)),
        _timeline(incident),
        _actions(incident),
        _changes(incident),
        _approvals(incident),
        _communication(incident),
        _metrics(window, measured, plot, why_no_plot),
        _items(action_items(incident)),
        _source(incident),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(incident: Incident) -> str:
    name = incident.context["episode"].get("alertname") or incident.policy.policy
    lines = [f"# {_cell(name)} on {_cell(incident.run.target)}"]
    if incident.policy.description:
        lines.append(_cell(incident.policy.description))
    return "\n\n".join(lines)


def _summary(incident: Incident) -> str:
    run, episode = incident.run, incident.context["episode"]
    labels = incident.context["labels"]
    words = incident.policy.communication.en
    rows = [
        ("outcome", f"{run.state}{f' ({run.reason})' if run.reason else ''}"),
        ("run", run.id),
        ("policy", incident.policy.policy),
        ("owner", incident.policy.owner or _NONE),
        ("runbook", incident.policy.runbook_url or _NONE),
        ("alert", episode.get("alertname") or "none (by hand)"),
        ("severity", labels.get("severity", _NONE)),
        ("started by", run.actor),
        ("impact", words.impact or _NONE),
        ("option", run.option or _NONE),
        ("options tried before", ", ".join(run.tried) or _NONE),
        ("alert began", _time(incident.started_at)),
        ("known to remediator", _time(incident.opened_at)),
        ("over", _time(incident.over_at) if incident.over_at else "not yet"),
        ("duration", _span(incident.opened_at, incident.over_at)),
        ("time to detect", _span(incident.started_at, incident.opened_at)),
        ("time to act", _span(incident.opened_at, incident.acted_at)),
        ("time to recover", _span(incident.opened_at, incident.recovered_at)),
    ]
    links = [f"- [{_cell(link['title'])}]({link['url']})" for link in incident.links]
    table = _table(("", ""), rows)
    return f"## Summary\n\n{table}" + ("\n\n" + "\n".join(links) if links else "")


def _cause(incident: Incident) -> str:
    return f"## Root cause\n\n{_cell(root_cause(incident))}"


def _facts(incident: Incident) -> str:
    values = (incident.run.facts or {}).get("values", {})
    if not values:
        return ""
    details = (incident.run.facts or {}).get("details", {})
    rows = [
        (_Code(name), _UNKNOWN if value is None else _json(value), (details.get(name) or {}).get("error", ""))
        for name, value in sorted(values.items())
    ]
    return "## Facts\n\n" + _table(("fact", "value", "error"), rows)


def _logs(counted: Sequence[Counted]) -> str:
    if not counted:
        return ""
    rows = [(_Code(one.fact), _Code(one.pattern), one.count) for one in counted]
    text = "## Log extract\n\n" + _table(("fact", "pattern", "lines"), rows)
    samples = [(_Code(one.fact), _Code(line)) for one in counted for line in one.samples]
    if samples:
        text += "\n\nThe latest of these lines:\n\n" + _table(("fact", "line"), samples)
    return text


def _timeline(incident: Incident) -> str:
    rows = [
        (_time(datetime.fromisoformat(row.at)), row.actor, told_of(row))
        for row in incident.rows
        if row.action not in _ELSEWHERE
    ]
    return "## Timeline\n\n" + _table(("time (UTC)", "who", "what"), rows)


def _actions(incident: Incident) -> str:
    if not incident.steps:
        return "## Actions\n\nNothing was done."
    rows = [
        (
            f"{step.option}/{step.position}" + (" (undo)" if step.phase == "undo" else ""),
            _Code(step.action),
            _json(step.params),
            f"{step.state}, attempt {step.attempt}",
            _time(step.started_at),
            _span(step.started_at, step.finished_at),
            (step.outcome or {}).get("detail", ""),
        )
        for step in incident.steps
    ]
    return "## Actions\n\n" + _table(("step", "action", "with", "result", "at", "took", "detail"), rows)


def _changes(incident: Incident) -> str:
    if not incident.leases:
        return ""
    rows = [
        (
            _Code(lease.resource),
            _Code(lease.attribute),
            _Code(f"{_json(lease.original)} → {_json(lease.applied)}"),
            _time(lease.opened_at),
            _time(_end(lease)) if _end(lease) else f"still ({lease.state})",
            _span(lease.opened_at, _end(lease)),
            lease.state,
        )
        for lease in incident.leases
    ]
    table = _table(("resource", "attribute", "was → became", "from", "until", "for", "state"), rows)
    if all(lease.ends_with_run for lease in incident.leases):
        return f"## Temporary changes\n\n{table}"
    note = (
        "What users did in these periods (bookings that a mock took, requests that a limit refused) was done "
        "under changed conditions: reconcile it."
    )
    return f"## Temporary changes\n\n{table}\n\n{note}"


def _end(lease: Lease) -> datetime | None:
    return lease.closed_at if lease.state is LeaseState.UNDONE else None


def _approvals(incident: Incident) -> str:
    if not incident.approvals:
        return ""
    rows = [
        (
            request.option,
            ", ".join(request.from_),
            request.state,
            _time(request.requested_at),
            _span(request.requested_at, request.decided_at),
            "; ".join(f"{vote.actor}: {vote.verdict} {vote.comment}".strip() for vote in votes) or _NONE,
        )
        for request, votes in incident.approvals
    ]
    return "## Approvals\n\n" + _table(("option", "asked", "result", "at", "took", "votes"), rows)


def _communication(incident: Incident) -> str:
    if not incident.notices:
        return ""
    rows = [
        (
            _time(notice.created_at),
            notice.kind,
            notice.contact or notice.channel,
            f"{notice.audience}, {notice.language}",
            notice.state,
        )
        for notice in incident.notices
    ]
    return "## Communication\n\n" + _table(("time (UTC)", "news", "to", "form", "state"), rows)


def _metrics(window: Window, measured: Sequence[Measured], plot: str | None, why_no_plot: str) -> str:
    if not measured:
        return ""
    span = f"{_time(window.start)} to {_time(window.end)}"
    lines = [
        f"## Metrics\n\nFrom {span} UTC: the mean before {_time(window.opened_at)}, the lowest and the "
        f"highest until {_time(window.ended_at)}, the mean after."
    ]
    rows: list[tuple[Any, ...]] = []
    for one in measured:
        if one.error is not None:
            rows.append((_Code(one.query), one.error, _NONE, _NONE, _NONE, _NONE))
        elif not one.summaries:
            rows.append((_Code(one.query), "no data", _NONE, _NONE, _NONE, _NONE))
        for summary in one.summaries:
            figures = (summary.before, summary.lowest, summary.highest, summary.after)
            rows.append((_Code(one.query), _Code(summary.labels or _NONE), *map(_figure, figures)))
    lines.append(_table(("query", "series", "before", "lowest", "highest", "after"), rows))
    lines.append(f"![Metrics of the incident]({plot})" if plot else why_no_plot)
    return "\n\n".join(lines)


def _items(items: Sequence[str]) -> str:
    if not items:
        return ""
    return "## Open action items\n\n" + "\n".join(f"- [ ] {_cell(item)}" for item in items)


def _source(incident: Incident) -> str:
    if not incident.rows:
        return ""
    first, last = incident.rows[0], incident.rows[-1]
    return (
        f"Made from audit rows {first.sequence} to {last.sequence}; the last one's hash is `{last.hash}` "
        f"(`remediator audit verify --head {last.sequence}:{last.hash}`)."
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [
        _line(heads),
        "|" + "---|" * len(heads),
        *(_line([_cell(value) for value in row]) for row in rows),
    ]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


class _Code(str):
    """What is shown as it is, in a code span, where nothing is acted on."""

    __slots__ = ()


def _cell(value: Any) -> str:
    if not isinstance(value, _Code):
        return inert(value) or " "
    text = one_line(value).replace("`", "'").replace("|", "\\|")
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    return f"`{text}`" if text.strip() else " "


def _json(value: Any) -> _Code:
    return _Code(value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False))


def _figure(value: float | None) -> str:
    return _NONE if value is None else f"{value:.4g}"


def _time(moment: datetime | None) -> str:
    return _NONE if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _span(start: datetime, end: datetime | None) -> str:
    if end is None:
        return _NONE
    seconds = max(round((end - start) / timedelta(seconds=1)), 0)
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours} h" if hours else "", f"{minutes} min" if minutes else "", f"{rest} s" if rest else ""]
    return " ".join(part for part in parts if part) or "0 s"
