"""Puts shared checks in the place of their names, so that a plan shows all that is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from remediator.policy.model import Check, Policy, Revert, Verify
from remediator.settings_checks import CheckLook, SharedCheck

Shared = Mapping[str, SharedCheck]


def with_shared_checks(policy: Policy, shared: Shared) -> Policy:
    """Return a policy in which no verification names a shared check any more.

    A stored document is such a policy: what `remediator.yaml` says later does not change a run.
    """
    options = tuple(
        option.model_copy(update=_expanded(option.verify, option.revert, shared)) for option in policy.options
    )
    update = {**_expanded(policy.verify, policy.revert, shared), "options": options}
    return policy.model_copy(update=update)


def as_check(look: CheckLook) -> Check:
    """Return a shared look as a policy's own check."""
    return Check.model_validate(look.model_dump(by_alias=True, exclude_unset=True))


def _expanded(verify: Verify | None, revert: Revert | None, shared: Shared) -> dict[str, Verify | Revert]:
    """Return what changes of a part that has a verification, and perhaps one for its revert."""
    changed: dict[str, Verify | Revert] = {}
    if verify is not None:
        changed["verify"] = _expand(verify, shared)
    if revert is not None and revert.verify is not None:
        changed["revert"] = revert.model_copy(update={"verify": _expand(revert.verify, shared)})
    return changed


def _expand(verify: Verify, shared: Shared) -> Verify:
    if all(check.check is None for check in verify.all_):
        return verify
    return verify.model_copy(update={"all_": tuple(_looks(verify.all_, shared))})


def _looks(checks: Sequence[Check], shared: Shared) -> Iterator[Check]:
    for check in checks:
        if check.check is None:
            yield check
        elif check.check in shared:  # one that is not there has been refused
            yield from (as_check(look) for look in shared[check.check].all)
