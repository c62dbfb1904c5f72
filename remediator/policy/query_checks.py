"""Checks a query that is a condition: one that depends on nothing decides nothing."""

from __future__ import annotations

from remediator.policy.checking import Checking, Known
from remediator.policy.expressions import is_template
from remediator.policy.promql_constants import constantly
from remediator.yaml_source import NodePath


def check_condition(
    checking: Checking, path: NodePath, source: str, known: Known, *, never: str, refuse: bool = False
) -> None:
    """Check the query; `never` says what follows if it can't hold, and `refuse` that this is an error."""
    checking.query(path, source, known)
    if source not in checking.queries or is_template(source):
        return
    holds = constantly(source)
    if holds is False:
        note = checking.error if refuse else checking.warning
        note(path, f"this query never holds: {never}", "ask for a series")
    elif holds is True:
        checking.warning(path, "this query always holds, whatever there is", "ask for a series")
