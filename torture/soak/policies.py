"""What the soaked server is to do: quick policies, so that minutes hold much of a life."""

from __future__ import annotations

from typing import Any

from torture.audit.rules import Rules, rules_of

_POKE = """
policy: poke
match: ['alertname =~ "Broken|Down"']
target: 'box/{{ labels.box }}'
recheck: 2s
guards:
  - cooldown: {for: 2s, scope: target}
  - rate_limit: {max: 5, per: 10s}
  - max_targets: {max: 2}
options:
  - name: poke
    steps:
      - uses: http.request
        with: {service: box, path: /poke}
        timeout: 2s
        retry: {attempts: 3, backoff: 1s}
      - {uses: http.request, with: {service: box, path: /poke/again}, timeout: 2s}
    verify: {promql: 'box_ok == 1', within: 4s, every: 1s}
"""
_WIDEN = """
policy: widen
match: ['alertname = "Slow"']
target: 'box/{{ labels.box }}'
recheck: 2s
guards:
  - concurrency: {max: 1}
options:
  - name: widen
    steps: [{uses: http.request, with: {service: desk, method: PUT, path: /width, json: 2}, timeout: 2s}]
    verify: {promql: 'desk_ok == 1', within: 4s, every: 1s}
    revert:
      after: 6s
      steps: [{uses: http.request, with: {service: desk, method: PUT, path: /width, json: 1}, timeout: 2s}]
"""
_ASKS = """
policy: asks
match: ['alertname = "Down"']
target: 'desk/{{ labels.box }}'
recheck: 2s
guards:
  - approval: {from: [oncall], expires: 5s}
options:
  - name: ask
    steps: [{uses: http.request, with: {service: desk, path: /poke}, timeout: 2s}]
"""
TEXTS = {"poke": _POKE, "widen": _WIDEN, "asks": _ASKS}
_LIMITS = {"concurrent_runs": 3, "runs_per_minute": 20}
RULES = Rules(
    policies=rules_of(tuple(TEXTS.values())),
    concurrent_runs=_LIMITS["concurrent_runs"],
    runs_per_minute=_LIMITS["runs_per_minute"],
    repeatable=frozenset({"http.request PUT"}),
)


def settings(url: str) -> dict[str, Any]:
    """Return the configuration of a server whose neighbours are there."""
    service = {"url": url, "timeout": "2s", "idempotent": ["PUT /width"]}
    return {
        "prometheus": {"url": f"{url}/prometheus", "timeout": "2s"},
        "services": {"box": {**service}, "desk": {**service}},
        "limits": _LIMITS,
    }
