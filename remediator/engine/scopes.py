"""What templates and expressions see of an episode, as JSON that a run keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from remediator.policy.expressions import Scope
from remediator.policy.loaded import LoadedPolicy
from remediator.runs.episodes import Episode


@dataclass(frozen=True, slots=True)
class Facts:
    """What the diagnosis found: typed values, whole results, and why a value is none."""

    values: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def json(self) -> dict[str, Any]:
        """Return it as the JSON that records keep."""
        return {"values": dict(self.values), "details": dict(self.details)}

    @classmethod
    def of(cls, stored: Any) -> Facts:
        """Read what `json` gave."""
        return cls(stored["values"], stored["details"]) if stored else cls()


def episode_context(episode: Episode) -> dict[str, Any]:
    """Return what a run keeps of the alert that started it."""
    return {
        "labels": dict(episode.labels),
        "annotations": dict(episode.annotations),
        "episode": {
            "id": episode.id,
            "source": episode.source,
            "fingerprint": episode.fingerprint,
            "alertname": episode.alertname,
            "generator_url": episode.generator_url,
            "starts_at": _iso(episode.starts_at),
            "opened_at": _iso(episode.opened_at),
        },
    }


def scope_of(
    context: Mapping[str, Any],
    policy: LoadedPolicy,
    facts: Facts | None = None,
    steps: Mapping[str, Any] | None = None,
) -> Scope:
    """Build what templates and expressions see."""
    document = policy.document
    found = facts or Facts()
    return Scope(
        labels=context["labels"],
        annotations=context["annotations"],
        episode=context["episode"],
        facts=found.values,
        facts_detail=found.details,
        steps=steps or {},
        policy={
            "name": policy.name,
            "owner": document.owner,
            "priority": document.priority,
            "runbook_url": document.runbook_url,
        },
    )


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
