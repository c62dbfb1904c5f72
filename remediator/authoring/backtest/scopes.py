"""What templates see, shared by episodes that they can't tell apart: a flapping alert is rendered once."""

from __future__ import annotations

from collections import OrderedDict

from remediator.authoring.backtest.episodes import OpenEpisode
from remediator.engine.capabilities import PreparedPolicy
from remediator.engine.scopes import Facts, scope_of
from remediator.policy.expressions import Scope

_REMEMBERED = 10_000
_OF_ONE_EPISODE = frozenset({"episode", "run", "decision"})
_Labels = frozenset[tuple[str, str]]


class Scopes:
    """Builds scopes. One that reads labels and annotations only is shared by all that have the same."""

    def __init__(self) -> None:
        self._shared: OrderedDict[tuple[str, _Labels, _Labels], Scope] = OrderedDict()
        self._sharable: dict[str, bool] = {}

    def of(self, prepared: PreparedPolicy, episode: OpenEpisode, facts: Facts | None) -> Scope:
        """Return what a policy's templates see of an episode."""
        if (facts is not None and facts.values) or not self._may_share(prepared):
            return scope_of(episode.context, prepared.policy, facts)
        key = (
            prepared.policy.name,
            frozenset(episode.labels.items()),
            frozenset(episode.alert.annotations.items()),
        )
        known = self._shared.get(key)
        if known is None:
            known = self._shared[key] = scope_of(episode.context, prepared.policy)
            if len(self._shared) > _REMEMBERED:
                self._shared.popitem(last=False)
        else:
            self._shared.move_to_end(key)
        return known

    def _may_share(self, prepared: PreparedPolicy) -> bool:
        name = prepared.policy.name
        known = self._sharable.get(name)
        if known is None:
            policy = prepared.policy
            every = [policy.target.reads, *(one.reads for one in policy.templates.values())]
            every += [one.reads for one in policy.queries.values()]
            every += [one.reads for one in policy.expressions.values()]
            read = {root for reads in every for root, _ in reads}
            known = self._sharable[name] = not read & _OF_ONE_EPISODE
        return known
