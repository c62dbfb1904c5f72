"""PromQL as it stands in test files: the name and labels of a series, and whole queries."""

from __future__ import annotations

from collections.abc import Mapping

import promql_parser as promql

_NAME = "__name__"


def check_series(text: str) -> str:
    """Return the text if it names one series.

    Raises:
        ValueError: with what is wrong and an example.
    """
    series_labels(text)
    return text


def check_query(text: str) -> str:
    """Return the text if it is PromQL.

    Raises:
        ValueError: with what is wrong.
    """
    try:
        promql.parse(text)
    except ValueError as error:
        raise ValueError(f"is not PromQL: {error}") from None
    return text


def series_labels(text: str) -> Mapping[str, str]:
    """Return a series' labels with its name among them.

    Raises:
        ValueError: when it is not a name with equal-to matchers.
    """
    how = 'write it like up or up{job="pms"}'
    try:
        node = promql.parse(text)
    except ValueError as error:
        raise ValueError(f"is not a series: {error}; {how}") from None
    if not isinstance(node, promql.VectorSelector) or not node.name:
        raise ValueError(f"is not a series; {how}")
    matchers = node.matchers.matchers
    if any(matcher.op != promql.MatchOp.Equal for matcher in matchers):
        raise ValueError(f"has a matcher other than =; {how}")
    return {_NAME: str(node.name), **{str(one.name): str(one.value) for one in matchers}}
