"""docs/reliability.md names tests that exist, and each promise names one."""

from __future__ import annotations

import ast
import re

import pytest

from remediator.authoring.reference import PROJECT

PAGE = (PROJECT / "docs" / "reliability.md").read_text(encoding="utf-8")
ROWS = [line for line in PAGE.splitlines() if line.startswith("|") and "---" not in line]
PROMISES = [row for row in ROWS if not row.startswith("| promise |")]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


@pytest.mark.parametrize("promise", PROMISES)
def test_each_promise_is_shown_by_a_test(promise: str) -> None:
    shown_by = promise.strip("|").split(" | ")[2]
    assert re.fullmatch(r"\s*`tests/[\w/]+\.py::\w+`(, `tests/[\w/]+\.py::\w+`)*\s*", shown_by)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    assert name in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_the_page_promises_something() -> None:
    assert len(PROMISES) > 20
