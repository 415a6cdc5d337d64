"""mTLS for the worker's port: who comes must show a certificate of our own authority, or does not get in.

gRPC asks for the files with every connection, and they are read again when they have changed. What can not be read
then, for instance because only one of them has been replaced so far, changes nothing.
"""

import logging
import ssl
from pathlib import Path
from typing import NamedTuple

import grpc

log = logging.getLogger(__name__)


class Files(NamedTuple):
    """Where it is: the worker's certificate and key, and who signs the certificates of its callers (all PEM)."""

    cert: Path
    key: Path
    ca: Path


def check(files: Files) -> None:
    """See that they belong together.

    Raises:
        ValueError: They are no certificate, its key and an authority.
        OSError: One can not be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.cert, files.key)
    except ssl.SSLError as error:
        raise ValueError(f"{files.cert} and {files.key} are no certificate and its key ({error.reason})") from error
    try:
        context.load_verify_locations(files.ca)
    except ssl.SSLError as error:
        raise ValueError(f"{files.ca} has no certificates ({error.reason})") from error


class Renewing:
    """Credentials of a server that follow their files.

    Raises:
        ValueError: The files are no certificate, its key and an authority.
        OSError: One can not be read.
    """

    def __init__(self, files: Files) -> None:
        self._files = files
        self._stamp = self._look()
        first = self._read()
        self.credentials = grpc.dynamic_ssl_server_credentials(
            first,
            self._renewed,  # type: ignore[arg-type]  # None is allowed, as its documentation says
            require_client_authentication=True,
        )

    def _renewed(self) -> grpc.ServerCertificateConfiguration | None:
        """Called by gRPC, on a thread of its own, with each connection; None: as before."""
        try:
            stamp = self._look()
            if stamp == self._stamp:
                return None
            self._stamp = stamp
            renewed = self._read()
        except (OSError, ValueError) as error:
            log.warning("The certificate is not taken anew: %s", error)
            return None
        log.info("The certificate was taken anew.")
        return renewed

    def _read(self) -> grpc.ServerCertificateConfiguration:
        check(self._files)
        pair = self._files.key.read_bytes(), self._files.cert.read_bytes()
        return grpc.ssl_server_certificate_configuration([pair], root_certificates=self._files.ca.read_bytes())

    def _look(self) -> tuple[int, ...]:
        return tuple(file.stat().st_mtime_ns for file in self._files)


def as_caller(files: Files) -> grpc.ChannelCredentials:
    """What the worker itself shows when it asks itself whether it is well.

    Raises:
        OSError: A file can not be read.
    """
    return grpc.ssl_channel_credentials(files.ca.read_bytes(), files.key.read_bytes(), files.cert.read_bytes())
