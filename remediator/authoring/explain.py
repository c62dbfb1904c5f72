"""What would happen to a payload: policy by policy, guard by guard, with the engine's own decision function.

Nothing is ever done. Without `live`, nothing is asked either: live guards stay `pending`, and facts are
those that are handed in. With it, Prometheus and Alertmanager are asked, and facts are gathered, as the
receiver would. History comes from a snapshot of a database, which may be empty.

Each alert is looked at by itself, against what is so now: of two that concern one target, the receiver
runs the first and lets the second join it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from remediator.alerts import Alert, Payload
from remediator.authoring.explained_policy import decided_before, of_decision, of_document
from remediator.engine.admission import question_for
from remediator.engine.answers import Answers
from remediator.engine.capabilities import Capabilities, PreparedPolicy, prepare
from remediator.engine.decide import decide
from remediator.engine.episodes import foresee_alert
from remediator.engine.facts import FactGatherer
from remediator.engine.scopes import Facts, episode_context, scope_of
from remediator.guards.base import LookPhase
from remediator.guards.evaluate import queries_of
from remediator.labels import ALERTNAME
from remediator.policy.loaded import LoadedPolicy, PolicySet
from remediator.runs.episodes import Admission, Episode, Handling
from remediator.runs.reasons import Outcome
from remediator.runs.verdicts import Decision
from remediator.settings import Mode, Settings
from remediator.store.base import Reads

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Live:
    """What asks the real systems."""

    answers: Answers
    facts: FactGatherer


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What an explanation goes by besides the payload. Facts that are given win over those found out."""

    settings: Settings
    capabilities: Capabilities
    policies: PolicySet
    reads: Reads
    source: str
    now: datetime
    facts: Mapping[str, Any] = field(default_factory=dict)
    live: Live | None = None


@dataclass(frozen=True, slots=True)
class _Looked:
    """One pass: what was decided, and with which facts."""

    phase: LookPhase
    decision: Decision
    facts: Facts


async def explain(payload: Payload, around: Circumstances) -> list[Json]:
    """Return one report an alert: what each policy says to it."""
    return [await _explain_alert(alert, around) for alert in payload.alerts]


async def _explain_alert(alert: Alert, around: Circumstances) -> Json:
    handling, episode = foresee_alert(around.reads, around.source, alert, around.now, confirmed=False)
    concerned = episode if handling in (Handling.OPENED, Handling.REPEATED) else None
    policies = sorted(
        around.policies.policies.values(),
        key=lambda policy: (not policy.matches(alert.labels), policy.document.priority, policy.name),
    )
    return {
        "alertname": alert.labels.get(ALERTNAME, ""),
        "status": str(alert.status),
        "fingerprint": alert.fingerprint,
        "labels": alert.labels,
        "handling": str(handling),
        "episode_id": episode.id or None if episode else None,
        "policies": [await _explain_policy(policy, alert, concerned, around) for policy in policies],
    }


async def _explain_policy(
    policy: LoadedPolicy, alert: Alert, episode: Episode | None, around: Circumstances
) -> Json:
    matchers = [
        {
            "matcher": str(matcher),
            "holds": matcher.matches(alert.labels),
            "value": alert.labels.get(matcher.name, ""),
        }
        for matcher in policy.matchers
    ]
    head: Json = {
        "policy": policy.name,
        "file": policy.file,
        "matched": policy.matches(alert.labels),
        "matchers": matchers,
    }
    if not head["matched"] or episode is None:
        return head
    prepared = prepare(policy, around.capabilities)
    admission = around.reads.admission(episode.id, policy.name) if episode.id else None
    if admission is not None and admission.done:
        return head | decided_before(admission) | _shown(prepared, episode, around, Facts(around.facts))
    looked = await _look(prepared, episode, admission, around)
    shown = _shown(prepared, episode, around, looked.facts)
    return head | of_decision(looked.phase, looked.decision) | shown


def _shown(prepared: PreparedPolicy, episode: Episode, around: Circumstances, facts: Facts) -> Json:
    scope = scope_of(episode_context(episode), prepared.policy, facts)
    modes = (around.settings.mode, prepared.policy.document.mode)
    mode = min(modes, key=_STRICTNESS.index)
    return {"mode": str(mode)} | of_document(prepared, scope, around.capabilities, facts, around.facts)


_STRICTNESS = (Mode.OFF, Mode.SHADOW, Mode.ENFORCE)


async def _look(
    prepared: PreparedPolicy, episode: Episode, admission: Admission | None, around: Circumstances
) -> _Looked:
    """Go through the passes that the receiver would, and say what the first that is not `planned` says."""
    first = decide(
        question_for(
            around.reads,
            around,
            prepared,
            episode,
            LookPhase.ADMISSION,
            around.now,
            admission=admission,
            suppressed=episode.suppressed,
        )
    )
    admitted = _Looked(LookPhase.ADMISSION, first, Facts(around.facts))
    if around.live is None or prepared.policy.document.mode is Mode.OFF:
        return admitted
    second = await _look_live(prepared, episode, admission, around, around.live)
    if admission is not None or first.outcome is Outcome.PLANNED:
        return second
    # The receiver stops here for now. What live guards say meanwhile is shown beside.
    verdicts = second.decision.verdicts or first.verdicts
    return _Looked(LookPhase.ADMISSION, replace(first, verdicts=verdicts), second.facts)


async def _look_live(
    prepared: PreparedPolicy,
    episode: Episode,
    admission: Admission | None,
    around: Circumstances,
    live: Live,
) -> _Looked:
    scope = scope_of(episode_context(episode), prepared.policy)
    answers = await live.answers.ask(queries_of(prepared.uses, scope))
    suppressed = await live.answers.suppressed(around.source, episode.fingerprint)
    found = await live.facts.gather(prepared, scope)
    facts = Facts({**found.values, **around.facts}, found.details)
    question = question_for(
        around.reads,
        around,
        prepared,
        episode,
        LookPhase.ENTRY,
        around.now,
        admission=admission,
        answers=answers,
        facts=facts,
        suppressed=suppressed,
    )
    return _Looked(LookPhase.ENTRY, decide(question), facts)
