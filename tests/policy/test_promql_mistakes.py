from __future__ import annotations

import pytest

from remediator.policy.promql import compile_promql
from remediator.policy.promql_mistakes import promql_warnings

SAME_LABELS = "success ÷ total is 1 with half the calls failing"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("histogram_quantile(0.9, x_bucket) > 1", "rate(x_bucket[5m])"),
        ("histogram_quantile(0.9, sum by (le) (x_bucket)) > 1", "rate(x_bucket[5m])"),
        ("histogram_quantile(0.95, latency_seconds)", "over latency_seconds gives nothing unless"),
        ("histogram_quantile(0.95, sum by (le) (latency_seconds))", "buckets are in latency_seconds_bucket"),
        ("histogram_quantile(0.9, sum(rate(x_bucket[5m])))", "drops the label le"),
        ("histogram_quantile(0.9, sum by (job) (rate(x_bucket[5m])))", "write sum by (le) (…)"),
        ("histogram_quantile(0.9, sum without (le) (rate(x_bucket[5m])))", "drops the label le"),
        ("rate(a[5m]) / rate(b[5m]) > 1", SAME_LABELS),
        ("(rate(a[5m])) / increase(b[5m])", SAME_LABELS),
        ('rate(calls_total{result="success"}[5m]) / rate(calls_total[5m]) < 0.9', SAME_LABELS),
        ('calls{result="success"} / calls', SAME_LABELS),
        ("success_total / calls_total < 0.5", SAME_LABELS),
        ("rate(errors[5m]) / sum(rate(calls[5m]))", "gives nothing when errors has labels"),
        ("sum(a) / b", "gives nothing when b has labels"),
        ("x_total > 5", "x_total is a counter"),
        ('5 < x_total{a="b"}', "x_total is a counter"),
        ("rate(errors_total[5m]) > 0.1", "one every 10 s, not 10 %"),
        ("sum(rate(errors_total[5m])) > 0.05", "0.05 is one every 20 s"),
        ("0.5 < (irate(errors_total[5m]))", "one every 2 s"),
    ],
)
def test_silent_mistakes_are_warned_about(text: str, warning: str) -> None:
    (found,) = promql_warnings(text)
    assert warning in found
    assert found.count("; ") == 1
    assert compile_promql(text).warnings == (found,)


@pytest.mark.parametrize(
    "text",
    [
        "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m]))) > 1",
        "histogram_quantile(0.9, sum without (instance) (rate(x_bucket[5m]))) > 1",
        "histogram_quantile(0.9, rate(x_bucket[5m]))",
        "histogram_quantile(0.9, rate(native[5m]))",
        "histogram_quantile(0.9, sum(rate(native[5m])))",
        "histogram_quantile(0.9, job:latency:rate5m)",
        "sum(rate(a[5m])) / sum(rate(b[5m]))",
        "rate(a[5m]) / ignoring(result) group_left rate(b[5m])",
        "sum by (job) (a) / b",
        "memory_used_bytes / memory_size_bytes > 0.9",
        "increase(x_total[5m]) > 5",
        "increase(x_total[5m]) > 0.5",
        "rate(x_total[5m]) > 5",
        "rate(x_total[5m]) > 0",
        "rate(process_cpu_seconds_total[5m]) > 0.9",
        "up == 0",
    ],
)
def test_sound_queries_are_not(text: str) -> None:
    assert promql_warnings(text) == []
