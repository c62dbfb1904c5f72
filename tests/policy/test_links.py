"""Links lead where the policy says, whatever a label holds."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.policy.expressions import Scope
from remediator.policy.links import link_fault, rendered_links
from remediator.policy.telling import Link
from tests.policy.documents import GOOD, lines, load

JAEGER = "http://jaeger.example:16686/search?service={{ labels.service }}&lookback=1h"


@pytest.mark.parametrize(
    "url", ["https://a.example", "https://a.example/x", JAEGER, "https://a.example/d/{{ labels.service }}"]
)
def test_a_link_names_its_host(url: str) -> None:
    assert link_fault(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "{{ labels.url }}",
        "https://{{ labels.host }}/x",
        "https://a.example{{ labels.x }}",
        "https://user@a.example/x",
        "javascript:alert(1)//{{ labels.x }}",
        "ftp://a.example/x",
        "https://a.example/{% if labels.x %}y{% endif %}",
        "https://a.example/a b",
    ],
)
def test_a_link_whose_host_is_not_fixed_is_refused(url: str) -> None:
    assert link_fault(url)
    policy, problems = load(GOOD + f"links: [{{title: Traces, url: {url!r}}}]\n")
    assert policy is None
    assert "p.yaml" in lines(problems)[0]


@given(st.text(min_size=1, max_size=40))
def test_no_label_leaves_its_place(value: str) -> None:
    (link,) = rendered_links([Link(title="t", url=JAEGER)], Scope(labels={"service": value})) or [{}]
    if not link:
        assert value in (".", "..")
        return
    parts = urlsplit(link["url"])
    assert parts.netloc == "jaeger.example:16686"
    assert parts.path == "/search"
    assert parts.query.startswith("service=")
    assert parts.query.endswith("&lookback=1h")
    assert parts.query.count("&") == 1
    assert not parts.fragment


def test_a_link_without_its_label_is_left_out() -> None:
    assert rendered_links([Link(title="t", url=JAEGER)], Scope()) == []
