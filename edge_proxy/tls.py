"""Certificates in files: looked at when the edge starts, and HTTPS's own taken anew when its files change.

Every handshake looks at the time of the two files. What can not be read then, for instance because only one of the two
has been replaced so far, changes nothing: the certificate before it serves on.
"""

import logging
import ssl
from pathlib import Path

log = logging.getLogger(__name__)

Stamp = tuple[int, int]


def load(cert: Path, key: Path) -> ssl.SSLContext:
    """How the edge shows itself to its clients.

    Raises:
        ValueError: The files have no certificate and its key.
        OSError: One can not be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        raise ValueError(f"{cert} and {key} are no certificate and its key ({error.reason})") from error
    return context


def check_authority(ca: Path) -> None:
    """See that there are certificates.

    Raises:
        ValueError: There are none.
        OSError: The file can not be read.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(ca)
    except ssl.SSLError as error:
        raise ValueError(f"{ca} has no certificates ({error.reason})") from error


class Renewing:
    """A context that gives each connection the certificate that the files have when it comes.

    Raises:
        ValueError: The files have no certificate and its key.
        OSError: One can not be read.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._files = cert, key
        self._stamp = self._look()
        self._current = self.context = load(cert, key)
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        self._renew()
        connection.context = self._current

    def _renew(self) -> None:
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            self._current = load(*self._files)
        except (OSError, ValueError) as error:
            log.warning("The certificate is not taken anew: %s", error)
        else:
            log.info("The certificate was taken anew.")

    def _look(self) -> Stamp:
        cert, key = self._files
        return cert.stat().st_mtime_ns, key.stat().st_mtime_ns
