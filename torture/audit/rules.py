"""What policies allow, read from their YAML: the judge must not take it from the engine it judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import yaml

from remediator.durations import parse_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRules:
    """What one policy allows. None where it does not limit."""

    cooldown: timedelta | None = None
    """Between two starts on one target."""
    rate: tuple[int, timedelta] | None = None
    concurrency: int | None = None
    max_targets: int | None = None
    asks: bool = False
    """Whether people must approve before its first step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What all policies together allow."""

    policies: Mapping[str, PolicyRules]
    concurrent_runs: int
    runs_per_minute: int
    repeatable: frozenset[str]
    """Actions, or `action METHOD`, whose effect may be had again when nobody saw the end of the first."""

    def may_repeat(self, step: Mapping[str, Any]) -> bool:
        """Tell it of a step, by what the log says when it begins."""
        method = step["params"].get("method", "POST")
        return not self.repeatable.isdisjoint((step["action"], f"{step['action']} {method}"))


def rules_of(texts: Sequence[str]) -> Mapping[str, PolicyRules]:
    """Read the rules of policies, by name."""
    documents = [yaml.safe_load(text) for text in texts]
    return {document["policy"]: _rules(document.get("guards", ())) for document in documents}


def _rules(guards: Sequence[Mapping[str, Any]]) -> PolicyRules:
    given = {name: params for guard in guards for name, params in guard.items()}
    rate, cooldown = given.get("rate_limit"), given.get("cooldown")
    return PolicyRules(
        cooldown=None if cooldown is None else parse_duration(cooldown["for"]),
        rate=None if rate is None else (rate["max"], parse_duration(rate["per"])),
        concurrency=given.get("concurrency", {}).get("max"),
        max_targets=given.get("max_targets", {}).get("max"),
        asks="approval" in given,
    )
