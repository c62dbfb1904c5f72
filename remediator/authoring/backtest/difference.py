"""What another policy set would have decided otherwise, episode by episode, in the same pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from remediator.authoring.backtest.episodes import OpenEpisode
from remediator.authoring.backtest.subjects import BacktestAdmission
from remediator.authoring.backtest.tally import Came, what_came

_CHANGES_KEPT = 10_000
_NO_MATCH = "no match"


class Difference:
    """Compares what two policy sets decide of the same episode. `before` is the set compared with."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self.same = 0
        self.changed = 0
        self.changes: Counter[tuple[str, str, str]] = Counter()
        """By policy, what came of it before, and after."""
        self.examples: list[dict[str, Any]] = []

    def compare(
        self,
        episode: OpenEpisode,
        before: Sequence[BacktestAdmission],
        after: Sequence[BacktestAdmission],
    ) -> None:
        """Take in what both sets made of an episode."""
        old = {admission.policy: admission for admission in before}
        new = {admission.policy: admission for admission in after}
        for policy in sorted({*old, *new}):
            was, became = old.get(policy), new.get(policy)
            if was is not None and became is not None and was.path.same_as(became.path):
                self.same += 1
                continue
            self._note(episode, policy, was, became)

    def _note(
        self,
        episode: OpenEpisode,
        policy: str,
        was: BacktestAdmission | None,
        became: BacktestAdmission | None,
    ) -> None:
        self.changed += 1
        change = (policy, in_words(was), in_words(became))
        if change not in self.changes and len(self.changes) >= _CHANGES_KEPT:
            change = ("others", "", "")
        self.changes[change] += 1
        if len(self.examples) < self._samples:
            self.examples.append(
                {
                    **about(episode),
                    "policy": policy,
                    "before": steps_json(was),
                    "after": steps_json(became),
                }
            )


def in_words(admission: BacktestAdmission | None) -> str:
    """Say in a few words what came of an episode for a policy."""
    if admission is None:
        return _NO_MATCH
    came = what_came(admission)
    if came is Came.RAN:
        return f"ran {', '.join(dict.fromkeys(admission.path.ran))}"
    if came is Came.BLOCKED and admission.reason is not None:
        return f"blocked: {admission.reason}"
    return str(came).replace("_", " ")


def about(episode: OpenEpisode) -> dict[str, Any]:
    """Return what identifies an episode, as JSON."""
    return {
        "source": episode.source,
        "fingerprint": episode.alert.fingerprint,
        "alertname": episode.alertname,
        "labels": dict(episode.labels),
        "episode_id": episode.recorded_id,
        "opened_at": iso(episode.opened_at),
        "closed_at": iso(episode.closed_at) if episode.closed_at else None,
    }


def steps_json(admission: BacktestAdmission | None) -> list[dict[str, Any]]:
    """Return the decisions that were taken, as JSON."""
    if admission is None:
        return []
    return [
        {
            "at": iso(step.at),
            "phase": step.phase,
            "outcome": str(step.outcome),
            "reason": str(step.reason) if step.reason else None,
            "option": step.option,
        }
        for step in admission.path.steps
    ]


def iso(moment: object) -> str:
    """Write a time as the API does."""
    return str(moment).replace(" ", "T").replace("+00:00", "Z")
