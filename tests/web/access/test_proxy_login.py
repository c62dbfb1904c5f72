"""A proxy's word for who somebody is: from listed addresses only, for listed people only."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from remediator.errors import ConfigError
from remediator.settings_file import load_settings
from tests.web.access.visitor import Visitor
from tests.web.site import Site, bearer, site

HERE = {
    "from": ["127.0.0.0/8"],
    "users": {"ana@example.org": "ana", "vera": "vera", "olga": "olga", "root": "root"},
}
ELSEWHERE = {**HERE, "from": ["192.0.2.0/24", "2001:db8::1"]}
HEADER = "X-Forwarded-User"
HOLD = {"scope": "all", "reason": "x"}


def by(user: str, header: str = HEADER) -> dict[str, str]:
    return {header: user}


async def status(served: Site, headers: Mapping[str, str]) -> HTTPStatus:
    return (await served.ask("GET", "/api/v1/runs", who=None, headers=dict(headers))).status


async def test_the_proxys_people_are_let_in_as_who_they_are(tmp_path: Path) -> None:
    async with site(tmp_path, server={"proxy_login": HERE}) as served:
        visitor = Visitor(served, headers=by("ana@example.org"))
        page = await visitor.get("/")
        assert page.status == HTTPStatus.OK
        assert "<bdi>ana</bdi>" in page.body.decode() or ">ana<" in page.body.decode()
        assert (await visitor.get("/api/v1/holds")).status == HTTPStatus.FORBIDDEN


async def test_it_is_off_unless_configured(served: Site) -> None:
    assert await status(served, by("root")) == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "headers",
    [
        by("root"),
        {**by("root"), "X-Forwarded-For": "192.0.2.1"},
        {**by("root"), "X-Real-IP": "192.0.2.1"},
        {**by("root"), "Forwarded": "for=192.0.2.1"},
    ],
    ids="+".join,
)
async def test_from_elsewhere_the_header_says_nothing(tmp_path: Path, headers: dict[str, str]) -> None:
    async with site(tmp_path, server={"proxy_login": ELSEWHERE}) as served:
        assert await status(served, headers) == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    "headers",
    [
        by("mallory"),
        by(""),
        by("ROOT"),
        by("root, vera"),
        by("ana"),
        by("root", "X-Remote-User"),
        by("root", "X_Forwarded_User"),
    ],
    ids=str,
)
async def test_whoever_is_not_listed_is_nobody(tmp_path: Path, headers: dict[str, str]) -> None:
    async with site(tmp_path, server={"proxy_login": HERE}) as served:
        assert await status(served, headers) == HTTPStatus.UNAUTHORIZED


async def test_two_headers_are_none(tmp_path: Path) -> None:
    """A proxy that adds its header to the client's own has not said who it is."""
    async with site(tmp_path, server={"proxy_login": HERE}) as served:
        reader, writer = await served.connect()
        line = f"{HEADER}: root\r\n{HEADER}: vera\r\n"
        writer.write(f"GET /api/v1/runs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{line}\r\n".encode())
        assert b" 401 " in await reader.readline()
        writer.close()


async def test_the_header_can_be_another(tmp_path: Path) -> None:
    proxy = {**HERE, "header": "X-Auth-Request-Email"}
    async with site(tmp_path, server={"proxy_login": proxy}) as served:
        assert await status(served, by("vera", "X-Auth-Request-Email")) == HTTPStatus.OK
        assert await status(served, by("vera")) == HTTPStatus.UNAUTHORIZED


async def test_its_forms_carry_a_token_too(tmp_path: Path) -> None:
    async with site(tmp_path, server={"proxy_login": HERE}) as served:
        visitor, other = (Visitor(served, headers=by(who)) for who in ("root", "olga"))
        for fields in (HOLD, {**HOLD, "form_token": await other.form_token("/")}):
            assert (await visitor.post("/holds", fields)).status == HTTPStatus.FORBIDDEN
        unmarked = await served.ask("POST", "/api/v1/holds", who=None, body=HOLD, headers=by("root"))
        assert unmarked.status == HTTPStatus.FORBIDDEN
        fields = {**HOLD, "form_token": await visitor.form_token()}
        assert (await visitor.post("/holds", fields, Origin="null")).status == HTTPStatus.FORBIDDEN
        assert (await visitor.post("/holds", fields)).status == HTTPStatus.SEE_OTHER


async def test_a_token_goes_before_the_proxys_word(tmp_path: Path) -> None:
    async with site(tmp_path, server={"proxy_login": HERE}) as served:
        assert await status(served, {**by("root"), **bearer("nobody")}) == HTTPStatus.FORBIDDEN
        assert await status(served, {**by("root"), "Authorization": "Bearer x"}) == HTTPStatus.UNAUTHORIZED


async def test_the_proxys_word_goes_before_an_older_session(tmp_path: Path) -> None:
    async with site(tmp_path, server={"proxy_login": HERE}) as served:
        visitor = Visitor(served)
        await visitor.log_in("root")
        visitor.headers = by("vera")
        assert (await visitor.get("/api/v1/holds")).status == HTTPStatus.FORBIDDEN


async def test_removing_somebody_ends_it(tmp_path: Path) -> None:
    async with site(tmp_path, server={"proxy_login": HERE}) as served:
        served.server.renew_tokens([])
        assert await status(served, by("root")) == HTTPStatus.UNAUTHORIZED


def _settings(folder: Path, server: str) -> Any:
    path = folder / "remediator.yaml"
    path.write_text(f"server:\n{server}\ntokens:\n  - {{name: ana, roles: [viewer]}}\n")
    return load_settings(path)


@pytest.mark.parametrize(
    ("server", "says"),
    [
        ("  proxy_login: {from: [10.0.0.1], users: {a: anna}}", "nobody is called 'anna' under tokens"),
        ("  proxy_login: {from: [], users: {a: ana}}", "from"),
        ("  proxy_login: {users: {a: ana}}", "from"),
        ("  proxy_login: {from: [everywhere], users: {a: ana}}", "from"),
        ("  proxy_login: {from: [10.0.0.1], header: 'a b', users: {a: ana}}", "header"),
        ("  tls: {certificate: c, key: k, clients: {x: ana}}", "client_ca"),
        ("  tls: {certificate: c, key: k, client_ca: a, clients: {x: ana}}", "role webhook"),
        ("  tls: {certificate: c, key: k, client_ca: a, clients: {x: bob}}", "nobody is called 'bob'"),
        ("  login: {key: written here}", "plain text"),
        ("  login: {failures: 0}", "failures"),
        ("  login: {lasts: 0s}", "lasts"),
    ],
)
def test_faults_of_the_configuration_are_found(tmp_path: Path, server: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as caught:
        _settings(tmp_path, server)
    assert "remediator.yaml:2:" in str(caught.value)


def test_somebody_may_have_no_token(tmp_path: Path) -> None:
    settings = _settings(tmp_path, "  proxy_login: {from: [10.0.0.1], users: {a: ana}}")
    assert settings.tokens[0].sha256 is None
    assert [str(network) for network in settings.server.proxy_login.from_] == ["10.0.0.1/32"]


async def test_who_has_no_token_has_not_an_empty_one(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        (root,) = (token for token in served.services.settings.tokens if token.name == "root")
        served.server.renew_tokens([root.model_copy(update={"sha256": None})])
        for header in ("Bearer ", "Basic Og==", "Bearer None"):
            assert await status(served, {"Authorization": header}) == HTTPStatus.UNAUTHORIZED
        assert (await Visitor(served).log_in(token=" ")).status == HTTPStatus.FORBIDDEN
