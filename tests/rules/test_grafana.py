"""The dashboard: Grafana's own models take it, its queries read metrics that exist, compose provisions it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.docs.test_names import metric_names
from tests.rules.test_remediator_rules import ROOT, metrics_of

GRAFANA = ROOT / "grafana"
DASHBOARD = json.loads((GRAFANA / "remediator.json").read_text(encoding="utf-8"))
PANELS: list[dict[str, Any]] = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
# What Grafana fills in, as PromQL can read it.
_WINDOW = ("$__rate_interval", "5m")


def expressions(panel: dict[str, Any]) -> list[str]:
    return [target["expr"].replace(*_WINDOW) for target in panel["targets"]]


def test_grafanas_own_models_read_it_and_lose_nothing() -> None:
    register_default_plugins()
    read = Dashboard.from_json(DASHBOARD)
    written = json.loads(json.dumps(read, cls=JSONEncoder))
    assert _without(written, DASHBOARD) == DASHBOARD


def _without(written: Any, original: Any) -> Any:
    """Drop the defaults that the models fill in."""
    if isinstance(original, dict):
        return {name: _without(written[name], original[name]) for name in original if name in written}
    if isinstance(original, list) and len(written) == len(original):
        return [_without(one, other) for one, other in zip(written, original, strict=True)]
    return written


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_every_query_reads_metrics_that_exist(panel: dict[str, Any]) -> None:
    for expression in expressions(panel):
        series = {re.sub(r"_(bucket|count|sum)$", "", name) for name in metrics_of(expression)}
        assert series, expression
        assert series <= metric_names()


def test_panels_say_what_they_show_in_one_unit_each_and_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    assert all(panel["description"] and panel["fieldConfig"]["defaults"]["unit"] for panel in PANELS)


def test_it_works_with_whatever_prometheus_is_chosen() -> None:
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    for panel in PANELS:
        for asking in (panel, *panel["targets"]):
            assert asking["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_compose_provisions_it() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    service = compose["services"]["grafana"]
    mounted = {source: target for source, target, _ in (mount.split(":") for mount in _folders(service))}
    assert mounted["./grafana/provisioning"] == "/etc/grafana/provisioning"
    provider = yaml.safe_load(
        (GRAFANA / "provisioning/dashboards/remediator.yml").read_text(encoding="utf-8")
    )
    folder = provider["providers"][0]["options"]["path"]
    assert mounted["./grafana/remediator.json"] == str(Path(folder) / "remediator.json")
    source = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))
    assert source["datasources"][0]["url"] == "http://prometheus:9090"
    assert "prometheus" in compose["services"]
    assert set(service["networks"]) & set(compose["services"]["prometheus"]["networks"])


def _folders(service: dict[str, Any]) -> list[str]:
    return [mount for mount in service["volumes"] if mount.startswith("./")]


def test_nobody_can_change_anything_through_it() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    environment = compose["services"]["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert environment["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"
