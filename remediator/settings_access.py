"""`server.login`, `server.proxy_login` and `server.tls` in `remediator.yaml`: who is let in, and how."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pydantic import Field, IPvAnyNetwork, model_validator

from remediator.durations import PositiveDuration
from remediator.secret_refs import SecretRef
from remediator.settings_section import EntryName, Section


class Login(Section):
    """Sessions of browsers, and how many wrong tokens are borne."""

    lasts: PositiveDuration = Field(default=timedelta(hours=12), description="Then a session ends.")
    key: SecretRef | None = Field(
        default=None,
        description="What signs sessions, 32 characters or more; made beside the database when left out.",
    )
    failures: int = Field(
        default=10, ge=1, description="Wrong tokens from one address before more are refused unseen."
    )
    within: PositiveDuration = Field(
        default=timedelta(minutes=5), description="How long those are remembered."
    )


class ProxyLogin(Section):
    """A proxy that says who logged in to it. Only for addresses that nobody but the proxy sends from."""

    from_: tuple[IPvAnyNetwork, ...] = Field(
        alias="from", min_length=1, description="Addresses or networks of the proxy; others are not believed."
    )
    header: str = Field(
        default="X-Forwarded-User",
        pattern=r"^[A-Za-z0-9-]{1,100}$",
        description="The header that names the user; the proxy has to remove what clients send in it.",
    )
    users: dict[str, EntryName] = Field(
        description="Who of the proxy's users is who under `tokens`; nobody else is let in."
    )


class Tls(Section):
    """TLS by certificate files; SIGHUP reads a renewed certificate and key."""

    certificate: Path = Field(description="The certificate with its chain, PEM.")
    key: Path = Field(description="Its private key, PEM, without a passphrase.")
    client_ca: Path | None = Field(
        default=None, description="Whose client certificates are taken, PEM; for the webhook only."
    )
    clients: dict[str, EntryName] = Field(
        default={},
        description="Which alternative name of a client's certificate is who under `tokens`.",
    )

    @model_validator(mode="after")
    def _clients_have_an_authority(self) -> Tls:
        if self.clients and self.client_ca is None:
            raise ValueError("`clients` needs `client_ca`: who vouches for their certificates")
        return self
