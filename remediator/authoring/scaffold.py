"""Writes the beginning of a policy and its first test, which pass as they are.

What it touches is taken from the configuration's inventory, the entry whose name fits best. Where
the inventory has nothing fitting, a name to fill in stands there. A scaffold is in shadow mode: it
decides and writes down, and does nothing until somebody says so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from string import Template

from remediator.authoring.scaffold_forms import FORMS, Form
from remediator.plain_text import one_line
from remediator.policy.promql import check_promql
from remediator.settings import Settings

FILL_IN = "CHANGE-ME"
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_LONGEST_NAME = 63
_LONGEST_INLINE = 90

_POLICY = Template("""\
# yaml-language-server: $$schema=./policy.schema.json
#
# What goes wrong when $shown fires, and why this helps: write it here, for whoever is woken by it.
policy: $policy
description: $description
owner: $owner # who answers for it
runbook_url: $runbook
mode: shadow # decides and writes down, and does nothing; `enforce` acts

match: # Alertmanager's matchers; all must hold
$match

# What is acted on, and locked: one run at a time, whatever the alert's fingerprint.
target: $target

guards: # all must allow, when the alert comes and again right before acting
  # The alert may be minutes old when it arrives: look whether it is still so, and for a while.
$guard
  - cooldown: {for: 15m} # longer than it takes to see whether the last time helped
  - rate_limit: {max: 3, per: 1h}

diagnose: # read-only facts, gathered before deciding; `when: facts.$fact` of an option reads one
  - fact: $fact
    uses: $looks
    with: $looks_with

options: # a ladder: tried in order until one verifies
  - name: $option
    # when: not facts.$fact
    steps:
      - uses: $uses
        with: $uses_with
        timeout: 1m
    verify: # how to tell that it worked$verify_hint
      promql: $verify
      within: 5m
      stable_for: 30s
""")

_TEST = Template("""\
# yaml-language-server: $$schema=./policy-tests.schema.json
policy: ../$name.yaml
$configuration
given:
  answers:
    queries:
      - {query: $query, gives: 1}
      - {query: $verify, gives: 1}
$facts

tests:
  - name: $option is what would be done, once it has been so for a while
    alerts:
      - {alert: $alertname$labels}
    expect:
      - at: 29s
        decision: {outcome: blocked, reason: hold_pending, guard: promql}
      - at: 30s
        decision: {outcome: shadow, option: $option} # `outcome: run` once the policy's mode is enforce
        steps: []

  - name: what is over when the alert arrives is left alone
    alerts:
      - {alert: $alertname$labels}
    answers:
      queries:
        - {query: $query, gives: []}
    expect:
      - {at: 5m, decision: {outcome: blocked, reason: precondition, guard: promql}, run: none}
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the policy is for. `expr` is the alert's own condition, if it is known."""

    name: str
    alertname: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """Further labels that the alert always has."""
    expr: str | None = None
    owner: str | None = None
    runbook_url: str | None = None
    form: Form | None = None
    """How it remedies; None takes what the inventory offers."""


@dataclass(frozen=True, slots=True)
class Scaffold:
    """Both files' texts, and what of them somebody has to fill in."""

    policy: str
    test: str
    form: Form
    entry: str | None
    """The inventory's entry that it acts on, or None when its section has none."""


def scaffold(wanted: Wanted, settings: Settings) -> Scaffold:
    """Write a policy and its first test for an inventory."""
    form = wanted.form or next((form for form in FORMS if form.entries(settings)), FORMS[0])
    entry = _best(form, wanted, settings)
    query = _query(wanted)
    values = {
        "name": wanted.name,
        "alertname": _scalar(wanted.alertname),
        "option": form.option,
        "query": _quoted(query),
        "verify": _quoted(f"absent({query})"),
        "fact": form.fact,
    }
    named = entry or FILL_IN
    policy = _POLICY.substitute(
        values,
        shown=one_line(wanted.alertname),
        policy=_scalar(wanted.name),
        description=_scalar(f"{form.does} {named} when {one_line(wanted.alertname)} fires"),
        owner=_scalar(wanted.owner or FILL_IN),
        runbook=_scalar(wanted.runbook_url or f"docs/runbooks/{wanted.name}.md"),
        match="\n".join(f"  - {_scalar(matcher)}" for matcher in _matchers(wanted)),
        target=f"{form.target}/{named}",
        guard=_guard(query),
        looks=form.looks,
        looks_with=form.looks_with(settings, named),
        uses=form.uses,
        uses_with=form.uses_with(settings, named),
        verify_hint="; better a query that says so itself: this also holds of no data",
    )
    test = _TEST.substitute(
        values,
        configuration=_configuration(form, entry),
        facts=form.given(settings, named),
        labels=_test_labels(wanted),
    )
    return Scaffold(policy, test, form, entry)


def policy_name(alertname: str) -> str:
    """Return a policy's name for an alert: `PMSCircuitBreakerOpen` gives `pms-circuit-breaker-open`."""
    words = _WORDS.findall(alertname)
    return "-".join(word.lower() for word in words)[:_LONGEST_NAME].strip("-") or "policy"


def alert_name(name: str) -> str:
    """Return the likely alert for a policy's name: `pms-down` gives `PmsDown`."""
    return "".join(word.capitalize() for word in name.split("-"))


def _best(form: Form, wanted: Wanted, settings: Settings) -> str | None:
    """Return the entry that the policy's name or the alert's labels speak of, else the first."""
    entries = form.entries(settings)
    values = {value.lower() for value in wanted.labels.values()}
    words = set(wanted.name.split("-")) | values

    def fits(entry: str) -> tuple[bool, int]:
        parts = set(re.split(r"[-_.]", entry.lower()))
        return (entry.lower() in values, len(parts & words))

    return max(entries, key=fits, default=None)


def _query(wanted: Wanted) -> str:
    if wanted.expr is not None:
        query = " ".join(wanted.expr.split())
        # On one line a comment would hide the rest, and what looks like a template would be one.
        plain = not any(mark in query for mark in ("#", "{{", "{%"))
        if plain and check_promql(query) is None:
            return query
    return f'ALERTS{{alertname="{_escaped(wanted.alertname)}", alertstate="firing"}}'


def _matchers(wanted: Wanted) -> list[str]:
    labels = {"alertname": wanted.alertname, **wanted.labels}
    return [f'{name} = "{_escaped(value)}"' for name, value in labels.items()]


def _guard(query: str) -> str:
    inline = f"  - promql: {{query: {_quoted(query)}, hold: 30s}}"
    if len(inline) <= _LONGEST_INLINE:
        return inline
    return f"  - promql:\n      query: {_quoted(query)}\n      hold: 30s"


def _configuration(form: Form, entry: str | None) -> str:
    if entry is not None:
        return ""
    return (
        f"\n# As long as remediator.yaml has none; the real one then holds.\nconfiguration:\n{form.section}\n"
    )


def _test_labels(wanted: Wanted) -> str:
    if not wanted.labels:
        return ""
    written = ", ".join(f"{name}: {_scalar(value)}" for name, value in wanted.labels.items())
    return f", labels: {{{written}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9 _./@=~\"-]*(?:://[A-Za-z0-9_./?=&-]*)?")
_NOT_TEXT = frozenset({"true", "false", "null"})


def _scalar(text: str) -> str:
    """Write text as YAML: plain where that is safe."""
    safe = _PLAIN.fullmatch(text) and text.lower() not in _NOT_TEXT and text == text.strip()
    return text if safe else _quoted(text)


def _quoted(text: str) -> str:
    if not text.isprintable():
        return '"' + "".join(_escape(character) for character in text) + '"'
    return "'" + text.replace("'", "''") + "'"


def _escape(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in '"\\' else character
    return f"\\U{ord(character):08x}"
