"""Tokens and certificate are read again while the server runs."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from pathlib import Path

import pytest
import yaml

from remediator.errors import ConfigError
from remediator.renewal import Renewal
from remediator.runs.audit import AuditAction
from tests.web.access.visitor import Visitor
from tests.web.site import Site, bearer, site, token_of


def _write(config: Path, *names: str, roles: tuple[str, ...] = ("viewer",)) -> Path:
    tokens = [
        {"name": name, "sha256": hashlib.sha256(token_of(name).encode()).hexdigest(), "roles": list(roles)}
        for name in names
    ]
    config.write_text(yaml.safe_dump({"tokens": tokens, "store": {"sqlite": "db.sqlite"}}))
    return config


def _renewal(served: Site, config: Path, told: list[str] | None = None) -> Renewal:
    services = served.services
    tell = told.append if told is not None else pytest.fail
    return Renewal(services.settings, config, services.store, services.clock, tell)


async def _status(served: Site, who: str) -> HTTPStatus:
    return (await served.ask("GET", "/api/v1/runs", headers=bearer(who))).status


async def test_tokens_come_and_go(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        visitor = Visitor(served)
        await visitor.log_in("root")
        config = _write(tmp_path / "remediator.yaml", "vera", "new")
        await _renewal(served, config).renew(served.server)
        assert await _status(served, "new") == HTTPStatus.OK
        assert await _status(served, "vera") == HTTPStatus.OK
        assert await _status(served, "root") == HTTPStatus.UNAUTHORIZED
        assert (await visitor.get("/")).status == HTTPStatus.SEE_OTHER


async def test_it_is_written_down_by_name(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        config = _write(tmp_path / "remediator.yaml", "vera", "olga", "new")
        renewal = _renewal(served, config)
        await renewal.renew(served.server)
        await renewal.renew(served.server)
        (row,) = (row for row in await served.audit() if row.action == AuditAction.TOKENS_CHANGED)
        gone = ["alertmanager", "ana", "nobody", "root"]
        assert json.loads(row.detail) == {"added": ["new"], "removed": gone, "changed": ["olga"]}


async def test_a_configuration_with_faults_changes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path) as served:
        config = tmp_path / "remediator.yaml"
        config.write_text("tokens: [{name: root}]")
        with pytest.raises(ConfigError):
            await _renewal(served, config).renew(served.server)
        assert await _status(served, "root") == HTTPStatus.OK
        assert await served.audit() == []


async def test_without_tokens_one_is_made_and_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with site(tmp_path) as served:
        told: list[str] = []
        await _renewal(served, _write(tmp_path / "remediator.yaml"), told).renew(served.server)
        (text,) = told
        token = next(line.strip() for line in text.splitlines() if line.startswith("    "))
        reply = await served.ask("GET", "/api/v1/runs", headers={"Authorization": f"Bearer {token}"})
        assert reply.status == HTTPStatus.OK
        assert token not in caplog.text
