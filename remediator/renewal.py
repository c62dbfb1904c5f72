"""SIGHUP: tokens and certificate are read again, and what removed tokens opened ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from remediator.admin_token import with_admin_token
from remediator.clock import Clock
from remediator.engine.actors import ENGINE
from remediator.errors import RemediatorError
from remediator.runs.audit import AuditAction, AuditEntry
from remediator.settings import Settings, Token
from remediator.settings_file import load_settings
from remediator.store.base import Store
from remediator.web.server import WebServer

_LOG = logging.getLogger("remediator")


class Renewal:
    """Reads again what may change while the server runs."""

    def __init__(
        self,
        settings: Settings,
        config_path: Path | None,
        store: Store,
        clock: Clock,
        tell: Callable[[str], None],
    ) -> None:
        self._tokens = settings.tokens
        self._config_path = config_path
        self._store = store
        self._clock = clock
        self._tell = tell

    async def run(self, web: WebServer, asked: asyncio.Event) -> None:
        """Renew whenever asked; a configuration with faults changes nothing."""
        while True:
            await asked.wait()
            asked.clear()
            try:
                await self.renew(web)
            except RemediatorError as error:
                _LOG.error("tokens and certificate stay as they were: %s", error)

    async def renew(self, web: WebServer) -> None:
        """Read tokens and certificate again, write down who came and went, and let it hold.

        Raises:
            RemediatorError: when the files have faults, or it can't be written down; tokens stay then.
        """
        fresh = await asyncio.to_thread(self._read)
        web.renew_certificate()
        changes = _changes(self._tokens, fresh)
        if changes:
            entry = AuditEntry(
                at=self._clock.now(), actor=ENGINE, action=AuditAction.TOKENS_CHANGED, detail=changes
            )
            await self._store.write(lambda tx: tx.audit(entry))
        self._tokens = fresh
        web.renew_tokens(fresh)
        _LOG.info("tokens and certificate were read again; the rest of remediator.yaml needs a restart")

    def _read(self) -> tuple[Token, ...]:
        return with_admin_token(load_settings(self._config_path), self._tell).tokens


def _changes(before: Sequence[Token], after: Sequence[Token]) -> dict[str, list[str]]:
    old, new = ({token.name: token for token in tokens} for tokens in (before, after))
    found = {
        "added": sorted(new.keys() - old.keys()),
        "removed": sorted(old.keys() - new.keys()),
        "changed": sorted(name for name in new.keys() & old.keys() if new[name] != old[name]),
    }
    return {what: names for what, names in found.items() if names}
