"""The URL of a channel is known to nobody: not to the store, the logs, or whoever reads them."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from io import StringIO

import pytest

from remediator.clients.apprise_sender import AppriseSender
from tests.clients.test_apprise_sender import receiver, refused
from tests.engine.conftest import Begin
from tests.engine.test_news import TELL
from tests.engine.world import POLICY

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
CANARY = "canary-0c2f-token"


async def test_a_channel_url_is_never_stored_or_logged(begin: Begin, monkeypatch: pytest.MonkeyPatch) -> None:
    written = StringIO()
    ours = logging.StreamHandler(written)
    logging.getLogger().addHandler(ours)
    try:
        async with receiver(refused) as host:
            monkeypatch.setenv("INCIDENTS_URL", f"json://ana:{CANARY}@{host}/{CANARY}/x?key={CANARY}")
            channels = {"incidents": ["env:INCIDENTS_URL"]}
            world = await begin(POLICY + TELL, sender=AppriseSender(), channels=channels)
            await world.fire(summary="hello")
    finally:
        logging.getLogger().removeHandler(ours)
    with closing(sqlite3.connect(world.folder / "db.sqlite")) as database:
        dump = "\n".join(database.iterdump())
    lines = [line for line in written.getvalue().splitlines() if "HTTP/1.1" not in line]
    assert "error=500" in dump, "the failure itself is kept"
    assert CANARY not in dump + "\n".join(lines)
