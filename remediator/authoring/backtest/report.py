"""A backtest's report as JSON: sorted, without anything that differs from one run to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from remediator.authoring.backtest.answering import Answering
from remediator.authoring.backtest.arrivals import Recording
from remediator.authoring.backtest.assumptions import Assumptions
from remediator.authoring.backtest.difference import Difference, iso
from remediator.authoring.backtest.replay import Replay
from remediator.authoring.backtest.tally import Hour, PolicyTally, Tally
from remediator.settings import Mode

_UNMATCHED_SHOWN = 50
_CONTENTIONS_SHOWN = 100
_CHANGES_SHOWN = 500

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtested:
    """A replay that has ended. The first tally is the reported set's, the second what it is compared with."""

    mode: Mode
    recording: Recording
    replay: Replay
    tallies: Sequence[Tally]
    policies: Sequence[Sequence[str]]
    answering: Answering
    assumed: Assumptions


def report(backtested: Backtested) -> Json:
    """Return the whole report."""
    tally, replay = backtested.tallies[0], backtested.replay
    body = {
        "mode": str(backtested.mode),
        "input": _input(backtested),
        "totals": _totals(tally),
        "policies": [
            _policy(name, tally.policies.get(name, PolicyTally())) for name in backtested.policies[0]
        ],
        "approvals": _approvals(tally),
        "contention": _contention(tally),
        "hours": [_hour(at, hour) for at, hour in sorted(tally.hours.items())],
        "worst_hour": _worst_hour(tally),
        "unmatched": [
            {"alertname": name, "episodes": count}
            for name, count in _most(tally.unmatched)[:_UNMATCHED_SHOWN]
        ],
        "answers": _answers(backtested.answering),
        "unknown_options": dict(sorted(tally.facts_unknown.items())),
        "assumptions": backtested.assumed.words(),
        "episodes": replay.examples,
    }
    if replay.difference is not None:
        body["difference"] = _difference(replay.difference, backtested)
    return body


def _input(backtested: Backtested) -> Json:
    counts, faults = backtested.replay.counts, backtested.recording.faults
    return {
        "from": iso(counts.first_at) if counts.first_at else None,
        "to": iso(counts.last_at) if counts.last_at else None,
        "deliveries": counts.deliveries,
        "receipts": counts.receipts,
        "episodes": counts.opened,
        "repeated": counts.repeated,
        "closed": counts.closed,
        "late": counts.late,
        "not_open": counts.not_open,
        "presumed_resolved": counts.presumed_resolved,
        "skipped": faults.skipped,
        "faults": list(faults.named),
        "differs": list(backtested.recording.notes),
    }


def _totals(tally: Tally) -> Json:
    policies = list(tally.policies.values())
    return {
        "would_run": sum(policy.runs for policy in policies),
        "would_ask": sum(policy.asks for policy in policies),
        "unmatched_episodes": tally.unmatched_episodes,
        "came": _sum(policy.came for policy in policies),
        "blocked_by": _sum(policy.blocked_by for policy in policies),
        "kept_by": _sum(policy.kept_by for policy in policies),
        "ends": _sum(policy.ends for policy in policies),
    }


def _policy(name: str, tally: PolicyTally) -> Json:
    return {
        "policy": name,
        "episodes": tally.episodes,
        "would_run": tally.runs,
        "would_ask": tally.asks,
        "reverts": tally.reverts,
        "came": _counts(tally.came),
        "blocked_by": _counts(tally.blocked_by),
        "kept_by": _counts(tally.kept_by),
        "options": _counts(tally.options),
        "ends": _counts(tally.ends),
    }


def _approvals(tally: Tally) -> Json:
    days: dict[str, Counter[str]] = {}
    approvers: Counter[str] = Counter()
    for (day, approver), count in tally.asks.items():
        days.setdefault(day, Counter())[approver] += count
        approvers[approver] += count
    return {
        "answers": _counts(tally.answers),
        "by_approver": _counts(approvers),
        "by_day": [{"day": day, "asked": _counts(count)} for day, count in sorted(days.items())],
    }


def _contention(tally: Tally) -> list[Json]:
    most = sorted(tally.contentions.items(), key=lambda item: (-item[1].waited, -item[1].times, item[0]))
    return [
        {
            "policy": policy,
            "waits_for": other,
            "at": resource,
            "times": one.times,
            "waited_seconds": round(one.waited.total_seconds(), 3),
            "longest_seconds": round(one.longest.total_seconds(), 3),
        }
        for (policy, other, resource), one in most[:_CONTENTIONS_SHOWN]
    ]


def _hour(at: datetime, hour: Hour) -> Json:
    return {
        "hour": iso(at),
        "episodes": hour.episodes,
        "runs": hour.runs,
        "asks": hour.asks,
        "blocked": hour.blocked,
    }


def _worst_hour(tally: Tally) -> Json | None:
    """The hour with the most runs; of several, that with the most requests, alerts, and the first."""
    worst = min(
        tally.hours.items(),
        key=lambda item: (-item[1].runs, -item[1].asks, -item[1].episodes, item[0]),
        default=None,
    )
    return _hour(*worst) if worst else None


def _answers(answering: Answering) -> Json:
    return {
        "counts": _counts(answering.counts),
        "trouble": answering.trouble,
        "queries": [
            {"query": query, "answers": _counts(kinds)} for query, kinds in sorted(answering.queries.items())
        ],
    }


def _difference(difference: Difference, backtested: Backtested) -> Json:
    before, after = backtested.tallies[1], backtested.tallies[0]
    return {
        "same": difference.same,
        "changed": difference.changed,
        "policies_added": sorted({*backtested.policies[0]} - {*backtested.policies[1]}),
        "policies_removed": sorted({*backtested.policies[1]} - {*backtested.policies[0]}),
        "totals_before": _totals(before),
        "totals_after": _totals(after),
        "changes": [
            {"policy": policy, "before": was, "after": became, "episodes": count}
            for (policy, was, became), count in _most(difference.changes)[:_CHANGES_SHOWN]
        ],
        "episodes": difference.examples,
    }


def _counts(counter: Mapping[Any, int]) -> dict[str, int]:
    return {str(name): count for name, count in sorted(counter.items()) if count}


def _sum(counters: Any) -> dict[str, int]:
    total: Counter[str] = Counter()
    for counter in counters:
        total.update(counter)
    return _counts(total)


def _most(counter: Counter[Any]) -> list[tuple[Any, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))
