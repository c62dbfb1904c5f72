"""The OpenAPI document covers the table of routes; the page shows all of it and loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from http import HTTPStatus
from inspect import getmembers, isclass
from types import ModuleType
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel
from schemathesis.specs.openapi.definitions import OPENAPI_31

from remediator.web import audit, decisions, episodes, events, holds, inputs, leases, policies, runs
from remediator.web.inputs import Input
from remediator.web.openapi import openapi_document
from remediator.web.paging import PageQuery, Query, TimedQuery
from remediator.web.routes import ROUTES
from tests.web.site import Site

DOCUMENT = openapi_document(ROUTES, version="1.2.3")


def operations() -> list[dict[str, Any]]:
    return [operation for methods in DOCUMENT["paths"].values() for operation in methods.values()]


def test_every_route_of_the_api_is_described() -> None:
    for route in ROUTES:
        of_the_api = not route.page and not re.match("/static/|/slack/|/api/(openapi|docs)|.*/$", route.path)
        assert (route.operation is not None) is of_the_api, route.path


@pytest.mark.parametrize(
    "module", [audit, decisions, episodes, events, holds, leases, policies, runs, inputs]
)
def test_every_model_that_reads_requests_is_described(module: ModuleType) -> None:
    described: set[type[BaseModel] | None] = {route.operation.query for route in ROUTES if route.operation}
    described |= {route.operation.body for route in ROUTES if route.operation}
    bases = {Input, Query, PageQuery, TimedQuery}
    found = [kind for _, kind in getmembers(module, isclass) if issubclass(kind, (Input, Query))]
    assert {kind for kind in found if kind not in bases} <= described


def test_names_are_unique_and_every_operation_says_what_it_does() -> None:
    names = [operation["operationId"] for operation in operations()]
    assert len(names) == len(set(names))
    assert all(operation["summary"] for operation in operations())


def test_each_operation_tells_its_role_and_what_refuses() -> None:
    run = DOCUMENT["paths"]["/api/v1/runs/{id}/approve"]["post"]
    assert run["x-role"] == "approver"
    assert run["security"] == [{"bearer": []}, {"basic": []}]
    assert {"200", "401", "403", "404", "409", "410", "422"} <= run["responses"].keys()
    assert "security" not in DOCUMENT["paths"]["/health/live"]["get"]


def test_filters_are_told_without_null() -> None:
    parameters = {given["name"]: given for given in DOCUMENT["paths"]["/api/v1/runs"]["get"]["parameters"]}
    assert parameters["policy"]["schema"] == {"type": "string", "maxLength": 1024}
    assert parameters["state"]["schema"]["items"] == {"$ref": "#/components/schemas/RunState"}
    assert parameters["limit"]["schema"]["default"] == 50
    assert "default" not in parameters["cursor"]["schema"]


def test_it_is_an_openapi_document() -> None:
    jsonschema.Draft202012Validator(OPENAPI_31).validate(DOCUMENT)


def test_every_schema_is_valid_and_every_reference_leads_somewhere() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert set(re.findall(r"'#/components/schemas/([^']+)'", str(DOCUMENT))) == schemas.keys()


async def test_the_document_is_served(served: Site) -> None:
    document = await served.get("/api/openapi.json", who="vera")
    assert document["openapi"].startswith("3.1")
    assert document["paths"] == DOCUMENT["paths"]


class Elements(HTMLParser):
    """What a page is made of, and where it points."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("href", "src", "action"):
                self.links.add(value or "")
            elif name == "id":
                self.ids.add(value or "")
            assert not name.startswith(("on", "style")), name


async def test_the_page_shows_all_of_it_and_loads_nothing(served: Site) -> None:
    reply = await served.ask("GET", "/api/docs", who="vera")
    text = reply.body.decode()
    page = Elements()
    page.feed(text)
    assert reply.status == HTTPStatus.OK
    assert {operation["operationId"] for operation in operations()} <= page.ids
    assert {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]} <= page.ids
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= page.ids
    assert {link for link in page.links if not link.startswith("#")} == {"/api/openapi.json"}
    assert not page.tags & {"script", "link", "img", "iframe", "form", "object"}


async def test_the_page_allows_its_own_style_and_nothing_else(served: Site) -> None:
    reply = await served.ask("GET", "/api/docs", who="vera")
    (style,) = re.findall(r"<style>(.*?)</style>", reply.body.decode(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rules = reply.headers["Content-Security-Policy"].split("; ")
    assert rules[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert "frame-ancestors 'none'" in rules


async def test_policies_that_are_known_are_not_sent_again(served: Site) -> None:
    first = await served.ask("GET", "/api/v1/policies", who="vera")
    tag = first.headers["Etag"]
    assert first.headers["Cache-Control"] == "private, no-cache"
    for known in (tag, f'"other", {tag}', f"W/{tag}"):
        again = await served.ask("GET", "/api/v1/policies", who="vera", headers={"If-None-Match": known})
        assert (again.status, again.body) == (HTTPStatus.NOT_MODIFIED, b""), known
        assert again.headers["Etag"] == tag
    other = await served.ask("GET", "/api/v1/policies", who="vera", headers={"If-None-Match": '"other"'})
    assert (other.status, other.body) == (HTTPStatus.OK, first.body)


async def test_another_page_of_policies_has_another_tag(served: Site) -> None:
    all_of_them = await served.ask("GET", "/api/v1/policies")
    none_of_them = await served.ask("GET", "/api/v1/policies?policy=no-such")
    assert all_of_them.headers["Etag"] != none_of_them.headers["Etag"]
