"""What policy tests came to, by policy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from remediator.authoring.policy_tests.running import Result
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.outcomes import LastTests, Outcomes


def outcomes_of(
    results: Sequence[Result], policies: Mapping[str, LoadedPolicy], at: datetime
) -> dict[str, Outcomes]:
    """Return how many tests of each policy passed; one about several policies counts for each."""
    outcomes = {}
    for name, policy in policies.items():
        own = [result.ok for result in results if name in result.policies]
        if own:
            tests = LastTests(at=at, policy_hash=policy.hash, passed=sum(own), failed=len(own) - sum(own))
            outcomes[name] = Outcomes(tests=tests)
    return outcomes
