"""Browsers' sessions: signed cookies that name a token, and the list of those that were ended early.

Nothing is kept of a session that runs. One that was ended is remembered until it would have ended by itself;
the audit log says which they are after a restart.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web
from itsdangerous import BadData, URLSafeSerializer

from remediator.clock import Clock
from remediator.runs.audit import AuditAction, AuditRow
from remediator.store.base import Filter, Store
from remediator.web.tokens import Holder

_SALT = "remediator session"
_PAGE_ROWS = 500


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that logged in. `mark` is the one that the token had then."""

    id: str
    token: str
    mark: str
    until: datetime


class Sessions:
    """Begins sessions, reads them from cookies, and ends them.

    Cookies go over TLS only when `secure`; then no other host can set them either.
    """

    def __init__(self, key: bytes, clock: Clock, *, lasts: timedelta, secure: bool) -> None:
        self._signer = URLSafeSerializer(
            key, salt=_SALT, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
        )
        self._clock = clock
        self._lasts = lasts
        self.secure = secure
        self._ended: dict[str, datetime] = {}

    @property
    def cookie_name(self) -> str:
        """The cookie that a session is in."""
        return "__Host-remediator" if self.secure else "remediator"

    async def load(self, store: Store) -> None:
        """Learn which sessions were ended early before this start."""
        before: int | None = None
        while True:
            rows = await self._endings(store, before)
            for row in rows:
                detail = json.loads(row.detail)
                self._ended[detail["session"]] = datetime.fromisoformat(detail["until"])
            if len(rows) < _PAGE_ROWS:
                return
            before = rows[-1].sequence

    async def _endings(self, store: Store, before: int | None) -> list[AuditRow]:
        where = Filter(
            equal={"action": str(AuditAction.SESSION_ENDED)},
            since=self._clock.now() - self._lasts,
            before_id=before,
            limit=_PAGE_ROWS,
        )
        return await store.read(lambda reads: reads.audit_rows(where))

    def begin(self, holder: Holder) -> Session:
        """Return a new session; its id has never been seen by anybody."""
        return Session(
            id=secrets.token_urlsafe(16),
            token=holder.actor.name,
            mark=holder.mark,
            until=(self._clock.now() + self._lasts).replace(microsecond=0),
        )

    def read(self, request: web.Request) -> Session | None:
        """Return the session of a request's cookie: signed by us, and not at its end."""
        given = request.cookies.get(self.cookie_name)
        if given is None:
            return None
        try:
            session_id, token, mark, until = self._signer.loads(given)
            session = Session(session_id, token, mark, datetime.fromtimestamp(until, UTC))
        except (BadData, TypeError, ValueError):
            return None
        return session if self.runs(session) else None

    def runs(self, session: Session) -> bool:
        """Tell whether a session is neither over nor ended."""
        return self._clock.now() < session.until and session.id not in self._ended

    def left(self, session: Session) -> timedelta:
        """Return how long a session may still run."""
        return session.until - self._clock.now()

    def end(self, session: Session) -> None:
        """Take a session's cookie no more, whoever has a copy."""
        now = self._clock.now()
        self._ended = {known: until for known, until in self._ended.items() if until > now}
        self._ended[session.id] = session.until

    def hand_out(self, response: web.StreamResponse, session: Session) -> None:
        """Give a browser its session."""
        value = self._signer.dumps((session.id, session.token, session.mark, int(session.until.timestamp())))
        age = int(self.left(session).total_seconds())
        self._set(response, str(value), max_age=age)

    def take_back(self, response: web.StreamResponse) -> None:
        """Let a browser forget its session."""
        self._set(response, "", max_age=0)

    def _set(self, response: web.StreamResponse, value: str, *, max_age: int) -> None:
        # Lax, not Strict: the link in a notice has to find its reader logged in. GET changes nothing.
        response.set_cookie(
            self.cookie_name,
            value,
            max_age=max_age,
            path="/",
            httponly=True,
            secure=self.secure,
            samesite="Lax",
        )
