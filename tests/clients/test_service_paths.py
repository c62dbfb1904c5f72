from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from remediator.clients.service_paths import allowed, path_fault


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health/ready",
        "/a%20b",
        "/a/b?x=1&y=2",
        "/a?next=/b/../c",
        "/v1/rooms/12.5:x@y;z,~",
        "/a//b",
        "/%C3%A9",
    ],
)
def test_fine_paths(path: str) -> None:
    assert path_fault(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        "health",
        "//evil.example/x",
        "http://evil.example/",
        "@evil.example/",
        "/../admin",
        "/a/../../admin",
        "/a/..",
        "/a/%2e%2e/b",
        "/a/.%2E/b",
        "/a/./b",
        "/a%2f..%2fb",
        "/a%5cb",
        "/a\\b",
        "/a b",
        "/a\nHost: evil",
        "/a\r\n\r\nGET /",
        "/a%0d%0a",
        "/a%00",
        "/a%252e%252e/b",
        "/a%zz",
        "/a%",
        "/a#b",
        "/é",
        "/" + "a" * 3000,
    ],
)
def test_paths_that_are_refused(path: str) -> None:
    assert path_fault(path) is not None


@given(st.text(alphabet="/.%2eEfF5cC?#@:\\ab\r\n\0 é", max_size=20))
def test_no_label_leaves_its_folder_or_its_host(label: str) -> None:
    path = f"/rooms/{label}/reset"
    if path_fault(path) is None:
        url = URL(f"http://pms.test:81/base{path}")
        assert url.origin() == URL("http://pms.test:81")
        assert url.path.startswith("/base/rooms/")


@pytest.mark.parametrize(
    ("method", "path", "fits"),
    [
        ("POST", "/admin/circuit-breaker/reset", True),
        ("POST", "/admin/circuit-breaker/reset?x=1", True),
        ("post", "/admin/circuit-breaker/reset", True),
        ("GET", "/admin/circuit-breaker/reset", False),
        ("POST", "/admin/circuit-breaker", False),
        ("POST", "/admin/users", False),
        ("GET", "/health/ready", True),
        ("GET", "/exact", True),
        ("GET", "/exact?x", True),
        ("GET", "/exact/more", False),
        ("GET", "/%65xact", True),
    ],
)
def test_patterns(method: str, path: str, fits: bool) -> None:
    patterns = ("POST /admin/circuit-breaker/*", "GET /health/*", "GET /exact")
    assert allowed(patterns, method, path) is fits
