"""What goes on in the hotel that the browser looks at."""

from __future__ import annotations

from tests.engine.world import HOLDS
from tests.web.site import Site, alert, payload

ASKS = """
policy: pms-restart
description: Restarts the PMS when its database pool is used up.
owner: hotel
runbook_url: https://runbooks.example/pms
match: ['alertname = "Broken"']
target: 'service/{{ labels.thing | default("a") }}'
recheck: 1m
guards:
  - cooldown: {for: 15m}
  - approval: {from: [oncall, root]}
diagnose:
  - {fact: pool_in_use, uses: test.look, with: {name: pool}}
  - {fact: replicas, uses: test.look, with: {name: replicas}}
links:
  - {title: Dashboard, url: 'https://grafana.example/d/pms?var-thing={{ labels.thing }}'}
options:
  - name: restart
    steps:
      - {uses: test.act, with: {thing: a, value: 1}}
    verify: {promql: 'hikaricp_connections_active < 30', within: 30s, every: 5s}
  - name: scale
    steps:
      - {uses: test.act, with: {thing: b, value: 1}}
    verify: {promql: 'hikaricp_connections_active < 30', within: 30s, every: 5s}
"""
LEASES = """
policy: pool
match: ['alertname = "Slow"']
target: service/b
options:
  - name: wider
    steps:
      - {uses: test.set, with: {thing: b, value: 40}}
    verify: {promql: 'ok', within: 30s, every: 5s}
    revert: {on: [resolved, expiry], after: 2h}
"""


async def fire(serving: Site, **labels: str) -> None:
    serving.world.script.looks["pool"] = 40
    serving.world.script.promql["hikaricp_connections_active < 30"] = HOLDS
    found = {"alertname": "Broken", "thing": "a", **labels}
    notes = {"summary": "The database pool of the PMS is used up"}
    reply = await serving.deliver(
        payload(alert(labels=found, annotations=notes, generatorURL="http://prometheus.example/graph?g0"))
    )
    assert reply.status == 200
