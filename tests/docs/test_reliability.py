"""docs/reliability.md and docs/security.md name tests that exist, and each promise names one."""

from __future__ import annotations

import ast
import re

import pytest

from remediator.authoring.reference import PROJECT

PAGES = {
    name: (PROJECT / "docs" / name).read_text(encoding="utf-8") for name in ("reliability.md", "security.md")
}
ROWS = {
    name: [
        line
        for line in page.splitlines()
        if line.startswith("|") and "---" not in line and not line.startswith("| promise |")
    ]
    for name, page in PAGES.items()
}
PROMISES = ROWS["reliability.md"]
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", "\n".join(PAGES.values()))


@pytest.mark.parametrize("promise", [row for rows in ROWS.values() for row in rows])
def test_each_promise_is_shown_by_a_test(promise: str) -> None:
    shown_by = promise.strip("|").split(" | ")[2]
    assert re.fullmatch(r"\s*`tests/[\w/]+\.py::\w+`(, `tests/[\w/]+\.py::\w+`)*\s*", shown_by)


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_named_test_exists(file: str, name: str) -> None:
    tree = ast.parse((PROJECT / file).read_text(encoding="utf-8"))
    assert name in {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


@pytest.mark.parametrize("name", PAGES)
def test_each_page_promises_something(name: str) -> None:
    assert len(ROWS[name]) > 20
