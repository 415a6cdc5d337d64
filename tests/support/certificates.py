"""Certificates for tests: of the authority that both sides trust, and of others."""

from collections.abc import Sequence
from pathlib import Path

from scripts.make_certs import NAMES, Authority


class Folder:
    """Files of one authority; `worker` and `edge` are there from the start.

    Attributes:
        ca: Who signs.
    """

    def __init__(self, path: Path) -> None:
        path.mkdir(exist_ok=True)
        self.ca = path / "ca.pem"
        self._path = path
        self._authority = Authority()
        self._authority.write(self.ca)
        for role, names in NAMES.items():
            self.issue(role, names)

    def issue(self, role: str, names: Sequence[str], *, days: int = 1) -> None:
        """Write a certificate, or another in its place; days below 0: it has ended so long ago."""
        self._authority.issue(self._path / f"{role}.pem", names, days=days)

    def pair(self, role: str) -> tuple[Path, Path]:
        """The files of a certificate and its key."""
        return self._path / f"{role}.pem", self._path / f"{role}.key"

    def worker(self, role: str = "worker") -> dict[str, str]:
        """What makes a worker ask for certificates of this authority, and show one."""
        cert, key = self.pair(role)
        return {"WORKER_TLS_CERT": str(cert), "WORKER_TLS_KEY": str(key), "WORKER_TLS_CA": str(self.ca)}

    def to_workers(self, role: str = "edge") -> dict[str, str]:
        """What makes an edge do the same with its workers."""
        cert, key = self.pair(role)
        return {"EDGE_WORKER_TLS_CA": str(self.ca), "EDGE_WORKER_TLS_CERT": str(cert), "EDGE_WORKER_TLS_KEY": str(key)}

    def https(self, role: str = "edge") -> dict[str, str]:
        """What makes an edge serve HTTPS."""
        cert, key = self.pair(role)
        return {"EDGE_TLS_CERT": str(cert), "EDGE_TLS_KEY": str(key)}
