"""Somebody at a browser without script: keeps cookies, sends forms, follows nothing by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from http import HTTPStatus
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from tests.web.site import Reply, Site, token_of

SESSION = "remediator"


@dataclass
class Visitor:
    """A browser with its cookies."""

    site: Site
    cookies: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """For the client: how to connect."""

    async def get(self, path: str, **headers: str) -> Reply:
        return await self._ask("GET", path, None, headers)

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> Reply:
        """Send a form; `Name_Of` stands for the header Name-Of."""
        headers = {"Content_Type": "application/x-www-form-urlencoded", **headers}
        return await self._ask("POST", path, urlencode(fields).encode(), headers)

    async def form_token(self, path: str = "/") -> str:
        page = await self.get(path)
        assert page.status == HTTPStatus.OK, page.body
        found = re.search(r'name="form_token" value="([^"]+)"', page.body.decode())
        assert found
        return unescape(found[1])

    async def log_in(self, who: str = "root", *, token: str | None = None, to: str = "/") -> Reply:
        form_token = await self.form_token("/login")
        fields = {"form_token": form_token, "token": token or token_of(who), "next": to}
        return await self.post("/login", fields)

    async def _ask(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Reply:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        reply = await self.site.ask(method, path, who=None, body=body, headers=sent, **self.more)
        for name, morsel in set_cookies(reply).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value
        return reply


def set_cookies(reply: Reply) -> SimpleCookie:
    """Return what a reply sets."""
    found = SimpleCookie()
    for line in reply.cookies:
        found.load(line)
    return found
