"""TLS by certificate files."""

from __future__ import annotations

import ssl

from remediator.errors import RemediatorError
from remediator.settings_access import Tls


class TlsError(RemediatorError):
    """The certificate, its key or the clients' authority can't be used."""


class ServerTls:
    """The context that connections are taken with; a renewed certificate goes into the same one."""

    def __init__(self, settings: Tls) -> None:
        """Read the files.

        Raises:
            TlsError: when they are not there or do not fit.
        """
        self._settings = settings
        self.context = self._read()

    def renew(self) -> None:
        """Take the files as they are now, for new connections. Another `client_ca` needs a restart.

        Raises:
            TlsError: when they do not fit; the old ones are kept.
        """
        self._read()
        self.context.load_cert_chain(self._settings.certificate, self._settings.key, password="")  # nosec B106  # the key file has no passphrase

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # A key with a passphrase would be asked for on the terminal.
            context.load_cert_chain(self._settings.certificate, self._settings.key, password="")  # nosec B106  # the key file has no passphrase
            if self._settings.client_ca is not None:
                context.load_verify_locations(self._settings.client_ca)
                # People have none; and whoever shows a wrong one is turned away in the handshake.
                context.verify_mode = ssl.CERT_OPTIONAL
        except (OSError, ssl.SSLError) as error:
            files = [self._settings.certificate, self._settings.key, self._settings.client_ca]
            named = ", ".join(str(file) for file in files if file is not None)
            raise TlsError(f"server.tls: {named} can't be used ({error}); check the files") from None
        return context
