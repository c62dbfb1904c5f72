"""Checks a policy as a whole, beyond its schema: each check one function, all run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from remediator.policy.checking import Checking, Known
from remediator.policy.links import link_fault
from remediator.policy.matchers import Matcher
from remediator.policy.model import Approval, Option, Policy, Revert, Step, Verify
from remediator.policy.option_checks import check_reach
from remediator.policy.query_checks import check_condition
from remediator.policy.telling import DECISION_ENTRIES, RUN_ENTRIES, Escalation
from remediator.policy.uses import CheckedUse, check_use
from remediator.policy.verify_checks import check_one
from remediator.settings import Mode, Role
from remediator.yaml_source import NodePath

_NOTHING_YET = Known()


def check_document(checking: Checking, policy: Policy, matchers: Sequence[Matcher]) -> dict[str, str]:
    """Run every check; return the options that are unavailable, each with the section it lacks.

    `matchers` are the policy's own, as far as they can be read.
    """
    facts = [fact.fact for fact in policy.diagnose]
    checking.template(("target",), policy.target, _NOTHING_YET)
    _check_facts(checking, policy)
    _check_duplicates(checking, ("options",), "name", [option.name for option in policy.options])
    shared = _check_shared(checking, policy, facts)
    unavailable = {}
    for at, option in enumerate(policy.options):
        absent = _check_option(checking, policy, at, facts) or (shared if option.verify is None else None)
        if absent:
            unavailable[option.name] = absent
    _check_escalations(checking, policy, facts)
    _check_news(checking, policy)
    _check_schedule(checking, policy)
    check_reach(checking, policy, matchers, unavailable)
    return unavailable


def _check_facts(checking: Checking, policy: Policy) -> None:
    _check_duplicates(checking, ("diagnose",), "fact", [fact.fact for fact in policy.diagnose])
    for at, fact in enumerate(policy.diagnose):
        path: NodePath = ("diagnose", at)
        use = check_use(checking, path, fact, _NOTHING_YET)
        if use is None:
            continue
        # Whether an entry of an absent section only looks can't be known; the fact is then none anyway.
        if not use.read_only and use.absent is None:
            fix = "diagnose only looks: use a read-only action, or move it to an option's steps"
            checking.error((*path, "uses"), f"{fact.uses} changes things", fix)
        elif not use.info.fact:
            checking.error((*path, "uses"), f"{fact.uses} gives no fact", "use an action that gives one")


def _check_shared(checking: Checking, policy: Policy, facts: Sequence[str]) -> str | None:
    """Check the policy's own verify and revert, which serve options without one."""
    absent = _check_verify(checking, ("verify",), policy.verify, facts) if policy.verify else None
    if policy.revert:
        _check_revert(checking, ("revert",), policy.revert, facts)
    return absent


def _check_option(checking: Checking, policy: Policy, at: int, facts: Sequence[str]) -> str | None:
    option = policy.options[at]
    path: NodePath = ("options", at)
    if option.when is not None:
        checking.expression((*path, "when"), option.when, Known(facts=facts))
    if option.approval is not None:
        check_approvers(checking, (*path, "approval"), option.approval)
    uses, absent = _check_steps(checking, (*path, "steps"), option.steps, facts)
    if option.verify is not None:
        absent = _check_verify(checking, (*path, "verify"), option.verify, facts) or absent
    elif policy.verify is None and not all(use is not None and use.changes_nothing for use in uses):
        fix = "add verify:, or its runs end succeeded without anybody having looked"
        checking.warning((*path, "name"), f"option {option.name!r} has no verify", fix)
    if option.revert is not None:
        absent = _check_revert(checking, (*path, "revert"), option.revert, facts) or absent
    _check_undoable(checking, path, policy, option, uses)
    return absent


def _check_steps(
    checking: Checking, path: NodePath, steps: Sequence[Step], facts: Sequence[str]
) -> tuple[list[CheckedUse | None], str | None]:
    _check_duplicates(checking, path, "name", [step.name for step in steps])
    uses: list[CheckedUse | None] = []
    earlier: list[str] = []
    absent = None
    for at, step in enumerate(steps):
        use = check_use(checking, (*path, at), step, Known(facts=facts, steps=tuple(earlier)))
        absent = (use.absent if use else None) or absent
        uses.append(use)
        earlier += [str(at), *([step.name] if step.name else [])]
    return uses, absent


def _check_verify(checking: Checking, path: NodePath, verify: Verify, facts: Sequence[str]) -> str | None:
    known = Known(facts=facts)
    absent = None
    for at, check in enumerate(verify.all_):
        absent = check_one(checking, (*path, "all", at), check, known) or absent
    return absent


def _check_revert(checking: Checking, path: NodePath, revert: Revert, facts: Sequence[str]) -> str | None:
    if revert.when is not None:
        checking.expression((*path, "when"), revert.when, Known(facts=facts))
    _, absent = _check_steps(checking, (*path, "steps"), revert.steps, facts)
    if revert.verify is not None:
        absent = _check_verify(checking, (*path, "verify"), revert.verify, facts) or absent
    return absent


def _check_undoable(
    checking: Checking, path: NodePath, policy: Policy, option: Option, uses: Sequence[CheckedUse | None]
) -> None:
    """Refuse a revert that could not undo; `path` is the option's."""
    revert = option.revert or policy.revert
    if revert is None or revert.steps or None in uses:
        return
    lasting = [(at, use) for at, use in enumerate(uses) if use is not None and use.info.lasting]
    for at, use in lasting:
        if not use.undoable:
            step = option.steps[at]
            fix = "give the revert its own steps:, or the value to return to as back:"
            what = f"{step.uses} can't be undone by itself, but option {option.name!r} has a revert"
            checking.error((*path, "steps", at, "uses"), what, fix)
    if not lasting and option.revert is not None:
        what = f"the revert of {option.name!r} has nothing to undo: none of its steps lasts"
        checking.warning((*path, "revert"), what, "give it steps:, or remove it", at_key=True)


def _check_escalations(checking: Checking, policy: Policy, facts: Sequence[str]) -> None:
    for at, escalation in enumerate(policy.escalate):
        path: NodePath = ("escalate", at)
        checking.entry((*path, "to"), "contacts", escalation.to)
        _check_trigger(checking, path, escalation, facts)


def _check_trigger(checking: Checking, path: NodePath, escalation: Escalation, facts: Sequence[str]) -> None:
    if escalation.when is not None:
        known = Known(facts=facts, run=RUN_ENTRIES, decision=DECISION_ENTRIES)
        checking.expression((*path, "when"), escalation.when, known)
    if escalation.promql is not None:
        promql = escalation.promql
        check_condition(checking, (*path, "promql"), promql, _NOTHING_YET, never="nobody is ever told")
    elif escalation.hold is not None:
        checking.error((*path, "hold"), "hold is for promql only", "remove it", at_key=True)


def _check_news(checking: Checking, policy: Policy) -> None:
    for at, notify in enumerate(policy.notify):
        checking.entry(("notify", at, "channel"), "channels", notify.channel)
    for at, query in enumerate(policy.report.metrics if policy.report else ()):
        checking.query(("report", "metrics", at), query, _NOTHING_YET)
    for at, link in enumerate(policy.links):
        fault = link_fault(link.url)
        if fault is not None:
            what, _, fix = fault.partition("; ")
            checking.error(("links", at, "url"), what, fix or "correct it")
    for key in ("owner", "runbook_url"):
        if not getattr(policy, key):
            fix = f"add {key}:, which reports and escalations show"
            checking.warning(("policy",), f"has no {key}", fix, at_key=True)
    if policy.mode is Mode.ENFORCE and not (policy.notify or policy.escalate or _tells(checking, policy)):
        what = "has neither notify nor escalate: nobody hears of what it does, or when it can't go on"
        checking.warning(("policy",), what, "add one of them, or say mode: shadow", at_key=True)


def _tells(checking: Checking, policy: Policy) -> bool:
    """Tell whether every option has a step that tells people itself."""
    actions = checking.catalog.actions
    return all(
        any(step.uses in actions and actions[step.uses].tells for step in option.steps)
        for option in policy.options
    )


def _check_schedule(checking: Checking, policy: Policy) -> None:
    schedule, calendar = policy.schedule, checking.catalog.calendar
    if schedule is None or calendar is None:
        return
    fault = calendar.fault(schedule.cron, schedule.timezone)
    if fault is not None:
        what, _, fix = fault.partition("; ")
        checking.error(("schedule", "cron"), what, fix)


def check_approvers(checking: Checking, path: NodePath, approval: Approval) -> None:
    """Check that somebody could answer a request."""
    tokens = checking.settings.tokens
    able = [
        token
        for token in tokens
        if {Role.APPROVER, Role.ADMIN} & set(token.roles)
        and {token.name, *token.groups} & set(approval.from_)
    ]
    if tokens and len(able) < approval.count:
        what = f"needs {approval.count} of {', '.join(approval.from_)}, but {len(able)} tokens could approve"
        checking.warning((*path, "from"), what, "give a token in remediator.yaml the role and the group")


def _check_duplicates(checking: Checking, path: NodePath, key: str, names: Iterable[str | None]) -> None:
    seen: set[str] = set()
    for at, name in enumerate(names):
        if name in seen:
            checking.error((*path, at, key), f"a second {key} is called {name!r}", "give each its own name")
        if name is not None:
            seen.add(name)
