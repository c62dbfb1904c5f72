"""Which policies match: the receiver's index, remembered by label set."""

from __future__ import annotations

from collections import OrderedDict

from remediator.engine.capabilities import Capabilities, PreparedPolicy, prepare
from remediator.labels import Labels
from remediator.policy.loaded import PolicySet

_REMEMBERED = 10_000


class Matching:
    """The policies of one set. Remembers what matched the label sets that it saw last."""

    def __init__(self, policies: PolicySet, capabilities: Capabilities) -> None:
        self._policies = policies
        self.prepared = {
            name: prepare(policy, capabilities)
            for name, policy in policies.policies.items()
            if policy.document.schedule is None
        }
        self._seen: OrderedDict[frozenset[tuple[str, str]], tuple[PreparedPolicy, ...]] = OrderedDict()

    def matching(self, labels: Labels) -> tuple[PreparedPolicy, ...]:
        """Return the policies that match, by priority, then name."""
        key = frozenset(labels.items())
        known = self._seen.get(key)
        if known is not None:
            self._seen.move_to_end(key)
            return known
        found = tuple(self.prepared[policy.name] for policy in self._policies.matching(labels))
        self._seen[key] = found
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        return found
