"""The policy set that serves, and the last attempt to replace it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from remediator.engine.capabilities import Capabilities, PreparedPolicy, prepare
from remediator.errors import Problem
from remediator.labels import Labels
from remediator.policy.loaded import LoadedPolicy, PolicySet


class Policies:
    """Holds the current set; a set that can't be loaded leaves the last good one serving.

    `rebuild` turns a stored document back into a policy, for runs decided before a reload.
    """

    def __init__(
        self, first: PolicySet, capabilities: Capabilities, rebuild: Callable[[Any], LoadedPolicy]
    ) -> None:
        self._capabilities = capabilities
        self._rebuild = rebuild
        self._as_decided: dict[str, PreparedPolicy] = {}
        self.replace(first)

    @property
    def current(self) -> PolicySet:
        """The set that serves."""
        return self._current

    @property
    def refused(self) -> tuple[Problem, ...]:
        """Why the newest files do not serve; empty when they do."""
        return self._refused

    def replace(self, newer: PolicySet) -> None:
        """Serve a newer set from now on."""
        self._prepared = {
            name: prepare(policy, self._capabilities) for name, policy in newer.policies.items()
        }
        self._by_hash = {prepared.policy.hash: prepared for prepared in self._prepared.values()}
        self._current = newer
        self._refused: tuple[Problem, ...] = ()

    def refuse(self, problems: tuple[Problem, ...]) -> None:
        """Note that the newest files can't be used; the last good set goes on serving."""
        self._refused = problems

    def get(self, name: str) -> PreparedPolicy | None:
        """Return a serving policy by name."""
        return self._prepared.get(name)

    def matching(self, labels: Labels) -> Iterator[PreparedPolicy]:
        """Yield the serving policies that match an alert, by priority, then name."""
        for policy in self._current.matching(labels):
            yield self._prepared[policy.name]

    def as_decided(self, content_hash: str, document: Any) -> PreparedPolicy:
        """Return the policy of a run's own document, compiled at most once."""
        prepared = self._by_hash.get(content_hash) or self._as_decided.get(content_hash)
        if prepared is not None:
            return prepared
        rebuilt = prepare(self._rebuild(document), self._capabilities)
        self._as_decided[content_hash] = rebuilt
        return rebuilt
