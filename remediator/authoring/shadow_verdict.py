"""Whether a policy is ready to enforce: criteria with bounds that are said, on what shadow saw. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from remediator.authoring.shadow_report import Ending, Reported, Summary
from remediator.runs.shadow import WouldVerify
from remediator.settings import Limits


class ShadowVerdict(StrEnum):
    """What a report comes to."""

    READY = "ready"
    NOT_READY = "not ready"
    NOT_ENOUGH = "not enough seen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a policy must keep to. Shares are between 0 and 1."""

    min_decisions: int = 5
    min_days: float = 3.0
    max_needless: float = 0.2
    max_otherwise: float = 0.2
    max_contention: float = 0.2
    max_unknown: float = 0.2
    max_held_before: float = 0.2
    max_no_option: float = 0.2
    max_faults: float = 0.0
    max_load: float = 0.5


class Criterion(Reported):
    """One criterion, what was seen of it, and whether it is met."""

    name: str
    meaning: str
    value: float | None
    """A count, days, or a share between 0 and 1; None: nothing to judge by."""
    bound: float
    at_least: bool
    """Whether the value must reach the bound; otherwise it must not exceed it."""
    share: bool
    enough: bool
    """Whether it says if enough was seen, rather than how good that was."""

    met: bool
    """With nothing to judge by, nothing speaks against it."""


def judge(summary: Summary, bounds: Bounds, limits: Limits) -> tuple[Criterion, ...]:
    """Return every criterion, first those that say whether enough was seen."""
    needless = summary.endings.get(Ending.NEEDLESS, 0)
    settled = summary.planned - summary.endings.get(Ending.UNCLEAR, 0)
    unknown = summary.verification.get(str(WouldVerify.UNKNOWN), 0)
    load = max(summary.busiest_minute / limits.runs_per_minute, summary.most_at_once / limits.concurrent_runs)
    return (
        _least(
            "decisions",
            "plans whose verification was looked at to the end",
            summary.seen,
            bounds.min_decisions,
        ),
        _least("days", "days since its first decision", summary.days, bounds.min_days),
        _most("needless", "the alert resolved by itself sooner", needless, settled, bounds.max_needless),
        _most(
            "otherwise",
            "people did something else by hand",
            summary.otherwise_by_hand,
            summary.planned,
            bounds.max_otherwise,
        ),
        _most(
            "contention",
            "another policy ran meanwhile",
            summary.contended,
            summary.planned,
            bounds.max_contention,
        ),
        _most("unknown", "the checks could not be looked at", unknown, summary.seen, bounds.max_unknown),
        _most(
            "held-before",
            "the checks held before anything was done: they can't tell success",
            summary.held_at_decision,
            summary.held_at_decision_known,
            bounds.max_held_before,
        ),
        _most("no-option", "no option applied", summary.no_option, summary.decisions, bounds.max_no_option),
        _most(
            "faults",
            "alerts with a template error, a refused plan or nothing configured",
            summary.faulty_episodes,
            summary.episodes,
            bounds.max_faults,
        ),
        _most(
            "load", "of limits.runs_per_minute or limits.concurrent_runs, at worst", load, 1, bounds.max_load
        ),
    )


def verdict_of(criteria: Sequence[Criterion]) -> ShadowVerdict:
    """Return what criteria come to: how good it was is only said once enough was seen."""
    if not all(criterion.met for criterion in criteria if criterion.enough):
        return ShadowVerdict.NOT_ENOUGH
    return ShadowVerdict.READY if all(criterion.met for criterion in criteria) else ShadowVerdict.NOT_READY


def _least(name: str, meaning: str, value: float, bound: float) -> Criterion:
    return Criterion(
        name=name,
        meaning=meaning,
        value=value,
        bound=bound,
        at_least=True,
        share=False,
        enough=True,
        met=value >= bound,
    )


def _most(name: str, meaning: str, part: float, whole: float, bound: float) -> Criterion:
    value = round(part / whole, 4) if whole else None
    return Criterion(
        name=name,
        meaning=meaning,
        value=value,
        bound=bound,
        at_least=False,
        share=True,
        enough=False,
        met=value is None or value <= bound,
    )
