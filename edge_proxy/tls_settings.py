"""Those of the edge's settings that are about TLS: towards clients, and towards workers."""

from pydantic import Field, FilePath, ValidationInfo, field_validator
from pydantic_settings import BaseSettings

from edge_proxy.tls import check_authority, load


class TlsSettings(BaseSettings):
    """A part of `Settings`. Files are looked at when the edge starts."""

    tls_cert: FilePath | None = Field(
        None, description="HTTPS: the edge's certificate, a PEM file. It is taken anew when the file changes."
    )
    tls_key: FilePath | None = Field(None, validate_default=True, description="The certificate's key.")
    worker_tls_ca: FilePath | None = Field(
        None, description="mTLS to workers: who signs their certificates, a PEM file."
    )
    worker_tls_cert: FilePath | None = Field(None, description="The certificate that the edge shows to workers.")
    worker_tls_key: FilePath | None = Field(None, validate_default=True, description="That certificate's key.")
    worker_tls_name: str = Field(
        "inference-worker", min_length=1, description="Every worker's certificate must be for this name."
    )

    @field_validator("tls_key")
    @classmethod
    def _with_its_certificate(cls, key: FilePath | None, info: ValidationInfo) -> FilePath | None:
        cert = info.data.get("tls_cert")
        if cert and key:
            load(cert, key)
        elif cert or key:
            raise ValueError("EDGE_TLS_CERT and EDGE_TLS_KEY are given together, or neither")
        return key

    @field_validator("worker_tls_key")
    @classmethod
    def _with_all_for_workers(cls, key: FilePath | None, info: ValidationInfo) -> FilePath | None:
        ca, cert = info.data.get("worker_tls_ca"), info.data.get("worker_tls_cert")
        if ca and cert and key:
            check_authority(ca)
            load(cert, key)
        elif ca or cert or key:
            raise ValueError("EDGE_WORKER_TLS_CA, ..._CERT and ..._KEY are given together, or none of them")
        return key
