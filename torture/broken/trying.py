"""Tries broken versions: the tests that pass as it is must fail on each."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from datetime import timedelta

from torture.broken.catalog import VERSIONS
from torture.broken.tree import Tree, Verdict, copied
from torture.broken.version import Broken
from torture.trial import Trial

_WHOLE = timedelta(minutes=15)


def run(seed: int, budget: timedelta) -> Trial:  # noqa: ARG001  (however long it takes: there are so many)
    """Try them all, in an order that the seed gives."""
    versions = list(VERSIONS)
    random.Random(seed).shuffle(versions)
    return try_all(versions)


def try_all(versions: Sequence[Broken]) -> Trial:
    """Try these."""
    violations, cases = [], 0
    with copied() as tree:
        tests = sorted({version.noticed_by for version in versions})
        whole = tree.ask(*tests, within=_WHOLE)
        for version in versions:
            said = whole[version.noticed_by]
            if said.verdict is Verdict.SKIPPED:
                _say(f"  not tried here: {version.name} ({version.noticed_by} is skipped)")
                continue
            if said.verdict is not Verdict.PASSED:
                violations.append(f"{version.noticed_by} {said.verdict} on the whole tree: {said.output}")
                continue
            cases += 1
            violations += missed(tree, version)
    return Trial(
        promise="each promise, when it is broken on purpose, is noticed by the test that shows it",
        cases=cases,
        violations=violations,
        repeat="python -m torture.broken --only NAME",
    )


def missed(tree: Tree, version: Broken) -> list[str]:
    """Try one; say what is wrong when its test does not fail."""
    with tree.broken(version):
        said = tree.ask(version.noticed_by)[version.noticed_by]
    _say(f"  {version.name}: {said.verdict}")
    if said.verdict is Verdict.FAILED:
        return []
    told = "" if said.verdict is Verdict.PASSED else f": {said.output}"
    return [f"{version.name} ({version.file}): {version.noticed_by} {said.verdict}{told}"]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
