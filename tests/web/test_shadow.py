"""Shadow decisions show what was seen after them."""

from __future__ import annotations

from datetime import timedelta
from http import HTTPStatus
from pathlib import Path

from tests.engine.world import HOLDS, POLICY, Script
from tests.web.site import Site, site

SHADOW = POLICY.replace("policy: fix", "policy: fix\nmode: shadow").replace(
    "options:", "guards:\n  - approval: {from: [oncall], expires: 10m}\noptions:"
)


async def test_a_shadow_decision_is_listed_with_what_was_seen(tmp_path: Path) -> None:
    async with site(tmp_path, SHADOW, script=Script(promql={"ok": HOLDS})) as served:
        await served.world.fire()
        decided, admitted = (await served.get("/api/v1/decisions"))["items"]
        assert admitted["shadow"] is None
        assert decided["shadow"]["would_verify"] is None
        await served.world.pass_time(timedelta(seconds=10))
        await served.world.resolve()
        (decided, _) = (await served.get("/api/v1/decisions"))["items"]
        shadow = decided["shadow"]
        assert (shadow["would_verify"], shadow["reason"], shadow["held_at_decision"]) == ("yes", "held", True)
        assert shadow["asks"] == [{"level": "policy", "from": ["oncall"], "count": 1, "expires": "10m"}]
        assert (shadow["close_reason"], shadow["seconds_until_resolved"]) == ("resolved", 10.0)


async def test_one_decision_shows_the_plan_that_would_have_run(tmp_path: Path) -> None:
    async with site(tmp_path, SHADOW) as served:
        await served.world.fire()
        decided, admitted = (await served.get("/api/v1/decisions"))["items"]
        detail = await served.get(f"/api/v1/decisions/{decided['id']}")
        assert [step["action"] for step in detail["plan"]["steps"]] == ["test.act"]
        assert {key: detail[key] for key in decided} == decided
        assert (await served.get(f"/api/v1/decisions/{admitted['id']}"))["plan"] is None


async def test_a_decision_that_is_not_there(served: Site) -> None:
    reply = await served.ask("GET", "/api/v1/decisions/99")
    assert reply.status == HTTPStatus.NOT_FOUND
