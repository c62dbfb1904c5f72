"""A sound policy, and ways to load it changed."""

from __future__ import annotations

from remediator.errors import Problem
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.loader import load_policy
from remediator.settings import Settings
from remediator.yaml_source import read_yaml
from tests.policy.catalogs import CATALOG, inventory

GOOD = """\
policy: pms-open
owner: integrations
runbook_url: docs/pms.md
match:
  - alertname = "PMSCircuitBreakerOpen"
  - severity =~ "critical|P1"
target: "pms/{{ labels.service | default('qloapps') }}"
guards:
  - cooldown: {for: 15m}
  - promql: {query: 'breaker{service="{{ labels.service }}"} > 0', hold: 30s}
  - time_window: {otherwise: approval}
  - approval: {from: [oncall]}
  - loop:
diagnose:
  - fact: pms_up
    uses: http.probe
    with: {service: qloapps, path: /api/health}
  - fact: errors
    uses: prometheus.query
    with: {query: 'errors{service="{{ labels.service }}"}'}
options:
  - name: restart
    when: not facts.pms_up and facts.errors > 3
    steps:
      - name: reset
        uses: http.request
        with: {service: agente, method: POST, path: "/reset/{{ labels.service }}"}
      - uses: docker.restart
        with: {container: qloapps}
      - uses: notify.send
        with: {channel: incidents, text: "{{ steps.reset.status }} {{ steps[1].code }}"}
    verify: {promql: 'breaker{service="pms"} == 0', within: 2m}
  - name: failover
    steps:
      - uses: fly.secrets
        with: {app: hotel, set: {PMS_TYPE: {to: mock, back: qloapps}}}
    verify: {http: {service: agente, path: /health, expect: {status: 200}}}
    revert: {on: [resolved, expiry], after: 4h, when: facts.pms_up}
escalate:
  - {after: 15m, to: pms-lead}
  - {when: facts.errors > 100, to: pms-lead}
notify: {channel: incidents}
"""


def load(text: str, settings: Settings | None = None) -> tuple[LoadedPolicy | None, list[Problem]]:
    return load_policy(read_yaml("p.yaml", text), CATALOG, settings or inventory())


def lines(problems: list[Problem]) -> list[str]:
    return [str(problem) for problem in problems]


def changed(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, old
    return GOOD.replace(old, new)
