"""Whatever the prose names exists, and whatever a person can use is named somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from remediator.authoring.reference import PROJECT
from remediator.cli.catalog import command_names
from remediator.cli.workspace import open_workspace
from remediator.policy.loader import load_policy
from remediator.settings import Settings
from remediator.telemetry.metrics import Metrics
from remediator.web.routes import ROUTES
from remediator.yaml_source import read_yaml

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
OWN_VARIABLES = frozenset({"REMEDIATOR_URL", "REMEDIATOR_TOKEN", "REMEDIATOR_FAILPOINT"})
_METHODS = "GET|POST|PUT|DELETE"


def text() -> str:
    return "\n".join(page.read_text() for page in PAGES)


def code() -> Iterator[str]:
    """Yield what stands in code: lines of blocks, and spans."""
    whole = text()
    for block in re.findall(r"^```\w*\n(.*?)^```", whole, re.MULTILINE | re.DOTALL):
        yield from block.splitlines()
    outside = re.sub(r"^```\w*\n.*?^```", "", whole, flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", outside)


def metric_names() -> set[str]:
    registry = CollectorRegistry()
    Metrics(registry, version="0", sources=[], actions=[], guards=[])
    return {
        f"{family.name}_total" if family.type == "counter" else family.name for family in registry.collect()
    }


def routes() -> set[tuple[str, str]]:
    """Return what programs ask; what pages are made of is for browsers."""
    return {
        (route.method, re.sub(r"\{(\w+):[^/]*\}", r"{\1}", route.path))
        for route in ROUTES
        if not route.page and not route.path.startswith("/static/")
    }


def test_every_metric_named_exists_and_every_metric_is_named() -> None:
    # What follows a slash is a file.
    named = set(re.findall(r"(?<![/\w])remediator_[a-z_]+[a-z]\b", text()))
    known = metric_names()
    series = {re.sub(r"_(bucket|count|sum)$", "", name) for name in named}
    assert series <= known
    assert known <= series


def test_every_endpoint_named_exists_and_every_endpoint_is_named() -> None:
    named = set(re.findall(rf"\b({_METHODS}) (/(?:api|webhook|health|metrics|slack)[^\s`|\"]*)", text()))
    known = routes()
    assert named <= known
    # A slash at the end is only forgiven.
    assert {(method, path) for method, path in known if not path.endswith("/")} <= named


def test_every_page_is_named() -> None:
    named = set(re.findall(r"`(/[^`]*)`", (PROJECT / "docs" / "pages.md").read_text()))
    pages = {
        re.sub(r"\{(\w+):[^/]*\}", r"{\1}", route.path)
        for route in ROUTES
        if route.page and route.method == "GET" and not route.path.endswith("/plot")
    }
    assert pages <= named


def test_every_command_named_exists_and_every_command_is_named() -> None:
    known = command_names()
    named = set()
    for line in code():
        found = re.match(r"^(?:\$ )?(?:\S*/)?remediator ([a-z]+)(?: ([a-z-]+))?", line)
        if found is None:
            continue
        group, verb = found.groups()
        assert group in known or f"{group} {verb}" in known, line
        named.add(group if group in known else f"{group} {verb}")
    assert named == set(known)


def test_every_environment_variable_named_exists() -> None:
    for name in set(re.findall(r"\bREMEDIATOR_[A-Z_]*[A-Z]\b", text())):
        assert name in OWN_VARIABLES or is_setting(name.removeprefix("REMEDIATOR_")), name


def is_setting(name: str) -> bool:
    model: type[BaseModel] = Settings
    for part in name.lower().split("__"):
        field = model.model_fields.get(part)
        if field is None:
            return False
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            model = field.annotation
    return True


def test_every_make_target_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    named = {found.group(1) for line in code() if (found := re.match(r"^(?:\$ )?make ([a-z]+)", line))}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_a_page_has_its_heading(page: Path) -> None:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    for anchor in re.findall(r"\]\(#([^)]+)\)", page.read_text()):
        assert anchor in anchors


def test_the_policy_in_the_readme_and_the_shipped_ones_load_with_the_example_configuration() -> None:
    workspace = open_workspace(PROJECT / "remediator.example.yaml")
    block = re.search(r"^```yaml\n(.*?)^```", (PROJECT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert block is not None
    shown, problems = load_policy(
        read_yaml("README.md", block.group(1)), workspace.catalog, workspace.settings
    )
    assert [str(problem) for problem in problems] == []
    assert shown is not None
    assert shown.name in workspace.load().policies
