"""A scaffold is a good policy in any inventory, whatever the alert is called."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remediator.actions.catalog import ActionClients, build_actions
from remediator.authoring.formatting import format_yaml
from remediator.authoring.scaffold import FILL_IN, Scaffold, Wanted, policy_name, scaffold
from remediator.authoring.scaffold_forms import FORMS, Form
from remediator.clients.process import ProcessRunner
from remediator.clock import SystemClock
from remediator.engine.capabilities import capabilities_of, catalog_of
from remediator.policy.loaded import LoadedPolicy
from remediator.policy.loader import load_policy
from remediator.settings import Mode, Settings
from remediator.yaml_source import read_yaml

PROMETHEUS: dict[str, Any] = {"prometheus": {"url": "http://127.0.0.1:9090"}}
INVENTORY: dict[str, dict[str, Any]] = {
    "container": {"docker": {"containers": ["mysql", "qloapps"]}},
    "compose": {"compose": {"file": "c.yml", "services": {"agente": None}}},
    "service": {"services": {"agente": {"url": "http://127.0.0.1:1", "paths": ["GET /up", "POST /reset/*"]}}},
    "command": {"commands": {"look": {"argv": ["x"], "read_only": True}, "act": {"argv": ["x"]}}},
    "fly": {"fly": {"apps": {"agente": {}}}},
}
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def configured(*forms: str) -> Settings:
    sections: dict[str, Any] = dict(PROMETHEUS)
    for form in forms:
        sections |= INVENTORY[form]
    return Settings.model_validate(sections)


def load(made: Scaffold, configuration: Settings) -> tuple[LoadedPolicy, list[str]]:
    clients = ActionClients.of(configuration, ProcessRunner())
    actions = build_actions(configuration, clients, SystemClock())
    catalog = catalog_of(capabilities_of(actions, configuration.limits))
    policy, problems = load_policy(read_yaml("x", made.policy), catalog, configuration)
    assert policy is not None, [str(problem) for problem in problems]
    return policy, [problem.what for problem in problems]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_each_form_is_good_and_acts_on_what_there_is(form: Form) -> None:
    made = scaffold(Wanted(name="fix", alertname="Down"), configured(form.name))
    policy, problems = load(made, configured(form.name))
    assert (made.form, problems, policy.unavailable) == (form, [], {})
    assert policy.document.mode is Mode.SHADOW
    assert made.entry in form.entries(configured(form.name))
    for text in (made.policy, made.test):
        assert format_yaml("x", text) == text


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_without_an_entry_it_says_what_to_fill_in(form: Form) -> None:
    made = scaffold(Wanted(name="fix", alertname="Down", form=form), configured())
    policy, problems = load(made, configured())
    assert made.entry is None
    assert list(policy.unavailable) == [form.option]
    assert all(problem.startswith("not_configured") for problem in problems)
    assert FILL_IN in made.policy
    assert f"\nconfiguration:\n{form.section}" in made.test


@pytest.mark.parametrize(
    ("wanted", "entry"),
    [
        (Wanted(name="fix", alertname="Down"), "mysql"),
        (Wanted(name="restart-qloapps", alertname="Down"), "qloapps"),
        (Wanted(name="fix", alertname="Down", labels={"service": "qloapps"}), "qloapps"),
    ],
)
def test_the_entry_that_fits_best_is_taken(wanted: Wanted, entry: str) -> None:
    assert scaffold(wanted, configured("container")).entry == entry


@pytest.mark.parametrize(
    ("expr", "query"),
    [
        ("up == 0", "up == 0"),
        ("sum(rate(x[5m]))\n  > 1", "sum(rate(x[5m])) > 1"),
        ("up == 0 # why\n or vector(1)", 'ALERTS{alertname="Down", alertstate="firing"}'),
        ("not promql (", 'ALERTS{alertname="Down", alertstate="firing"}'),
        ('up{a="{{ b }}"}', 'ALERTS{alertname="Down", alertstate="firing"}'),
        (None, 'ALERTS{alertname="Down", alertstate="firing"}'),
    ],
)
def test_the_guard_asks_the_alerts_own_question(expr: str | None, query: str) -> None:
    made = scaffold(Wanted(name="fix", alertname="Down", expr=expr), configured("container"))
    assert read_yaml("x", made.policy).data["guards"][0]["promql"]["query"] == query


@given(TEXT, st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), TEXT, max_size=2), TEXT)
@settings(max_examples=100, deadline=None)
def test_no_name_breaks_out_of_where_it_stands(alertname: str, labels: dict[str, str], owner: str) -> None:
    wanted = Wanted(name=policy_name(alertname), alertname=alertname, labels=labels, owner=owner)
    made = scaffold(wanted, configured("container"))
    policy, _ = load(made, configured("container"))
    assert policy.matches({"alertname": alertname} | labels)
    assert (policy.document.owner, policy.document.mode) == (owner, Mode.SHADOW)
    alert = read_yaml("x", made.test).data["tests"][0]["alerts"][0]
    assert (alert["alert"], alert.get("labels", {})) == (alertname, labels)


@pytest.mark.parametrize(
    ("alertname", "name"),
    [
        ("PMSCircuitBreakerOpen", "pms-circuit-breaker-open"),
        ("HighErrorRate", "high-error-rate"),
        ("Http5xxSpike", "http5xx-spike"),
        ("disk_full", "disk-full"),
        ("KubePodOOMKilled", "kube-pod-oom-killed"),
        ("…", "policy"),
        ("a" * 80, "a" * 63),
    ],
)
def test_a_policy_is_named_after_its_alert(alertname: str, name: str) -> None:
    assert policy_name(alertname) == name
