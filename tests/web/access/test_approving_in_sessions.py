"""Approvals from the browser follow the approval's rules: who was asked, how many, each person once."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

from tests.web.access.visitor import Visitor
from tests.web.site import Reply, Site, site
from tests.web.test_commands import ASKING

TWO = ASKING.replace("{from: [oncall], expires: 30m}", "{from: [ana, olga, root], count: 2, expires: 30m}")
BY_HAND = ASKING.replace("{from: [oncall], expires: 30m}", "{from: [root, ana], expires: 30m}")


async def logged_in(served: Site, who: str) -> Visitor:
    visitor = Visitor(served)
    assert (await visitor.log_in(who)).status == HTTPStatus.SEE_OTHER
    return visitor


async def vote(visitor: Visitor, verdict: str = "approve", **changes: str) -> Reply:
    run = await visitor.site.get("/api/v1/runs/1")
    form_token = changes.pop("form_token", None) or await visitor.form_token("/runs/1")
    fields = {"plan_hash": run["plan_hash"], "comment": "", "form_token": form_token}
    return await visitor.post(f"/runs/1/{verdict}", {**fields, **changes})


async def run(served: Site) -> Any:
    return await served.get("/api/v1/runs/1")


async def test_who_was_asked_decides_from_the_page(tmp_path: Path) -> None:
    async with site(tmp_path, ASKING) as served:
        await served.world.fire()
        assert (await vote(await logged_in(served, "ana"))).status == HTTPStatus.SEE_OTHER
        await served.world.settle()
        found = await run(served)
        assert [cast["actor"] for cast in found["approval"]["votes"]] == ["ana"]
        assert found["approval"]["state"] == "approved"


async def test_who_was_not_asked_or_has_no_role_does_not(tmp_path: Path) -> None:
    async with site(tmp_path, ASKING) as served:
        await served.world.fire()
        for who in ("olga", "vera", "root"):
            reply = await vote(await logged_in(served, who))
            assert reply.status == HTTPStatus.FORBIDDEN, who
        assert (await run(served))["approval"]["state"] == "pending"


async def test_two_sessions_of_one_person_are_one_voice(tmp_path: Path) -> None:
    async with site(tmp_path, TWO) as served:
        await served.world.fire()
        desk, phone = await logged_in(served, "ana"), await logged_in(served, "ana")
        assert (await vote(desk)).status == HTTPStatus.SEE_OTHER
        await vote(phone)
        assert (await run(served))["approval"]["state"] == "pending"
        assert (await vote(await logged_in(served, "root"))).status == HTTPStatus.SEE_OTHER
        assert (await run(served))["approval"]["state"] == "approved"


async def test_by_the_proxys_word_it_is_the_same_person(tmp_path: Path) -> None:
    proxy = {"from": ["127.0.0.1"], "users": {"ana@example.org": "ana"}}
    async with site(tmp_path, TWO, server={"proxy_login": proxy}) as served:
        await served.world.fire()
        proxied = Visitor(served, headers={"X-Forwarded-User": "ana@example.org"})
        form_token = await proxied.form_token("/runs/1")
        assert (await vote(await logged_in(served, "ana"))).status == HTTPStatus.SEE_OTHER
        again = await vote(proxied, form_token=form_token)
        assert again.status != HTTPStatus.FORBIDDEN
        found = await run(served)
        assert found["approval"]["state"] == "pending"
        assert [cast["actor"] for cast in found["approval"]["votes"]] == ["ana"]


async def test_nobody_approves_what_they_started(tmp_path: Path) -> None:
    async with site(tmp_path, BY_HAND) as served:
        starter = await logged_in(served, "root")
        labels = {"labels": {"alertname": "Broken"}, "comment": "try"}
        started = await served.post("/api/v1/policies/fix/run", labels)
        assert started.status == HTTPStatus.OK, started.body
        assert (await vote(starter)).status == HTTPStatus.FORBIDDEN
        assert (await run(served))["approval"]["state"] == "pending"
        assert (await vote(await logged_in(served, "ana"))).status == HTTPStatus.SEE_OTHER


async def test_only_the_plan_that_was_shown_is_approved(tmp_path: Path) -> None:
    async with site(tmp_path, ASKING) as served:
        await served.world.fire()
        reply = await vote(await logged_in(served, "ana"), plan_hash="0" * 64)
        assert reply.status == HTTPStatus.CONFLICT
        assert (await run(served))["approval"]["state"] == "pending"


async def test_opening_the_link_approves_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, ASKING) as served:
        await served.world.fire()
        found = await run(served)
        visitor = await logged_in(served, "ana")
        assert (await visitor.get("/runs/1")).status == HTTPStatus.OK
        for verdict in ("approve", "deny"):
            opened = await visitor.get(f"/runs/1/{verdict}?plan_hash={found['plan_hash']}")
            assert opened.status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
        assert (await run(served))["approval"]["state"] == "pending"
