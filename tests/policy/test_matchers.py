from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remediator.policy.matchers import Matcher, MatcherError, Operator, parse_matcher, parse_matchers

# Matcher, its (name, op, value); the grammar's corners, from Alertmanager's documentation of it.
GOOD = [
    ('alertname = "PMSCircuitBreakerOpen"', ("alertname", "=", "PMSCircuitBreakerOpen")),
    ('severity =~ "critical|P1"', ("severity", "=~", "critical|P1")),
    ("a=b", ("a", "=", "b")),
    ("a=", ("a", "=", "")),
    ('a=""', ("a", "=", "")),
    ("  a \t!=\n b c  ", ("a", "!=", "b c")),
    ("a!~b", ("a", "!~", "b")),
    ("a==b", ("a", "=", "=b")),
    ("a=~~b", ("a", "=~", "~b")),
    ("job:rate5m=x", ("job:rate5m", "=", "x")),
    ('a="x\\"y"', ("a", "=", 'x"y')),
    ('a="x\\\\"', ("a", "=", "x\\")),
    ('a="x\\ny"', ("a", "=", "x\ny")),
    ('a="x\\ty"', ("a", "=", "x\\ty")),
    ("a=x\\", ("a", "=", "x\\")),
    ('a=x\\"', ("a", "=", 'x"')),
    ("a='x'", ("a", "=", "'x'")),
    ('a=" x "', ("a", "=", " x ")),
    ('a="x\ny"', ("a", "=", "x\ny")),
    ('a="é日"', ("a", "=", "é日")),
    ('a=~"x)|(y"', ("a", "=~", "x)|(y")),
]
BAD = [
    "",
    "a",
    "=b",
    "1a=b",
    "a-b=c",
    'a="b',
    'a=b"',
    'a="b"c"',
    'a="',
    'a="b\\"',
    'a=~"("',
    'a=~"(?=b)"',
    'a=~"\\\\1"',
    '"a"=b',
    "a~=b",
    "a>b",
]


@pytest.mark.parametrize(("text", "expected"), GOOD)
def test_a_matcher_is_read_as_alertmanager_reads_it(text: str, expected: tuple[str, str, str]) -> None:
    matcher = parse_matcher(text)
    assert (matcher.name, matcher.op, matcher.value) == expected


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_matcher_is_refused(text: str) -> None:
    with pytest.raises(MatcherError):
        parse_matcher(text)


@pytest.mark.parametrize(
    ("text", "labels", "holds"),
    [
        ("a=b", {"a": "b"}, True),
        ("a=b", {"a": "bb"}, False),
        ("a=b", {}, False),
        ("a!=b", {}, True),
        ("a!=b", {"a": "b"}, False),
        ('a=""', {}, True),
        ('a=""', {"a": ""}, True),
        ('a!=""', {}, False),
        ("a=~b", {"a": "abc"}, False),
        ("a=~.*b.*", {"a": "abc"}, True),
        ('a=~"b|c"', {"a": "bx"}, False),
        ('a=~"b|c"', {"a": "c"}, True),
        ('a=~".*"', {}, True),
        ('a=~".+"', {}, False),
        ('a!~".+"', {}, True),
        ('a=~"x.y"', {"a": "x\ny"}, False),
        ('a=~"(?s)x.y"', {"a": "x\ny"}, True),
        ('a=~"b"', {"a": "b\n"}, False),
        ('a=~"(?i)B"', {"a": "b"}, True),
        ('a!~"b"', {"a": "\ud800"}, True),
    ],
)
def test_matching(text: str, labels: dict[str, str], holds: bool) -> None:
    assert parse_matcher(text).matches(labels) is holds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", []),
        ("", []),
        ('{foo = "bar", dings != "bums", }', ["foo=bar", "dings!=bums"]),
        ("foo=bar,dings!=bums", ["foo=bar", "dings!=bums"]),
        ('{a="x,y",b=~"z"}', ["a=x,y", "b=~z"]),
        ('{quote="She said: \\"Hi, ladies!\\""}', ['quote=She said: "Hi, ladies!"']),
    ],
)
def test_a_list_of_matchers(text: str, expected: list[str]) -> None:
    assert [f"{m.name}{m.op}{m.value}" for m in parse_matchers(text)] == expected


def test_an_empty_entry_in_a_list_is_refused() -> None:
    with pytest.raises(MatcherError):
        parse_matchers("{a=b,,c=d}")


OPERATORS: list[Operator] = ["=", "!="]


@given(value=st.text(), op=st.sampled_from(OPERATORS))
def test_what_is_written_reads_back(value: str, op: Operator) -> None:
    matcher = Matcher("name", op, value)
    assert parse_matcher(str(matcher)) == matcher


@given(text=st.text(alphabet='a=~!"\\n {},b', max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        matcher = parse_matcher(text)
    except MatcherError:
        return
    assert parse_matcher(str(matcher)) == matcher


@pytest.fixture
def amtool() -> str:
    path = shutil.which("amtool")
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("amtool is not installed")
        pytest.skip("amtool is not installed")
    return path


def _config(folder: Path, matchers: list[str]) -> Path:
    names = [f"r{at}" for at in range(len(matchers))]
    config = {
        "route": {
            "receiver": "default",
            "routes": [
                {"receiver": name, "continue": True, "matchers": [matcher]}
                for name, matcher in zip(names, matchers, strict=True)
            ],
        },
        "receivers": [{"name": name} for name in ("default", *names)],
    }
    path = folder / "alertmanager.yml"
    path.write_text(json.dumps(config))
    return path


@pytest.mark.real
def test_amtool_refuses_the_same(amtool: str, tmp_path: Path) -> None:
    lists = ["a=b,c=d", "{a=b}", "a=b,,c=d", 'a="b,c"', "a=b,", ",a=b", 'a="\\,",b="c"', "a=b,c"]
    for text in (*BAD, *lists, *(text for text, _ in GOOD)):
        path = _config(tmp_path, [text])
        done = subprocess.run([amtool, "check-config", str(path)], capture_output=True)
        try:
            parse_matchers(text)
        except MatcherError:
            assert done.returncode != 0, text
        else:
            assert done.returncode == 0, text


@pytest.mark.real
@pytest.mark.parametrize(
    "value", [None, "", "b", "x", "bb", "b c", 'x"y', "x\\", "x\ny", "'x'", " x ", "é日", "~b"]
)
def test_amtool_matches_the_same(amtool: str, tmp_path: Path, value: str | None) -> None:
    patterns = ["a=~b|x", 'a=~"b.*"', 'a!~"x.y"', 'a=~"(?s)x.y"', 'a!=""', 'a=~".+"', "a!~b"]
    matchers = [*(text for text, _ in GOOD), *patterns]
    path = _config(tmp_path, matchers)
    labels = {"other": "x"} if value is None else {"a": value}
    written = [str(Matcher(name, "=", text)) for name, text in labels.items()]
    command = [amtool, "config", "routes", "test", f"--config.file={path}", *written]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = set(done.stdout.strip().split(",")) - {"default"}
    assert theirs == {f"r{at}" for at, text in enumerate(matchers) if parse_matcher(text).matches(labels)}
