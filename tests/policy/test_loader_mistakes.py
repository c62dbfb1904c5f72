from __future__ import annotations

import pytest

from remediator.errors import Severity
from tests.policy.documents import GOOD, changed, lines, load


def test_a_file_with_five_different_mistakes_names_all_five() -> None:
    text = (
        GOOD.replace("owner: integrations", "ownr: integrations")
        .replace("cooldown: {for: 15m}", "cooldown: {for: 15 minutes}")
        .replace("- uses: docker.restart", "- uses: docker.restrat")
        .replace("when: facts.pms_up}", "when: facts.pms_upp}")
        .replace("== 0', within: 2m", "== 0', within: soon")
        .replace('alertname = "PMSCircuitBreakerOpen"', 'alertname = "PMS')
    )
    policy, problems = load(text)
    assert policy is None
    assert lines(problems) == [
        "p.yaml:2:1: error: unknown key 'ownr'; did you mean 'owner'?",
        'p.yaml:5:5: error: "PMS has no closing double quote; write it like severity =~ "critical|P1"',
        "p.yaml:9:21: error: guards.0.cooldown.for: '15 minutes' is not a duration; "
        "write it like 30s, 5m or 1h30m",
        "p.yaml:28:15: error: no action is called 'docker.restrat'; did you mean 'docker.restart'?",
        "p.yaml:32:61: error: options.0.verify.within: 'soon' is not a duration; "
        "write it like 30s, 5m or 1h30m",
        "p.yaml:38:55: error: reads facts.pms_upp, which nothing gives; did you mean 'pms_up'?",
    ]


PROBE = "{service: qloapps, path: /api/health}"
TARGET = "{{ labels.service | default('qloapps') }}"
GUARD_QUERY = "'breaker{service=\"{{ labels.service }}\"} > 0'"
VERIFY = "{promql: 'breaker{service=\"pms\"} == 0', within: 2m}"
SENT = "{{ steps.reset.status }}"

# What is changed into what, where the fault is then found (the text that stands there), and what is said.
MISTAKES = [
    ("cooldown: {", "cooldwon: {", "cooldwon", "no guard is called 'cooldwon'; did you mean 'cooldown'?"),
    ("{for: 15m}", "{for: 15m, by: x}", "by: x", "unknown key 'by'; known keys are for"),
    ("otherwise: approval", "otherwise: ask", "ask}", "the value is not a known one; write one of"),
    ("  - approval: {from: [oncall]}\n", "", "approval}", "asks for approval outside the window"),
    ("from: [oncall]", "from: []", "[]}", "is too short a list; write at least 1"),
    ("> 0', hold", "> ', hold", "'breaker{service=\"{{", "is not PromQL"),
    (GUARD_QUERY, "'up{x=~\"{{ labels.x }}\"}'", "'up{x=~", "outside a label's value"),
    (GUARD_QUERY, "'up{x=\"{{ facts.pms_up }}\"}'", "'up{x=", "reads facts.pms_up, but no facts are known"),
    ("{for: 15m}", '{for: "{{ labels.x }}"}', '"{{ labels.x', "a template where none is rendered"),
    ("match:\n", "match:\n  - severity\n", "severity\n", "'severity' is not a matcher; write it like"),
    ("match:\n", 'match:\n  - "{}"\n', '"{}"', "holds no matcher"),
    ("match:\n", "match:\n  - a=~(\n", "a=~(", "'(' is not an RE2 regular expression"),
    (TARGET, "{{ lables.service }}", '"pms/', "unknown name lables; did you mean labels?"),
    (TARGET, "{{ facts.pms_up }}", '"pms/', "reads facts.pms_up, but no facts are known"),
    (TARGET, "{{ labels.service", '"pms/', "can't be read: "),
    (
        "uses: prometheus.query\n    with: {query: 'errors{service=\"{{ labels.service }}\"}'}",
        "uses: docker.restart\n    with: {container: mysql}",
        "docker.restart\n    with: {container: mysql}",
        "docker.restart changes things; diagnose only looks",
    ),
    ("diagnose:\n", "diagnose:\n  - {fact: more, uses: report.write}\n", "report.write", "gives no fact"),
    (PROBE, '{service: agente, path: "{{ facts.errors }}"}', '"{{ facts', "reads facts.errors, but no"),
    (PROBE, "{service: qloaps, path: /}", "qloaps", "'qloaps' is not listed under services"),
    (PROBE, "{service: qloapps}", "with: {service: qloapps}", "key 'path' is missing; add `path:`"),
    (
        PROBE,
        '{service: "{{ labels.s }}", path: /}',
        '"{{ labels.s',
        "names an entry of services by a template",
    ),
    ("name: failover", "name: restart", "restart\n    steps:\n      - uses: fly", "a second name is called"),
    (
        "when: not facts.pms_up",
        "when: not fact.pms_up",
        "not fact.",
        "unknown name fact; did you mean facts?",
    ),
    ("when: not facts.pms_up", "when: labels.x.y()", "labels.x.y", "functions can't be called"),
    ("when: not facts.pms_up", "when: not steps.reset.x", "not steps", "reads steps.reset, but no steps are"),
    ("when: facts.errors > 100", "when: facts.eror > 1", "facts.eror", "which nothing gives; did you mean"),
    ("container: qloapps", "container: qloaps", "qloaps}", "under docker in remediator.yaml; did you mean"),
    ("docker.restart", "docker.restrat", "docker.restrat", "did you mean 'docker.restart'?"),
    (SENT, "{{ steps.rest.x }}", '"{{ steps.rest.x', "which nothing gives; did you mean 'reset'?"),
    (SENT, "{{ steps[2].x }}", '"{{ steps[2].x', "reads steps.2, which nothing gives"),
    (
        '"/reset/{{ labels.service }}"',
        "reset",
        "{service: agente, method",
        "path reset does not begin with /",
    ),
    ("method: POST", "method: PSOT", "PSOT", "write one of 'GET' or 'POST'"),
    ("method: POST", "headers: {Authorization: abc}", "abc}", "looks like a secret in plain text"),
    ("method: POST", 'attempts: "{{ labels.n }}", method: 5', "5, path", "write one of 'GET' or 'POST'"),
    ("to: mock, back: qloapps", "to: mock", "fly.secrets", "can't be undone by itself"),
    ("service: agente, path: /health", "service: agent, path: /", "agent,", "did you mean 'agente'?"),
    (VERIFY, "{promql: 'up =='}", "'up =='", "is not PromQL: "),
    (VERIFY, "{promql: up, within: 0s}", "0s}", "within: is zero"),
    (VERIFY, "{promql: 'rate(x[5m', within: 2m}", "'rate(x[5m'", "is not PromQL: "),
    (
        VERIFY,
        "{uses: docker.restart, with: {container: mysql}}",
        "docker.restart, with",
        "changes things; verify",
    ),
    ("after: 4h", "after: 0s", "0s, when", "after: is zero"),
    ("{after: 15m, to: pms-lead}", "{after: 15m, to: pms-led}", "pms-led}", "is not listed under contacts"),
    (
        "{after: 15m, to: pms-lead}",
        "{to: pms-lead}",
        "{to: pms-lead}",
        "exactly one of after, when or promql",
    ),
    ("{after: 15m, to", "{after: 15m, hold: 1m, to", "hold: 1m", "hold is for promql only"),
    ("{channel: incidents}\n", "{channel: incident}\n", "incident}", "is not listed under channels"),
]


@pytest.mark.parametrize(("old", "new", "at", "said"), MISTAKES)
def test_each_mistake_has_its_place(old: str, new: str, at: str, said: str) -> None:
    text = changed(old, new)
    policy, problems = load(text)
    assert policy is None
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert said in str(errors[0])
    assert "\n".join(text.splitlines()[errors[0].line - 1 :])[errors[0].column - 1 :].startswith(at)
    assert len(errors) == 1, lines(errors)


NO_VERIFY = f"    verify: {VERIFY}\n"


def test_who_only_looks_and_tells_has_nothing_to_verify() -> None:
    text = """
policy: told
owner: somebody
runbook_url: docs/runbooks/x.md
match: ['alertname = "A"']
target: t
options:
  - name: tell
    steps:
      - {uses: http.probe, with: {service: qloapps, path: /api/health}}
      - {uses: notify.send, with: {channel: incidents, text: look at it}}
"""
    policy, problems = load(text)
    assert policy is not None
    assert problems == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("owner: integrations\n", "", "1:1: warning: has no owner"),
        ("runbook_url: docs/pms.md\n", "", "1:1: warning: has no runbook_url"),
        (VERIFY, "{promql: x_total > 0}", "warning: x_total is a counter"),
        (NO_VERIFY, "", "22:11: warning: option 'restart' has no verify"),
        (NO_VERIFY, f"{NO_VERIFY}    revert: {{}}\n", "the revert of 'restart' has nothing to undo"),
    ],
)
def test_warnings_do_not_refuse(old: str, new: str, expected: str) -> None:
    policy, problems = load(changed(old, new))
    assert policy is not None
    (problem,) = problems
    assert problem.severity is Severity.WARNING
    assert expected in str(problem)


UNHEARD = """\
policy: unheard
owner: somebody
runbook_url: docs/runbooks/x.md
match: ['alertname = "A"']
target: t
options:
  - name: act
    steps: [{uses: docker.restart, with: {container: mysql}}]
    verify: {promql: up == 1}
"""


@pytest.mark.parametrize(
    ("more", "warned"),
    [
        ("", True),
        ("mode: enforce\n", True),
        ("mode: shadow\n", False),
        ("mode: off\n", False),
        ("notify: {channel: incidents}\n", False),
        ("escalate: [{after: 15m, to: pms-lead}]\n", False),
        ("report: {on: [terminal]}\n", True),
    ],
)
def test_somebody_hears_of_what_is_done(more: str, warned: bool) -> None:
    policy, problems = load(UNHEARD + more)
    assert policy is not None
    expected = "has neither notify nor escalate"
    assert [problem.what.startswith(expected) for problem in problems] == [True] * warned


def test_one_option_that_tells_does_not_speak_for_the_others() -> None:
    tells = "  - name: tell\n    steps: [{uses: notify.send, with: {channel: incidents, text: look}}]\n"
    _, problems = load(UNHEARD + tells)
    assert [problem.what.startswith("has neither notify nor escalate") for problem in problems] == [True]


def test_two_facts_of_one_name() -> None:
    _, problems = load(changed("fact: errors", "fact: pms_up"))
    assert "a second fact is called 'pms_up'" in problems[0].what
