"""The branches of telling people: each entry of `escalate` by its own clock, each news by `notify`."""

from __future__ import annotations

import json
from collections.abc import Iterator

from remediator.policy.loaded import LoadedPolicy
from remediator.policy.telling import NotifyOn
from remediator.runs.audit import AuditAction, AuditRow
from remediator.runs.news import EscalationCause, NewsKind, Notice

TOLD = "told"
_ESCALATED = (AuditAction.ESCALATION_TOLD, AuditAction.ESCALATION_WOULD_TELL)
# What is told at once says nothing of the clock that an entry has.
_BY_THE_CLOCK = (EscalationCause.AFTER, EscalationCause.WHEN, EscalationCause.PROMQL)

Told = tuple[str, str]
"""Who is told, and of what."""


def rung_key(at: int, contact: str) -> str:
    """Name an entry of `escalate` by its place and contact."""
    return f"escalate {at}:{contact}"


def tellings_of(policy: LoadedPolicy) -> Iterator[Told]:
    """Yield everybody that a policy can tell of something."""
    document = policy.document
    for at, rung in enumerate(document.escalate):
        yield rung_key(at, rung.to), TOLD
    possible = set(_possible(policy))
    for notify in document.notify:
        for kind in notify.told:
            if kind in possible:
                yield _recipient(notify.channel, notify.audience, notify.language), str(kind)
        if notify.every is not None:
            yield _recipient(notify.channel, notify.audience, notify.language), str(NewsKind.UPDATE)


def _possible(policy: LoadedPolicy) -> Iterator[NotifyOn]:
    """Yield what can happen in a policy at all: what can't is never news."""
    document, options = policy.document, policy.document.options
    yield from (NotifyOn.STARTED, NotifyOn.SUCCEEDED, NotifyOn.FAILED, NotifyOn.RESOLVED)
    if document.escalate:
        yield NotifyOn.ESCALATED
    if _asks(policy):
        yield NotifyOn.AWAITING_APPROVAL
    if any(option.revert or document.revert for option in options):
        yield from (NotifyOn.REVERTED, NotifyOn.DEGRADED, NotifyOn.RESTORED)
    # What starts by its schedule alone, whatever is the case, has no alert that could come back.
    if any(option.verify or document.verify for option in options) and document.schedule is None:
        yield NotifyOn.RELAPSED


def _asks(policy: LoadedPolicy) -> bool:
    if any(option.approval is not None for option in policy.document.options):
        return True
    return any(
        guard.name == "approval" or getattr(guard.params, "otherwise", None) == "approval"
        for guard in policy.guards
    )


def told_by_escalation(row: AuditRow) -> Iterator[Told]:
    """Yield the entry of `escalate` that a row says was told in its own time."""
    if row.action in _ESCALATED:
        detail = json.loads(row.detail)
        if detail["cause"] in _BY_THE_CLOCK:
            yield rung_key(detail["rung"], detail["to"]), TOLD


def told_by_notice(notice: Notice) -> Iterator[Told]:
    """Yield the `notify` that a notice comes of; one for a contact comes of an escalation."""
    if notice.contact is None:
        yield _recipient(notice.channel, notice.audience, notice.language), str(notice.kind)


def _recipient(channel: str, audience: str, language: str) -> str:
    return f"notify {channel}:{audience}, {language}"
