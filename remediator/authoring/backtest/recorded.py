"""What was recorded of one episode when it was live: answers, facts, and how its runs went."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from remediator.policy.matchers import parse_matcher
from remediator.runs.answers import AlertsQuery, Answer, Query, Sample
from remediator.runs.reasons import Reason
from remediator.runs.states import RunState

# A look is as late as the tick that notices it, and as a busy loop.
SLACK = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class RecordedApproval:
    """One request for approval, and how it ended."""

    requested_at: datetime
    decided_at: datetime | None
    state: str

    @property
    def delay(self) -> timedelta | None:
        """How long it took to be decided."""
        return None if self.decided_at is None else self.decided_at - self.requested_at


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """How a run went that really was."""

    state: RunState
    option: str | None
    started_at: datetime | None
    finished_at: datetime | None
    approvals: tuple[RecordedApproval, ...]
    reverted_at: datetime | None
    """When undoing its changes ended, if it did."""

    @property
    def took(self) -> timedelta | None:
        """How long it took from its first step to its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at


@dataclass(frozen=True, slots=True)
class RecordedLook:
    """What one recorded decision had before it."""

    at: datetime
    policy: str
    facts: Mapping[str, Any] | None
    answers: Mapping[str, Answer]
    """By query, or by the words for other alerts."""
    failures: tuple[str, ...]
    """Queries that had no answer, each with why not."""
    suppressed: bool | None


class RecordedEpisode:
    """What is known of one episode, by time."""

    __slots__ = ("_answers", "_facts", "_failures", "_suppressed", "runs")

    def __init__(self, looks: Sequence[RecordedLook], runs: Mapping[str, Sequence[RecordedRun]]) -> None:
        self.runs = runs
        self._answers: dict[str, tuple[list[datetime], list[Answer]]] = {}
        self._suppressed: tuple[list[datetime], list[bool | None]] = ([], [])
        self._facts: dict[str, Mapping[str, Any]] = {}
        self._failures = [(look.at, failure) for look in looks for failure in look.failures]
        for look in looks:
            for words, answer in look.answers.items():
                times, answers = self._answers.setdefault(words, ([], []))
                times.append(look.at)
                answers.append(answer)
            self._suppressed[0].append(look.at)
            self._suppressed[1].append(look.suppressed)
            if look.facts is not None:
                self._facts.setdefault(look.policy, look.facts)

    def answer(self, query: Query, now: datetime) -> tuple[Answer, datetime | None] | None:
        """Return the answer that was had at about a time, and until when it is the newest one.

        What was recorded first is also taken for the time before it: facts are gathered in between.
        """
        times, answers = self._of(query)
        if not times:
            return None
        at = max(bisect_right(times, now + SLACK), 1)
        return answers[at - 1], times[at] - SLACK if at < len(times) else None

    def _of(self, query: Query) -> tuple[Sequence[datetime], Sequence[Answer]]:
        every = words_of(query)
        known = next((self._answers[words] for words in every if words in self._answers), ([], []))
        shown = shown_words(query)
        failed = [(at, text) for at, text in self._failures if text.startswith(f"{shown}: ")]
        if not failed:
            return known
        both = [*zip(*known, strict=True), *((at, Answer(error=text)) for at, text in failed)]
        both.sort(key=lambda one: one[0])
        return [at for at, _ in both], [answer for _, answer in both]

    def suppressed(self, now: datetime) -> tuple[bool | None, datetime | None]:
        """Return whether the alert was silenced at about a time, and until when that was so."""
        times, values = self._suppressed
        at = bisect_right(times, now + SLACK)
        until = times[at] - SLACK if at < len(times) else None
        return (values[at - 1] if at else False), until

    def facts(self, policy: str) -> Mapping[str, Any] | None:
        """Return what a policy's diagnosis found."""
        return self._facts.get(policy)


def shown_words(query: Query) -> str:
    """Return the words under which a failure names a query."""
    if isinstance(query, AlertsQuery):
        return " or ".join("{" + ", ".join(matchers) + "}" for matchers in query.any_of)
    return query.expr


def words_of(query: Query) -> tuple[str, ...]:
    """Return the words under which a verdict's inputs name a query."""
    if not isinstance(query, AlertsQuery):
        return (query.expr,)
    matchers = ", ".join(query.any_of[0])
    named = [parse_matcher(one[0]) for one in query.any_of if len(one) == 1]
    if len(named) != len(query.any_of):
        return (matchers,)
    return (", ".join(matcher.value for matcher in named), matchers)


def answer_of(verdict: Mapping[str, Any]) -> Answer | None:
    """Rebuild as much of an answer as its guard needs from what a verdict kept; None if it kept nothing."""
    inputs = verdict["inputs"]
    number = inputs.get("of", inputs.get("healthy"))
    if number is not None:
        return Answer(samples=(Sample(labels={}, value=float(number)),))
    if verdict["reason"] == Reason.PRECONDITION:
        return Answer()
    if "samples" not in inputs:
        return None
    # Only the first few are kept; that there were any is what counts.
    return Answer(
        samples=tuple(Sample(labels=one["labels"], value=float(one["value"])) for one in inputs["samples"])
    )
