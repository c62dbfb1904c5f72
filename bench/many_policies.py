"""What 10,000 policies cost: to load them, and to decide among them rather than among 10."""

from __future__ import annotations

import json
import multiprocessing
import tempfile
import time
from pathlib import Path

import httpx
import yaml

from bench.load import payload
from bench.results import Better, Result, Row, Spread, ratios
from bench.servers import HEADERS, Served, remediator
from remediator.cli.workspace import open_workspace

_MANY, _FEW = 10_000, 10
_ROUNDS = 3
_ALERTS = 500
"""New ones in each round; each is decided, looked at again, and would run."""
DECIDING = Row(6, "processor time of a decision, 10,000 policies ÷ 10", 1.2, 1.1, Better.LESS)
LOADING = Row(6, "loading 10,000 policies", 5, 1, Better.LESS, ".1f", " s")
ROWS = (DECIDING, LOADING)
_POLICY = """\
policy: restart-{number}
description: Restarts the service when it stops answering.
owner: bench
mode: shadow
match:
  - alertname = "Broken{number}"
  - severity =~ "critical|warning"
target: "{{{{ labels.service }}}}/{{{{ labels.instance }}}}"
guards:
  - cooldown: {{for: 15m}}
  - rate_limit: {{max: 3, per: 1h, scope: target}}
options:
  - name: wait
    steps:
      - uses: wait
        with: {{for: 1s}}
"""


def measure() -> list[Result]:
    """Load the many in a process of its own each time; then take turns with two servers."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for count in (_MANY, _FEW):
            _write(folder / str(count), count)
        config = folder / "remediator.yaml"
        config.write_text(yaml.safe_dump({"policies": str(folder / str(_MANY) / "policies")}))
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            loading = Spread(tuple(pool.apply(_load, (config,)) for _ in range(_ROUNDS)))
        with (
            remediator(folder / str(_MANY), {}, ready_seconds=300) as many,
            remediator(folder / str(_FEW), {}) as few,
        ):
            turns = [(_decide(many, at), _decide(few, at)) for at in range(_ROUNDS)]
    share = ratios([one for one, _ in turns], [one for _, one in turns])
    each = Spread(tuple(one * 1000 for one, _ in turns))
    return [
        Result(DECIDING, share, f"{each.median:.1f} ms a decision"),
        Result(LOADING, loading, f"{loading.median / _MANY * 1000:.2f} ms a policy"),
    ]


def _write(folder: Path, count: int) -> None:
    policies = folder / "policies"
    policies.mkdir(parents=True)
    for number in range(count):
        (policies / f"restart-{number}.yaml").write_text(_POLICY.format(number=number))


def _load(config: Path) -> float:
    workspace = open_workspace(config)
    began = time.perf_counter()
    workspace.load()
    return time.perf_counter() - began


def _decide(served: Served, at: int) -> float:
    """Return the seconds of processor time for each of some new alerts, until nothing is left to do."""
    served.settle()
    before = served.cpu_seconds()
    body = json.dumps(payload("Broken7", alerts=_ALERTS)).replace("NUMBER", f"{at:016}")
    httpx.post(served.url, content=body, headers=HEADERS, timeout=60).raise_for_status()
    served.settle()
    return (served.cpu_seconds() - before) / _ALERTS
