"""Broken versions of what docs/reliability.md promises of ingest."""

from __future__ import annotations

from torture.broken.version import Broken

INGEST = (
    Broken(
        name="answers 200 before the commit",
        promise="200 means committed",
        file="remediator/web/webhook.py",
        changes=(
            (
                "        await services.intake.accept(source, payload)\n",
                "        asyncio.get_running_loop().call_later(\n"
                "            1, lambda: asyncio.ensure_future(services.intake.accept(source, payload))\n"
                "        )\n",
            ),
        ),
        noticed_by="tests/web/test_webhook.py::test_a_delivery_is_committed_before_200",
    ),
    Broken(
        name="does not wait for the disk",
        promise="200 means committed",
        file="remediator/store/sqlite/store.py",
        changes=(("PRAGMA synchronous = FULL", "PRAGMA synchronous = OFF"),),
        noticed_by="tests/store/test_opening.py::test_each_commit_waits_for_the_disk",
    ),
    Broken(
        name="opens a second episode when startsAt moves",
        promise="An alert has one open episode, however often, from wherever and in whatever order it comes",
        file="remediator/engine/episodes.py",
        changes=(
            (
                "    episode = reads.open_episode(source, alert.fingerprint)\n    handling = ",
                "    episode = reads.open_episode(source, alert.fingerprint)\n"
                "    if episode is not None and episode.starts_at != alert.starts_at:\n"
                "        episode = None\n"
                "    handling = ",
            ),
        ),
        noticed_by="tests/engine/test_main_job.py::test_a_moved_starts_at_opens_no_second_episode",
    ),
    Broken(
        name="answers 400 to what could succeed later",
        promise="What could succeed later is answered 503 and comes again",
        file="remediator/web/webhook.py",
        changes=(
            (
                "ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, ",
                "ProblemError(HTTPStatus.BAD_REQUEST, ",
            ),
        ),
        noticed_by="tests/web/test_webhook.py::test_what_could_succeed_later_is_503",
    ),
    Broken(
        name="refuses a delivery for one bad alert",
        promise="One bad alert does not drop its siblings",
        file="remediator/alerts.py",
        changes=(
            (
                "    return Payload(\n",
                "    if any(isinstance(alert, BadAlert) for alert in read):\n"
                "        raise NotAPayloadError(NotAPayloadReason.ALERTS_NOT_A_LIST)\n"
                "    return Payload(\n",
            ),
        ),
        noticed_by="tests/web/test_webhook.py::test_a_bad_alert_does_not_drop_its_siblings",
    ),
    Broken(
        name="does not open what a poll finds",
        promise="What Alertmanager cut off or forgot to resolve is found",
        file="remediator/jobs/poll_alertmanager.py",
        changes=(("        if not missed:\n", "        if missed is not None:\n"),),
        noticed_by="tests/e2e/test_alertmanager.py::test_cut_off_alerts_are_polled_at_once",
    ),
    Broken(
        name="waits for a header for ever",
        promise="Slow and broken clients harm nobody",
        file="remediator/web/connections.py",
        changes=(
            (
                "        self._deadline = self._loop.call_later("
                "self._connections.header_timeout.total_seconds(), self.cut)\n",
                "",
            ),
        ),
        noticed_by="tests/web/test_slow_clients.py::test_a_header_that_trickles_is_cut",
    ),
)
