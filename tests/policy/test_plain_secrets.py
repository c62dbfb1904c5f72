"""The tokens here are made up, and put together so that nobody's scanner takes them for real ones."""

from __future__ import annotations

import pytest

from remediator.policy.plain_secrets import forms_in, is_plain_secret
from tests.policy.documents import GOOD, changed, lines, load

FORMS = {
    "an AWS access key": "AKIA" + "IOSFODNN7EXAMPLE",
    "a GitHub token": "ghp_" + "a1B2" * 9,
    "a GitLab token": "glpat-" + "a1B2" * 5,
    "a Slack token": "xoxb-" + "123456789012-abcdef",
    "a Slack webhook": "https://hooks.slack.com/services/T00/B00/" + "a1B2" * 6,
    "a Stripe key": "sk_live_" + "a1B2" * 4,
    "a Google API key": "AIza" + "a1B2c" * 7,
    "a Fly.io token": "fo1_" + "a1B2" * 6,
    "a JSON web token": "eyJ" + "hbGciOi" * 2 + ".eyJ" + "zdWIiOi" * 2 + "." + "c2lnbmF0" * 2,
    "a bearer token": "Bearer " + "abc123def456ghi789",
    "basic credentials": "Basic " + "YWRtaW46aHVudGVyMg==",
    "a URL with a password": "postgres://admin:hunter2" + "@db.example.com/app",
    "a private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
}


@pytest.mark.parametrize(("name", "text"), FORMS.items())
def test_a_form_is_known_anywhere_in_a_text(name: str, text: str) -> None:
    assert [found for _, _, found in forms_in(f"see '{text}' there")] == [name]


@pytest.mark.parametrize(
    "text",
    [
        "env:ADMIN_TOKEN",
        "Bearer {{ labels.x }}",
        "Bearer tokens are sent by the service's auth",
        "basic authentication of the whole service",
        "https://prometheus.example.com:9090/graph",
        "http://user:{{ labels.password }}@host",
        "http://user:<password>@host",
        "https://user:****@host/",
        "mail a@b.example, see http://x.example/a:b@c",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "PMS_CACHE_TTL_SECONDS",
        "risk_live_and_skip_live_traffic",
    ],
)
def test_what_only_resembles_one_is_left_alone(text: str) -> None:
    assert list(forms_in(text)) == []


@pytest.mark.parametrize(
    ("keys", "text", "secret"),
    [
        (("headers", "Authorization"), "abc", True),
        (("set", "DB_PASSWORD", "to"), "hunter2", True),
        (("json", "api-key"), "x", True),
        (("json", "access_key"), "x", True),
        (("json", "token"), "env:TOKEN", False),
        (("json", "token"), "file:/run/secrets/t", False),
        (("json", "token"), "{{ labels.t }}", False),
        (("json", "token"), "", False),
        (("json", "token_count"), "many", False),
        (("json", "tokens"), "many", False),
        (("json", "key"), "a1b2c3d4e5f6g7h8i9j0k1", True),
        (("json", "key"), "rate-limit-per-minute-and-service", False),
        (("headers", "Cookie"), "lang=es", False),
        (("json", "keyboard"), "a1b2c3d4e5f6g7h8i9j0k1", False),
        (("json", "value"), "a1b2c3d4e5f6g7h8i9j0k1", False),
    ],
)
def test_by_the_key_that_it_stands_under(keys: tuple[str, ...], text: str, secret: bool) -> None:
    assert is_plain_secret(keys, text) is secret


def test_a_secret_in_a_comment_is_found_with_its_place() -> None:
    policy, problems = load(f"{GOOD}# as of {FORMS['a GitHub token']}\n")
    assert policy is None
    (line,) = lines(problems)
    assert line.startswith(
        f"p.yaml:{GOOD.count(chr(10)) + 1}:9: error: looks like a secret in plain text: it is a"
    )
    assert FORMS["a GitHub token"] not in line


def test_one_secret_is_said_once() -> None:
    _, problems = load(changed("method: POST", f"headers: {{Authorization: {FORMS['a bearer token']}}}"))
    assert len(problems) == 1
