"""A small policy, and files of tests about it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

from remediator.authoring.policy_tests.reading import ReadFile, read_tests
from remediator.authoring.policy_tests.running import Mismatch, Result, run_tests
from remediator.authoring.policy_tests.staging import Stages

POLICY = """
policy: restart-cache
owner: platform-team
runbook_url: docs/runbooks/cache.md
match: ['alertname = "CacheDown"']
target: cache/{{ labels.site | default('main') }}
guards:
  - promql: {query: 'up{job="cache"} == 0', hold: 30s}
  - cooldown: {for: 10m}
options:
  - name: restart
    when: labels.kind is not defined or labels.kind == "soft"
    steps:
      - {uses: docker.restart, with: {container: cache}}
    verify: {promql: 'up{job="cache"} == 1', within: 1m, stable_for: 30s}
  - name: replace
    approval: {from: [oncall], expires: 15m}
    steps:
      - {uses: fly.scale_count, with: {app: cache, at_least: 2}}
    verify: {http: {service: site, path: /health, expect: {status: 200}}, within: 1m}
    revert: {after: 1h}
"""
INVENTORY = """
mode: shadow
prometheus: {url: http://127.0.0.1:9090}
services: {site: {url: http://127.0.0.1:8000}}
docker: {containers: [cache]}
fly: {apps: {cache: {count: {min: 1, max: 3}}}}
tokens:
  - name: ana
    sha256: "0000000000000000000000000000000000000000000000000000000000000001"
    roles: [approver, operator]
    groups: [oncall]
  - name: bob
    sha256: "0000000000000000000000000000000000000000000000000000000000000002"
    roles: [approver]
"""
TEST = """
name: a test
alerts: [{alert: CacheDown}]
answers:
  series: [{series: 'up{job="cache"}', values: {0s: 0, 45s: 1}}]
  http: [{service: site, path: /health, gives: 200}]
"""
"""The cache is down, and comes back after 45s."""

STAYS_DOWN = TEST.replace("{0s: 0, 45s: 1}", "0")


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of policies with their tests."""

    path: Path

    @classmethod
    def make(cls, path: Path, policy: str = POLICY, inventory: str | None = INVENTORY) -> Folder:
        """Put a policy and an inventory there."""
        (path / "tests").mkdir()
        (path / "restart-cache.yaml").write_text(policy)
        if inventory is not None:
            (path / "tests" / "remediator.yaml").write_text(inventory)
        return cls(path)

    def write(self, text: str, name: str = "restart-cache.yaml") -> Path:
        """Write a file of tests."""
        path = self.path / "tests" / name
        path.write_text(dedent(text))
        return path

    def one(self, *parts: str, test: str = TEST) -> ReadFile:
        """Read a file with one test, and more of its keys."""
        body = indent("\n".join([test.strip(), *(dedent(part).strip() for part in parts)]), "    ")
        text = f"policy: ../restart-cache.yaml\ntests:\n  -{body[3:]}\n"
        return read_tests(self.write(text))

    def run(self, *parts: str, test: str = TEST) -> Result:
        """Run such a test."""
        file = self.one(*parts, test=test)
        return next(iter(run_tests(file, Stages(file), [0])))

    def run_all(self, text: str) -> list[Result]:
        """Run a whole file."""
        file = read_tests(self.write(text))
        return self.results(file, Stages(file))

    def results(self, file: ReadFile, stages: Stages) -> list[Result]:
        """Run a file that was read."""
        return list(run_tests(file, stages, range(len(file.document.tests))))

    def run_text(self, text: str) -> Result:
        """Run a whole file of one test."""
        (result,) = self.run_all(text)
        return result

    def mismatches(self, *parts: str, test: str = TEST) -> list[tuple[str, object, object]]:
        """Run such a test; return what differs."""
        return [shown(one) for one in self.run(*parts, test=test).mismatches]


def shown(mismatch: Mismatch) -> tuple[str, object, object]:
    """Return what a mismatch says."""
    return mismatch.what, mismatch.expected, mismatch.actual
