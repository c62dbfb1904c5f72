"""Evaluates a policy's guards. Pure: the answers are brought along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel

from remediator.guards.base import Guard, Look, deny
from remediator.policy.expressions import RenderError, Scope
from remediator.runs.answers import AlertsQuery, Answer, Query
from remediator.runs.reasons import Reason
from remediator.runs.verdicts import Verdict, VerdictKind

# `limits: runs_per_minute` applies whatever a policy's own guards look at.
_SHORTEST_WINDOW = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class GuardUse:
    """One guard with its parameters; `key` names this use within its policy."""

    guard: Guard[Any]
    params: BaseModel
    key: str


def evaluate_guards(
    uses: Sequence[GuardUse], look: Look, known: Mapping[str, Verdict] | None = None
) -> tuple[Verdict, ...]:
    """Return every guard's verdict, in order: all are evaluated, whatever the others say.

    `known` has verdicts by the key of the use, of a look that showed these guards the very same.
    """
    if not known:
        return tuple([_evaluate(use, look) for use in uses])
    return tuple([known.get(use.key) or _evaluate(use, look) for use in uses])


def queries_of(uses: Sequence[GuardUse], scope: Scope) -> tuple[Query, ...]:
    """Return the live questions to ask first, each once.

    A guard whose template can't be rendered asks nothing here; evaluating it then denies.
    """
    queries: dict[Query, None] = {}
    for use in uses:
        try:
            queries.update(dict.fromkeys(use.guard.queries(use.params, scope)))
        except RenderError:
            continue
    return tuple(queries)


def history_window(uses: Sequence[GuardUse]) -> timedelta:
    """Return how far back any of the guards looks; at least a minute."""
    return max([_SHORTEST_WINDOW, *(use.guard.window(use.params) for use in uses)])


def elsewhere_window(uses: Sequence[GuardUse]) -> timedelta:
    """Return how far back any of the guards looks at the policy's other targets; at least a minute."""
    return max([_SHORTEST_WINDOW, *(use.guard.elsewhere_window(use.params) for use in uses)])


def others_window(uses: Sequence[GuardUse]) -> timedelta:
    """Return how far back any of the guards looks at other policies; at least a minute."""
    return max([_SHORTEST_WINDOW, *(use.guard.others_window(use.params) for use in uses)])


def _evaluate(use: GuardUse, look: Look) -> Verdict:
    name, key = use.guard.name, use.key
    try:
        queries = use.guard.queries(use.params, look.scope)
    except RenderError as error:
        return deny(name, key, Reason.TEMPLATE_ERROR, f"{name}: {error}")
    if queries and look.answers is None:
        return Verdict(guard=name, key=key, kind=VerdictKind.PENDING, detail="needs a live answer")
    failures = _failures(queries, look.answers or {})
    if failures:
        return deny(name, key, Reason.GUARD_ERROR, "; ".join(failures), failed=failures)
    return use.guard.evaluate(use.params, look, key)


def _failures(queries: tuple[Query, ...], answers: Mapping[Query, Answer]) -> list[str]:
    failures = []
    for query in queries:
        answer = answers.get(query)
        error = "was not asked" if answer is None else answer.error
        if error is not None:
            failures.append(f"{_words(query)}: {error}")
    return failures


def _words(query: Query) -> str:
    if isinstance(query, AlertsQuery):
        return " or ".join("{" + ", ".join(matchers) + "}" for matchers in query.any_of)
    return query.expr
