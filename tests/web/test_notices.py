"""What was told, and how the channels fare; and the links of a run."""

from __future__ import annotations

from pathlib import Path

from tests.engine.world import POLICY
from tests.web.site import site

NEWS = (
    POLICY
    + "notify: {channel: incidents}\n"
    + "links: [{title: Traces, url: 'https://jaeger.example/x?s={{ labels.thing }}'}]\n"
)


async def test_notices_and_channels_are_listed(tmp_path: Path) -> None:
    async with site(tmp_path, NEWS, channels={"incidents": ["env:INCIDENTS_URL"]}) as served:
        await served.world.fire(thing="a b")
        listed = await served.get("/api/v1/notices")
        assert [one["kind"] for one in listed["items"]] == ["succeeded", "started"]
        (last, _) = listed["items"]
        assert (last["state"], last["run_id"], last["title"]) == ("sent", 1, "Broken: thing/a b remediated")
        only = await served.get("/api/v1/notices?kind=started&state=sent&run=1&channel=incidents")
        assert len(only["items"]) == 1
        (channel,) = (await served.get("/api/v1/channels"))["items"]
        assert (channel["name"], channel["failures"], channel["last_error"]) == ("incidents", 0, "")
        run = await served.get("/api/v1/runs/1")
        assert run["links"] == [{"title": "Traces", "url": "https://jaeger.example/x?s=a%20b"}]
        metrics = (await served.ask("GET", "/metrics", who=None)).body
        assert 'remediator_notifications_total{channel="other",result="sent"} 2.0' in str(metrics)


async def test_the_report_of_a_run_is_made_as_it_is_asked_for(tmp_path: Path) -> None:
    async with site(tmp_path, POLICY) as served:
        await served.world.fire()
        report = await served.get("/api/v1/runs/1/report")
        assert report["name"] == "fix-20260105_120000-run-1"
        assert report["markdown"].startswith("# Broken on thing/a\n")
        assert report["svg"] is None
        assert (await served.ask("GET", "/api/v1/runs/9/report", who="root")).status == 404
