"""The policies of a simulated life: short times, tight guards, and resources they fight over."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from random import Random

from remediator.clock import SystemClock
from remediator.engine.capabilities import capabilities_of, catalog_of
from remediator.policy.catalog import Catalog
from remediator.policy.loaded import PolicySet
from remediator.policy.loader import load_policies
from remediator.settings import Settings
from torture.audit.rules import Rules, rules_of
from torture.life.actions import actions_on
from torture.life.beginning import START
from torture.life.things import THINGS, Things

_RAISE = """
policy: raise
match: ['alertname =~ "Broken|Slow"']
target: 'thing/{{ labels.thing }}'
recheck: 30s
guards:
  - cooldown: {for: 1m, scope: target}
  - rate_limit: {max: 4, per: 10m}
  - max_targets: {max: 1}
options:
  - name: set
    steps:
      - {uses: test.set, with: {thing: a, value: 5}, timeout: 10s}
      - {uses: test.probed, with: {thing: a, value: 1}, timeout: 10s, retry: {attempts: 3, backoff: 1s}}
    verify: {promql: ok, within: 15s, every: 5s}
    revert: {after: 4m}
  - name: act
    steps: [{uses: test.act, with: {thing: a, value: 2}, timeout: 10s}]
    verify: {promql: ok, within: 10s, every: 5s}
"""
_LOWER = """
policy: lower
match: ['alertname =~ "Slow|Down"']
target: 'thing/{{ labels.thing }}'
priority: 10
recheck: 30s
guards:
  - concurrency: {max: 1}
options:
  - name: set
    steps: [{uses: test.set, with: {thing: b, value: 7}, timeout: 10s}]
    revert: {after: 2m, on: [resolved, expiry, failed_verification]}
    verify: {promql: ok, within: 10s, every: 5s}
"""
_ASKS = """
policy: asks
match: ['alertname = "Down"']
target: 'other/{{ labels.thing }}'
recheck: 30s
guards:
  - approval: {from: [oncall], expires: 2m}
options:
  - name: act
    steps:
      - {uses: test.act, with: {thing: b, value: 1}, timeout: 10s, retry: {attempts: 3, backoff: 2s}}
      - {uses: test.repeatable, with: {thing: b, value: 2}, timeout: 10s, retry: {attempts: 2, backoff: 1s}}
"""
_BOTH = """
policy: both
match: ['alertname = "Broken"']
target: 'pair/{{ labels.thing }}'
recheck: 30s
again: {after: 2m, max: 2}
options:
  - name: both
    steps:
      - {uses: test.mark, with: {thing: c, value: 9}, timeout: 10s}
      - {uses: test.repeatable, with: {thing: a}, timeout: 10s}
      - {uses: test.act, with: {thing: b}, timeout: 10s}
    verify: {promql: ok, within: 10s, every: 5s}
"""
TEXTS = (_RAISE, _LOWER, _ASKS, _BOTH)
SET_TO = (5, 7, 9)
"""What they set things to, for a time."""
NAMES = ("raise", "lower", "asks", "both")
_LIMITS = {"concurrent_runs": 2, "runs_per_minute": 5}

SETTINGS = Settings.model_validate(
    {
        "mode": "enforce",
        "services": {thing: {"url": "http://127.0.0.1:1"} for thing in THINGS},
        "limits": _LIMITS,
    }
)
RULES = Rules(
    policies=rules_of(TEXTS),
    concurrent_runs=_LIMITS["concurrent_runs"],
    runs_per_minute=_LIMITS["runs_per_minute"],
    repeatable=frozenset({"test.repeatable"}),
)


def catalog() -> Catalog:
    """Return what they are checked against: what actions declare, not what they act on."""
    return catalog_of(capabilities_of(actions_on(Things(SystemClock(), Random(0))), SETTINGS.limits))


# A pure function of the texts above, so remembering is safe: reading them takes longer than a short life.
@cache
def policy_set() -> PolicySet:
    """Return them, as the server reads them from a folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in zip(NAMES, TEXTS, strict=True):
            (Path(folder) / f"{name}.yaml").write_text(text, encoding="utf-8")
        return load_policies(Path(folder), catalog(), SETTINGS, now=START)
