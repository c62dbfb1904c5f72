"""The one decision function: pure, and the same live, in `explain`, in tests and in backtests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from remediator.engine.capabilities import Capabilities, PreparedPolicy
from remediator.engine.planning import Choice, PlanRefusedError, build_plan, choose_option
from remediator.engine.scopes import Facts
from remediator.guards.base import Look, LookPhase
from remediator.guards.evaluate import evaluate_guards
from remediator.policy.expressions import RenderError, Scope
from remediator.policy.model import Option
from remediator.runs.answers import Answer, Query
from remediator.runs.history import History
from remediator.runs.plan import Plan
from remediator.runs.reasons import Outcome, Reason
from remediator.runs.verdicts import Ask, Decision, Verdict, VerdictKind
from remediator.settings import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Everything that a decision may look at.

    `scope` already holds the facts, once `facts` is not None. `answers` is None at admission.
    `joinable_run_id` is another episode's run on the same policy and target that is not over,
    or whose lease is open.
    """

    prepared: PreparedPolicy
    capabilities: Capabilities
    ceiling: Mode
    phase: LookPhase
    now: datetime
    scope: Scope
    history: History
    answers: Mapping[Query, Answer] | None = None
    facts: Facts | None = None
    admission_id: int | None = None
    run_id: int | None = None
    joinable_run_id: int | None = None
    suppressed: bool | None = False
    """Whether Alertmanager silences or inhibits the alert; None when it could not be asked."""
    tried: tuple[str, ...] = ()
    """Options that the run has behind it."""
    held_since: Mapping[str, datetime] = field(default_factory=dict)
    due_from: datetime | None = None
    """`settle` and `again`: no earlier than this."""
    known: Mapping[str, Verdict] | None = None
    """Verdicts of guards that were shown the very same before, by the key of their use."""

    @property
    def shadow(self) -> bool:
        """Whether whatever is decided is only written down."""
        return Mode.SHADOW in (self.ceiling, self.prepared.policy.document.mode)


def decide(question: Question) -> Decision:
    """Say what happens now with one policy for one episode."""
    document = question.prepared.policy.document
    if document.mode is Mode.OFF:
        return Decision(outcome=Outcome.BLOCKED, reason=Reason.POLICY_OFF, detail="the policy's mode is off")
    try:
        target = question.prepared.policy.target.render(question.scope)
    except RenderError as error:
        return _blocked(question, "", (), Reason.TEMPLATE_ERROR, f"target: {error}")
    if question.joinable_run_id is not None:
        return Decision(
            outcome=Outcome.JOINED,
            target=target,
            detail=f"run {question.joinable_run_id} of this policy serves the same target",
            join_run_id=question.joinable_run_id,
        )
    look = _look(question, target)
    verdicts = evaluate_guards(question.prepared.uses, look, question.known)
    held_since = _held_since(question, verdicts)
    denied = _first_denial(question, verdicts)
    if denied is not None or _settling(question):
        return _since(held_since, _denied(question, target, verdicts, denied))
    if question.phase is LookPhase.ADMISSION or question.facts is None:
        return Decision(
            outcome=Outcome.PLANNED,
            target=target,
            verdicts=verdicts,
            held_since=held_since,
            needs_facts=question.phase is not LookPhase.ADMISSION,
        )
    return _since(held_since, _with_facts(question, target, verdicts))


def _with_facts(question: Question, target: str, verdicts: tuple[Verdict, ...]) -> Decision:
    prepared = question.prepared
    if not prepared.options:
        sections = sorted(set(prepared.policy.unavailable.values()))
        detail = f"no option is available: remediator.yaml has no {', '.join(sections)}"
        return _blocked(question, target, verdicts, Reason.NOT_CONFIGURED, detail)
    choice = choose_option(prepared, question.scope, question.tried)
    if choice.option is None:
        return _no_option(question, target, verdicts, choice)
    try:
        plan = build_plan(prepared, choice.option, question.scope, question.capabilities)
    except RenderError as error:
        return _blocked(question, target, verdicts, Reason.TEMPLATE_ERROR, f"{choice.option.name}: {error}")
    except PlanRefusedError as error:
        return _blocked(question, target, verdicts, Reason.REFUSED, f"{choice.option.name}: {error}")
    lease_look = _look(question, target, _attributes(question, plan))
    verdicts = (*verdicts, *evaluate_guards((question.capabilities.lease,), lease_look))
    denied = _first_denial(question, verdicts)
    if denied is not None:
        return _denied(question, target, verdicts, denied)
    return _go(question, target, verdicts, choice.option, plan)


def _no_option(question: Question, target: str, verdicts: tuple[Verdict, ...], choice: Choice) -> Decision:
    """A person is told when an alert fires and no option fits; a schedule that finds none is fine."""
    detail = "; ".join(f"{name}: {why}" for name, why in choice.passed_over)
    if question.prepared.policy.document.schedule is not None and not choice.unknown:
        return Decision(outcome=Outcome.NOTHING_TO_DO, detail=detail, target=target, verdicts=verdicts)
    return Decision(
        outcome=Outcome.SHADOW if question.shadow else Outcome.RUN,
        reason=Reason.NO_OPTION_APPLIES,
        detail=detail,
        target=target,
        verdicts=verdicts,
    )


def _go(
    question: Question, target: str, verdicts: tuple[Verdict, ...], option: Option, plan: Plan
) -> Decision:
    asks = asks_of(verdicts, option)
    outcome = Outcome.AWAITING_APPROVAL if asks else Outcome.RUN
    return Decision(
        outcome=Outcome.SHADOW if question.shadow else outcome,
        target=target,
        verdicts=verdicts,
        option=option.name,
        plan=plan,
        asks=asks,
        detail=f"would be {outcome}" if question.shadow else "",
    )


def asks_of(verdicts: tuple[Verdict, ...], option: Option) -> tuple[Ask, ...]:
    """Return who must agree: the policy's approvers (asked once), then the option's own."""
    policy_level = next((verdict.approval for verdict in verdicts if verdict.kind is VerdictKind.ASK), None)
    asks = [Ask("policy", policy_level)] if policy_level else []
    if option.approval:
        asks.append(Ask("option", option.approval))
    return tuple(asks)


def attributes_of(plan: Plan, capabilities: Capabilities) -> tuple[tuple[str, str], ...]:
    """Return the (resource, attribute) pairs that a plan changes lastingly, as far as is known before."""
    pairs: list[tuple[str, str]] = []
    for step in plan.steps:
        if not step.deferred:
            pairs.extend(capabilities.action(step.action).attributes(capabilities.typed(step)))
    return tuple(dict.fromkeys(pairs))


def _attributes(question: Question, plan: Plan) -> tuple[tuple[str, str], ...]:
    """Return what a plan changes lastingly, worked out once for each scope, as the plan itself is."""
    key = ("attributes", plan.policy_hash, plan.option)
    known: tuple[tuple[str, str], ...] | None = question.scope.worked_out.get(key)
    if known is None:
        known = question.scope.worked_out[key] = attributes_of(plan, question.capabilities)
    return known


def _look(question: Question, target: str, attributes: tuple[tuple[str, str], ...] = ()) -> Look:
    prepared = question.prepared
    return Look(
        phase=question.phase,
        now=question.now,
        policy=prepared.policy.name,
        priority=prepared.policy.document.priority,
        target=target,
        resources=lock_keys(prepared.resources, target),
        admission_id=question.admission_id,
        run_id=question.run_id,
        scope=question.scope,
        history=question.history,
        approvers=prepared.approvers,
        answers=question.answers,
        suppressed=question.suppressed,
        held_since=question.held_since,
        attributes=attributes,
    )


def lock_keys(resources: tuple[str, ...], target: str) -> tuple[str, ...]:
    """Return everything that a run on `target` locks."""
    return (f"target:{target}", *resources)


def _first_denial(question: Question, verdicts: tuple[Verdict, ...]) -> Verdict | None:
    denials = (verdict for verdict in verdicts if verdict.kind is VerdictKind.DENY)
    if question.phase is not LookPhase.MANUAL:
        return next(denials, None)
    binding = {use.key for use in question.prepared.uses if use.guard.by_hand}
    binding.add(question.capabilities.lease.key)
    return next((verdict for verdict in denials if verdict.key in binding), None)


def _settling(question: Question) -> bool:
    return question.due_from is not None and question.now < question.due_from


def _denied(
    question: Question, target: str, verdicts: tuple[Verdict, ...], denied: Verdict | None
) -> Decision:
    if denied is None:
        return Decision(
            outcome=Outcome.BLOCKED,
            reason=Reason.SETTLING,
            detail=f"waits until {question.due_from:%H:%M:%S} UTC",
            target=target,
            verdicts=verdicts,
            next_look_at=question.due_from,
        )
    reason = denied.reason or Reason.GUARD_ERROR
    next_look_at = _next_look(question, verdicts)
    return _blocked(question, target, verdicts, reason, denied.detail, next_look_at=next_look_at)


def _blocked(
    question: Question,
    target: str,
    verdicts: tuple[Verdict, ...],
    reason: Reason,
    detail: str,
    *,
    next_look_at: datetime | None = None,
) -> Decision:
    return Decision(
        outcome=Outcome.BLOCKED,
        reason=reason,
        detail=detail,
        target=target,
        verdicts=verdicts,
        next_look_at=next_look_at or question.now + question.prepared.policy.document.recheck,
    )


def _next_look(question: Question, verdicts: tuple[Verdict, ...]) -> datetime:
    """The latest time that a denying guard names; with one that names none, no later than recheck."""
    denials = [verdict for verdict in verdicts if verdict.kind is VerdictKind.DENY]
    recheck_at = question.now + question.prepared.policy.document.recheck
    named = [verdict.until for verdict in denials if verdict.until is not None]
    at = max(named) if len(named) == len(denials) and named else recheck_at
    # A hold must be looked at often enough to notice a break in it.
    pending = [verdict.until for verdict in denials if verdict.reason is Reason.HOLD_PENDING]
    at = min([at, *(until for until in pending if until is not None)])
    return max(at, question.now + timedelta(milliseconds=100))


def _since(held_since: Mapping[str, datetime], decision: Decision) -> Decision:
    return replace(decision, held_since=held_since) if held_since else decision


def _held_since(question: Question, verdicts: tuple[Verdict, ...]) -> dict[str, datetime]:
    met = [verdict.key for verdict in verdicts if verdict.met]
    known = question.held_since
    return {key: known.get(key, question.now) for key in met}
