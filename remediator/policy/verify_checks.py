"""Checks one check of a verification, or what a shared one stands for."""

from __future__ import annotations

from dataclasses import replace

from remediator.policy.checking import Checking, Known
from remediator.policy.model import Check
from remediator.policy.query_checks import check_condition
from remediator.policy.shared_checks import as_check
from remediator.policy.uses import check_use
from remediator.validation_problems import suggestion
from remediator.yaml_source import NodePath


def check_one(checking: Checking, path: NodePath, check: Check, known: Known) -> str | None:
    """Check the check at `path`; return the inventory section that it needs and that is not there."""
    if check.check is not None:
        return _check_shared(checking, path, check.check, known)
    if check.promql is not None:
        check_condition(
            checking,
            (*path, "promql"),
            check.promql,
            known,
            never="the verification always fails",
            refuse=True,
        )
        return None
    if check.http is not None:
        checking.template((*path, "http", "path"), check.http.path, known)
        return checking.entry((*path, "http", "service"), "services", check.http.service)
    use = check_use(checking, path, check.as_use(), known)
    # Whether an entry of an absent section only looks can't be known; its option is skipped anyway.
    if use is not None and not use.read_only and use.absent is None:
        fix = "verify by an action that only looks"
        checking.error((*path, "uses"), f"{check.uses} changes things", fix)
    return use.absent if use else None


def _check_shared(checking: Checking, path: NodePath, name: str, known: Known) -> str | None:
    """Check each look as if it stood here: which facts are known depends on the policy that uses it."""
    shared = checking.settings.checks.get(name)
    if not checking.settings.checks:
        return checking.entry((*path, "check"), "checks", name)
    if shared is None:
        fix = suggestion(name, tuple(checking.settings.checks), "checks")
        what = f"{name!r} is not listed under checks in remediator.yaml"
        checking.broken((*path, "check"), what, fix)
        return None
    absent = None
    for at, look in enumerate(shared.all):
        beside = Checking(checking.source, checking.catalog, checking.settings)
        absent = check_one(beside, (*path, "check"), as_check(look), known) or absent
        whose = f"check {name!r} ({shared.place(at)})"
        checking.problems += [
            replace(problem, what=f"{whose}: {problem.what}") for problem in beside.problems
        ]
        checking.templates |= beside.templates
        checking.queries |= beside.queries
        checking.incomplete |= beside.incomplete
    return absent
