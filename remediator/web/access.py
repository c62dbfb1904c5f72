"""Who sends a request: by a token, a session, a proxy's word or a certificate. And whether it still holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from math import ceil

from aiohttp import hdrs, web
from itsdangerous import Signer
from pydantic import IPvAnyNetwork

from remediator.engine.actors import Actor
from remediator.settings import Role, Token
from remediator.web.attempts import Attempts
from remediator.web.credentials import Way, authorization
from remediator.web.failed_logins import FailedLogins, Through
from remediator.web.peers import is_within, origin, peer
from remediator.web.problems import ProblemError
from remediator.web.services import Services
from remediator.web.sessions import Session, Sessions
from remediator.web.tokens import Holder, Tokens

_FORM_SALT = "remediator form"


@dataclass(frozen=True, slots=True)
class Login:
    """Who sends a request, and by what that is known."""

    actor: Actor
    mark: str
    way: Way
    session: Session | None = None


class Access:
    """Lets in whoever `settings.tokens` lists."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        server, login = settings.server, settings.server.login
        public = server.public_url
        self._proxy = server.proxy_login
        self._clients: Mapping[str, str] = server.tls.clients if server.tls else {}
        self._forms = Signer(
            services.session_key, salt=_FORM_SALT, key_derivation="hmac", digest_method=hashlib.sha256
        )
        self.tokens = Tokens(settings.tokens)
        self.sessions = Sessions(
            services.session_key,
            services.clock,
            lasts=login.lasts,
            secure=server.tls is not None or (public is not None and public.scheme == "https"),
        )
        self._attempts = Attempts(services.clock, most=login.failures, within=login.within)
        self.failures = FailedLogins(services.store, services.clock)

    def renew(self, tokens: Iterable[Token]) -> None:
        """Let these log in from now on, and nobody else."""
        self.tokens.renew(tokens)

    async def login(self, request: web.Request, role: Role | None = None) -> Login | None:
        """Return who sends a request. A header with a token goes before all else, right or wrong.

        Raises:
            ProblemError: 429 after too many wrong tokens.
            StoreUnavailableError: when a wrong one can't be written down.
        """
        given = authorization(request)
        if given is not None:
            holder = await self.holder_of(request, given.secret, Through.HEADER)
            return None if holder is None else Login(holder.actor, holder.mark, given.way)
        return self._by_certificate(request, role) or self.of_browser(request)

    async def holder_of(self, request: web.Request, secret: bytes | None, through: Through) -> Holder | None:
        """Return who holds a token that came with a request.

        Raises:
            ProblemError: 429 after too many wrong ones.
            StoreUnavailableError: when a wrong one can't be written down.
        """
        sender = origin(request, self._proxies)
        holder = self.tokens.holder_of(secret) if secret else None
        wait = self._attempts.wait(sender)
        if wait and (holder is None or not self._attempts.is_known(sender, holder.actor.name)):
            await self.failures.note(sender, through)
            raise _too_many(wait)
        if holder is None:
            self._attempts.failed(sender)
            await self.failures.note(sender, through)
            return None
        self._attempts.succeeded(sender, holder.actor.name)
        return holder

    def stands(self, login: Login) -> bool:
        """Tell whether a login still holds: its token as it was, its session not over."""
        holder = self.tokens.named(login.actor.name)
        if holder is None or holder.mark != login.mark:
            return False
        return login.session is None or self.sessions.runs(login.session)

    def form_token(self, login: Login) -> str:
        """Return what a form of this login carries, and of no other."""
        subject = login.session.id if login.session is not None else f"{login.actor.name} {login.mark}"
        return self.sign(f"{login.way} {subject}")

    def sign(self, subject: str) -> str:
        """Return a signature for a form."""
        return self._forms.get_signature(subject).decode()

    def of_browser(self, request: web.Request) -> Login | None:
        """Return who sits at the browser that sent it; a proxy knows better than an older session."""
        return self._by_proxy(request) or self.by_session(request)

    def by_session(self, request: web.Request) -> Login | None:
        """Return whose session a request belongs to."""
        session = self.sessions.read(request)
        holder = self.tokens.named(session.token) if session is not None else None
        if session is None or holder is None or holder.mark != session.mark:
            return None
        return Login(holder.actor, holder.mark, Way.SESSION, session)

    def _by_proxy(self, request: web.Request) -> Login | None:
        if self._proxy is None or not is_within(peer(request), self._proxy.from_):
            return None
        names = request.headers.getall(self._proxy.header, [])
        # Two of them: one may be the client's.
        token = self._proxy.users.get(names[0]) if len(names) == 1 else None
        return self._named(token, Way.PROXY)

    def _by_certificate(self, request: web.Request, role: Role | None) -> Login | None:
        # Browsers send a certificate with whatever another site's page asks for: only for the webhook.
        transport = request.transport
        if role is not Role.WEBHOOK or transport is None or not self._clients:
            return None
        certificate = transport.get_extra_info("peercert") or {}
        names = {name for _, name in certificate.get("subjectAltName", ())}
        known = sorted(token for name, token in self._clients.items() if name in names)
        return self._named(known[0], Way.CERTIFICATE) if known else None

    def _named(self, token: str | None, way: Way) -> Login | None:
        holder = self.tokens.named(token) if token is not None else None
        return None if holder is None else Login(holder.actor, holder.mark, way)

    @property
    def _proxies(self) -> tuple[IPvAnyNetwork, ...]:
        return self._proxy.from_ if self._proxy is not None else ()


def _too_many(wait: timedelta) -> ProblemError:
    return ProblemError(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too many wrong tokens came from your address; wait and try again",
        headers={hdrs.RETRY_AFTER: str(ceil(wait.total_seconds()))},
    )
