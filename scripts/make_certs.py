"""`make certs`: an authority and certificates of its own for this machine, in a folder that git does not see.

python scripts/make_certs.py [folder]    certs/ if not given

    ca.pem                      who signs
    edge.pem, edge.key          for HTTPS, and shown to workers
    worker.pem, worker.key      for the worker's port; and for its question to itself, whether it is well

They hold for a year. The authority's key is written nowhere: to have one certificate more, all are made anew.
"""

import datetime
import ipaddress
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

FOLDER = Path(__file__).resolve().parent.parent / "certs"
DAYS = 365
HERE = ("localhost", "127.0.0.1", "::1")
NAMES = {"edge": ("edge-proxy", *HERE), "worker": ("inference-worker", *HERE)}
USES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


class Authority:
    """Signs certificates that begin yesterday, so that no clock is too late for them."""

    def __init__(self, name: str = "Token Relay, local") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = _builder(self._name, self._name, self._key.public_key(), DAYS)
        basic = x509.BasicConstraints(ca=True, path_length=0)
        self.certificate = builder.add_extension(basic, critical=True).sign(self._key, hashes.SHA256())

    def write(self, file: Path) -> None:
        """The certificate, by which others know what was signed here."""
        file.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: Path, names: Sequence[str], *, days: int = DAYS) -> None:
        """Write a new certificate, and its key beside it (`.key`).

        Args:
            file: The certificate's.
            names: DNS names and addresses that it is for.
            days: From now until it ends; it has ended with a negative number.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        certificate = (
            _builder(subject, self._name, key.public_key(), days)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .add_extension(x509.ExtendedKeyUsage(USES), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        _write_secret(file.with_suffix(".key"), key)
        file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def main() -> None:
    """Write them all."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    authority = Authority()
    authority.write(folder / "ca.pem")
    for name, names in NAMES.items():
        authority.issue(folder / f"{name}.pem", names)
    print(f"{folder} has ca.pem and certificates for {' and '.join(NAMES)}; docs/operations.md says how to use them.")


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=max(1, 1 - days)))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write_secret(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    plain = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.unlink(missing_ok=True)  # one that is there may be readable for others
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(text)


if __name__ == "__main__":
    main()
