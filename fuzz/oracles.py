"""What has to hold for any bytes: each function takes them and raises when it does not.

Only the errors that a parser declares may come out of it, what it accepts has to read back as the
same, and an independent reader has to agree where there is one.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from remediator.alerts import NotAPayloadError, parse_payload
from remediator.cli.workspace import Workspace, open_workspace
from remediator.durations import format_duration, parse_duration
from remediator.errors import ConfigError, Problem
from remediator.policy.expression_logic import never_holds
from remediator.policy.expressions import (
    ExpressionError,
    RenderError,
    Scope,
    compile_expression,
    compile_template,
)
from remediator.policy.loader import load_document, load_policy
from remediator.policy.matchers import MatcherError, parse_matcher, parse_matchers
from remediator.policy.sandbox import MAX_LENGTH_CHARS
from remediator.yaml_source import read_yaml, render_problem

Oracle = Callable[[bytes], None]

_HOSTILE = "{{ facts.secret }}$(id)`id`\x00\n<b>"
_SCOPES = (
    Scope(),
    Scope(
        labels={"alertname": "Down", "service": _HOSTILE, "n": "3"},
        annotations={"summary": _HOSTILE},
        facts={"up": True, "ratio": 0.5, "none": None, "many": [1, "two", None], "nested": {"a": {"b": 1}}},
        facts_detail={"up": {"reason": "200"}},
        steps={"probe": {"status": 200, "ok": True}},
        episode={"count": 2},
        policy={"name": "p"},
    ),
)
# What a template could only show after it got hold of an object of Python's.
_PYTHON_INSIDE = re.compile(r"<(?:class|function|built-in|bound method|module|remediator\.|jinja2\.)|__\w+__")
_DURATION = re.compile(r"0|(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?", re.ASCII)
_INVENTORY = """
mode: shadow
prometheus: {url: "http://127.0.0.1:9090"}
services: {pms: {url: "http://127.0.0.1:8100", paths: ["GET /health", "POST /cache/*"]}}
docker: {containers: [db]}
"""


def payload(data: bytes) -> None:
    """No alert is lost or made up, and all that is kept can be stored as text."""
    try:
        read = parse_payload(data)
    except NotAPayloadError:
        return
    assert len(read.alerts) + len(read.bad) == len(json.loads(data)["alerts"])
    kept = [read.receiver, read.group_key, *(bad.reason for bad in read.bad), *(bad.raw for bad in read.bad)]
    for alert in read.alerts:
        kept += [alert.fingerprint, alert.generator_url]
        kept += [text for pair in (*alert.labels.items(), *alert.annotations.items()) for text in pair]
        assert alert.starts_at.utcoffset() == timedelta(0)
        assert alert.model_validate_json(alert.model_dump_json(by_alias=True)) == alert
    for text in kept:
        text.encode()


def matcher(data: bytes) -> None:
    """What is read writes and reads back as the same, and matches any labels without an error."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        read = parse_matchers(text)
    except MatcherError as error:
        assert str(error)
        return
    for one in read:
        assert parse_matcher(str(one)) == one
        opposite = parse_matcher(str(one).replace(one.op, {"=": "!=", "!=": "="}.get(one.op, one.op), 1))
        for labels in ({}, {one.name: one.value}, {one.name: _HOSTILE}, {one.name: text}):
            holds = one.matches(labels)
            if one.op in ("=", "!="):
                assert opposite.matches(labels) is not holds


def duration(data: bytes) -> None:
    """Just Prometheus' grammar is accepted, and what is read writes and reads back as the same."""
    text = data.decode("utf-8", "replace")
    try:
        read = parse_duration(text)
    except ValueError as error:
        assert str(error)
        return
    assert text
    assert _DURATION.fullmatch(text), f"{text!r} is accepted"
    assert read >= timedelta(0)
    assert parse_duration(format_duration(read)) == read


def expression(data: bytes) -> None:
    """Nothing but declared errors, nothing of Python's, nothing that grows; `never holds` never does."""
    source = data.decode("utf-8", "replace")
    try:
        compiled = compile_expression(source)
    except ExpressionError as error:
        assert str(error)
    else:
        truths = [compiled.evaluate(scope).holds for scope in _SCOPES]
        assert not (any(truths) and never_holds(compiled))
    try:
        template = compile_template(source)
    except ExpressionError:
        return
    for scope in _SCOPES:
        try:
            shown = template.render(scope)
        except RenderError:
            continue
        assert len(shown) <= len(source) + MAX_LENGTH_CHARS
        added = _PYTHON_INSIDE.search(shown)
        assert added is None or added[0] in source, f"{shown!r} shows an object of Python's"


def policy(data: bytes) -> None:
    """A file is refused with places that exist, or loads, and again to the same from what is stored."""
    text = data.decode("utf-8", "replace")
    workspace = _workspace()
    try:
        source = read_yaml("fuzzed.yaml", text)
    except ConfigError as error:
        assert error.problems
        _shown(error.problems, text)
        return
    loaded, problems = load_policy(source, workspace.catalog, workspace.settings)
    _shown(problems, text)
    assert loaded is not None or problems
    if loaded is not None:
        stored: Any = json.loads(json.dumps(loaded.document.model_dump(mode="json", by_alias=True)))
        again = load_document(stored, "stored", workspace.catalog, workspace.settings)
        assert again.hash == loaded.hash


def _shown(problems: Any, text: str) -> None:
    lines = len(text.splitlines()) + 1
    one: Problem
    for one in problems:
        assert 0 <= one.line <= lines
        render_problem(one, text).encode()


@cache
def _workspace() -> Workspace:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "remediator.yaml"
        config.write_text(_INVENTORY)
        return open_workspace(config)


ORACLES: dict[str, Oracle] = {
    "payload": payload,
    "matcher": matcher,
    "duration": duration,
    "expression": expression,
    "policy": policy,
}
"""What can be fuzzed, by name."""
