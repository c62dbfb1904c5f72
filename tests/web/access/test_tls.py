"""TLS with real certificates, and webhooks by client certificate."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from remediator.settings_access import Tls
from remediator.web.tls import ServerTls, TlsError
from tests.web.access.visitor import Visitor, set_cookies
from tests.web.site import WEBHOOK, Site, bearer, payload, site

AM = "alertmanager.example"


class Authority:
    """A certificate authority, and what it issued, in files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.ca = trustme.CA()
        self.file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(self.file)

    def issue(self, *names: str) -> tuple[Path, Path]:
        """Write a certificate and its key, over those of before."""
        issued = self.ca.issue_cert(*names)
        certificate, key = self._folder / "server.pem", self._folder / "server.key"
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        issued.private_key_pem.write_to_path(key)
        return certificate, key

    def client(self, *names: str) -> ssl.SSLContext:
        """Return a client's context; with a certificate when it has a name."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if names:
            self.ca.issue_cert(*names).configure_cert(context)
        return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def over_tls(folder: Path, authority: Authority, **tls: Any) -> AsyncIterator[Site]:
    certificate, key = authority.issue("127.0.0.1")
    server = {"tls": {"certificate": str(certificate), "key": str(key), **tls}}
    async with site(folder, server=server) as served:
        yield served


async def test_it_is_served_over_tls(tmp_path: Path, authority: Authority) -> None:
    async with over_tls(tmp_path, authority) as served:
        assert served.server.url.startswith("https://")
        reply = await served.ask("GET", "/api/v1/runs", ssl=authority.client())
        assert reply.status == HTTPStatus.OK
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await served.ask("GET", "/api/v1/runs", ssl=ssl.create_default_context())


async def test_old_versions_and_plain_http_are_not_spoken(tmp_path: Path, authority: Authority) -> None:
    async with over_tls(tmp_path, authority) as served:
        plain = f"http://127.0.0.1:{served.server.port}/health/live"
        with pytest.raises(aiohttp.ClientError):
            await served.client.get(plain)
        old = authority.client()
        with pytest.deprecated_call():
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises(aiohttp.ClientError):
            await served.ask("GET", "/health/live", ssl=old)


async def test_the_cookie_is_for_tls_and_this_host_only(tmp_path: Path, authority: Authority) -> None:
    async with over_tls(tmp_path, authority) as served:
        trusting = Trusting(served, authority.client())
        cookies = set_cookies(await trusting.log_in())
        assert cookies["__Host-remediator"]["secure"]
        assert cookies["__Host-remediator"]["path"] == "/"
        assert (await trusting.get("/")).status == HTTPStatus.OK


async def test_a_plain_page_of_this_host_is_another_site(tmp_path: Path, authority: Authority) -> None:
    async with over_tls(tmp_path, authority) as served:
        trusting = Trusting(served, authority.client())
        await trusting.log_in()
        fields = {"scope": "all", "reason": "x", "form_token": await trusting.form_token()}
        plain = served.server.url.replace("https", "http")
        assert (await trusting.post("/holds", fields, Origin=plain)).status == HTTPStatus.FORBIDDEN
        assert (
            await trusting.post("/holds", fields, Origin=served.server.url)
        ).status == HTTPStatus.SEE_OTHER


async def test_a_renewed_certificate_is_taken_without_a_restart(tmp_path: Path, authority: Authority) -> None:
    async with over_tls(tmp_path, authority) as served:
        before = await _serial(served, authority)
        certificate, _ = authority.issue("127.0.0.1")
        served.server.renew_certificate()
        renewed = await _serial(served, authority)
        assert renewed != before
        certificate.write_text("not a certificate")
        with pytest.raises(TlsError, match=r"server\.pem"):
            served.server.renew_certificate()
        assert await _serial(served, authority) == renewed


@pytest.mark.parametrize("broken", ["certificate", "key", "client_ca"])
def test_files_that_do_not_fit_are_named(tmp_path: Path, authority: Authority, broken: str) -> None:
    certificate, key = authority.issue("127.0.0.1")
    files = {"certificate": certificate, "key": key, "client_ca": authority.file}
    with pytest.raises(TlsError, match="gone"):
        ServerTls(Tls.model_validate({**files, broken: tmp_path / "gone.pem"}))
    (tmp_path / "broken.pem").write_text("nothing")
    with pytest.raises(TlsError, match="broken"):
        ServerTls(Tls.model_validate({**files, broken: tmp_path / "broken.pem"}))


def test_a_key_of_another_certificate_is_a_fault(tmp_path: Path, authority: Authority) -> None:
    certificate, key = authority.issue("127.0.0.1")
    authority.ca.issue_cert("127.0.0.1").private_key_pem.write_to_path(key)
    with pytest.raises(TlsError):
        ServerTls(Tls(certificate=certificate, key=key))


async def deliver(served: Site, context: ssl.SSLContext, **headers: str) -> HTTPStatus:
    reply = await served.ask("POST", WEBHOOK, who=None, body=payload(), headers=headers, ssl=context)
    return reply.status


def by_certificate(authority: Authority) -> dict[str, Any]:
    return {"client_ca": str(authority.file), "clients": {AM: "alertmanager"}}


async def test_alertmanager_may_come_by_certificate(tmp_path: Path, authority: Authority) -> None:
    async with over_tls(tmp_path, authority, **by_certificate(authority)) as served:
        assert await deliver(served, authority.client(AM)) == HTTPStatus.OK
        assert await deliver(served, authority.client("also.example", AM)) == HTTPStatus.OK


async def test_only_listed_names_count(tmp_path: Path, authority: Authority) -> None:
    async with over_tls(tmp_path, authority, **by_certificate(authority)) as served:
        for names in ((), ("other.example",), (f"x.{AM}",), ("*.example",)):
            assert await deliver(served, authority.client(*names)) == HTTPStatus.UNAUTHORIZED, names


async def test_people_need_no_certificate(tmp_path: Path, authority: Authority) -> None:
    async with over_tls(tmp_path, authority, **by_certificate(authority)) as served:
        trusting = Trusting(served, authority.client())
        assert (await trusting.log_in()).status == HTTPStatus.SEE_OTHER
        assert await deliver(served, authority.client(), **bearer("alertmanager")) == HTTPStatus.OK


async def test_a_certificate_of_strangers_ends_in_the_handshake(tmp_path: Path, authority: Authority) -> None:
    strangers = trustme.CA()
    context = authority.client()
    strangers.issue_cert(AM).configure_cert(context)
    async with over_tls(tmp_path, authority, **by_certificate(authority)) as served:
        with pytest.raises((aiohttp.ClientError, ConnectionError)):
            await deliver(served, context)


async def test_a_certificate_opens_the_webhook_and_nothing_else(tmp_path: Path, authority: Authority) -> None:
    tls = {"client_ca": str(authority.file), "clients": {AM: "root"}}
    async with over_tls(tmp_path, authority, **tls) as served:
        context = authority.client(AM)
        assert await deliver(served, context) == HTTPStatus.OK
        for method, path in (("GET", "/api/v1/runs"), ("POST", "/api/v1/holds"), ("GET", "/metrics")):
            reply = await served.ask(method, path, who=None, body=b"{}", ssl=context)
            assert (reply.status == HTTPStatus.OK) is (path == "/metrics")
        page = await served.ask("GET", "/", who=None, ssl=context)
        assert page.status == HTTPStatus.SEE_OTHER


async def test_a_wrong_token_is_not_saved_by_a_certificate(tmp_path: Path, authority: Authority) -> None:
    async with over_tls(tmp_path, authority, **by_certificate(authority)) as served:
        wrong = await deliver(served, authority.client(AM), Authorization="Bearer wrong")
        assert wrong == HTTPStatus.UNAUTHORIZED


class Trusting(Visitor):
    """A visitor who trusts the authority."""

    def __init__(self, served: Site, context: ssl.SSLContext) -> None:
        super().__init__(served, more={"ssl": context})


async def _serial(served: Site, authority: Authority) -> str:
    # A connection of its own: one that is open keeps the certificate that it began with.
    _, writer = await asyncio.open_connection("127.0.0.1", served.server.port, ssl=authority.client())
    certificate = writer.get_extra_info("peercert")
    writer.close()
    await writer.wait_closed()
    return str(certificate["serialNumber"])
