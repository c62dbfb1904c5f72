from __future__ import annotations

import pytest

from remediator.policy.promql_constants import constantly


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("1", True),
        ("0", False),
        ("-(1)", True),
        ("1 + 1 - 2", False),
        ("1 > bool 2", False),
        ("2 > bool 1", True),
        ("vector(0)", True),
        ("vector(1) > 2", False),
        ("vector(1) > bool 2", True),
        ("3 > vector(2)", True),
        ("vector(1) > 2 > 0", False),
        ("(3 > vector(2)) == 2", True),
        ("(vector(3) > 2) == 3", True),
        ("up", None),
        ("up > 1", None),
        ("vector(1) and up", None),
        ("absent(vector(1))", None),
        ("time() > bool 3", None),
        ("1 / 0", None),
        ("vector(time())", None),
    ],
)
def test_queries_that_depend_on_nothing(query: str, holds: bool | None) -> None:
    assert constantly(query) is holds
