"""Tokens, sessions and certificates of a real server: over TLS, and changed while it runs."""

from __future__ import annotations

import re
import signal
import ssl
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
import trustme

from tests.e2e.receiver import TOKEN, Receiver, firing, tokens


@dataclass
class OverTls(Receiver):
    """The same, asked over TLS."""

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _ready(self) -> bool:
        return "listening on https://" in self.log()


def _log_in(client: httpx.Client) -> httpx.Response:
    page = client.get("/login")
    found = re.search(r'name="form_token" value="([^"]+)"', page.text)
    assert found
    return client.post("/login", data={"form_token": unescape(found[1]), "token": TOKEN, "next": "/runs"})


def _tells(receiver: Receiver, action: str) -> bool:
    return any(row["action"] == action for row in _rows(receiver))


def _rows(receiver: Receiver) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = receiver.get("/api/v1/audit")["items"]
    return found


def test_a_removed_token_ends_its_session_and_the_server_goes_on(receiver: Receiver) -> None:
    receiver.configure({"tokens": [{**tokens()[0], "name": "leaver"}]})
    receiver.start()
    with httpx.Client(base_url=receiver.url) as client:
        assert _log_in(client).headers["location"] == "/runs"
        assert client.get("/runs").status_code == httpx.codes.OK
        receiver.configure({})
        assert receiver.process is not None
        receiver.process.send_signal(signal.SIGHUP)
        receiver.until(lambda: "were read again" in receiver.log(), "the tokens were not read again")
        assert _tells(receiver, "tokens.changed")
        gone = client.get("/runs")
        assert gone.status_code == httpx.codes.SEE_OTHER
        assert gone.headers["location"].startswith("/login")

        receiver.config.write_text("tokens: nonsense")
        receiver.process.send_signal(signal.SIGHUP)
        receiver.until(lambda: "stay as they were" in receiver.log(), "the fault was not told")
        assert receiver.get("/api/v1/runs")["items"] == []
    key = receiver.database.parent / "session-key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert key.read_text().strip() not in receiver.log()
    assert TOKEN not in receiver.log()


def test_a_session_outlives_a_restart(receiver: Receiver) -> None:
    receiver.configure({})
    receiver.start()
    with httpx.Client(base_url=receiver.url) as client:
        _log_in(client)
        receiver.kill()
        receiver.start()
        assert client.get("/runs").status_code == httpx.codes.OK


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = ca.issue_cert("127.0.0.1")
    (tmp_path / "server.pem").write_bytes(server.cert_chain_pems[0].bytes())
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    return ca


@contextmanager
def _over_tls(receiver: Receiver, **tls: Any) -> Iterator[OverTls]:
    folder = receiver.folder
    over = OverTls(folder, receiver.port, env={"SSL_CERT_FILE": str(folder / "ca.pem")})
    settings = {"certificate": "server.pem", "key": "server.key", **tls}
    server = {"host": "127.0.0.1", "port": receiver.port, "drain_timeout": "5s", "tls": settings}
    both = {**tokens()[0], "roles": ["admin", "webhook"]}
    over.configure({"server": server, "tokens": [both]})
    try:
        over.start()
        yield over
    finally:
        over.stop()


def test_commands_and_alertmanager_over_tls(receiver: Receiver, authority: trustme.CA) -> None:
    with _over_tls(receiver, client_ca="ca.pem", clients={"am.example": "tester"}) as over:
        assert over.cli("runs", "list").returncode == 0
        context = ssl.create_default_context(cafile=str(over.folder / "ca.pem"))
        authority.issue_cert("am.example").configure_cert(context)
        with httpx.Client(base_url=over.url, verify=context) as alertmanager:
            delivered = alertmanager.post("/webhook/alertmanager", json=firing("Broken"))
            assert delivered.status_code == httpx.codes.OK
            assert alertmanager.get("/api/v1/runs").status_code == httpx.codes.UNAUTHORIZED
        del over.env["SSL_CERT_FILE"]
        assert over.cli("runs", "list").returncode == 2


def test_certificate_files_that_do_not_fit_are_told(receiver: Receiver, authority: trustme.CA) -> None:
    (receiver.folder / "server.key").unlink()
    tls = {"certificate": "server.pem", "key": "server.key"}
    receiver.configure({"server": {"port": receiver.port, "tls": tls}})
    receiver.start(ready=False)
    assert receiver.await_death() == 2
    last = receiver.log().splitlines()[-1]
    assert "server.tls" in last
    assert str(Path(receiver.folder) / "server.key") in last
