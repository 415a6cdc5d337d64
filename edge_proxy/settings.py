"""The edge's settings: environment variables `EDGE_*`, or flags of the same names."""

import ipaddress
from typing import Annotated

from pydantic import Field, FilePath, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from edge_proxy.tls import check_authority, load

Names = Annotated[list[str], NoDecode]


class Settings(BaseSettings):
    """Serve the streams of inference workers to HTTP clients."""

    model_config = SettingsConfigDict(
        env_prefix="EDGE_",
        allow_inf_nan=False,
        cli_prog_name="python -m edge_proxy serve",
        cli_kebab_case=True,
        cli_hide_none_type=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    tls_cert: FilePath | None = Field(
        None, description="HTTPS: the edge's certificate, a PEM file. It is taken anew when the file changes."
    )
    tls_key: FilePath | None = Field(None, validate_default=True, description="The certificate's key.")
    docs: bool | None = Field(
        None, description="Serve /docs, /redoc and /openapi.json. Not given: only where the address is loopback."
    )
    processes: int = Field(1, ge=1, le=256, description="Processes that share the port, each an edge by itself.")
    workers: Names = Field(["127.0.0.1:50051"], description="Addresses of the workers, comma-separated.")
    resolve_interval_s: float = Field(5, gt=0, le=3600, description="Names of workers are looked up so often.")
    batch_interval_ms: float = Field(50, ge=0, le=1000, description="One event per so long, for each stream.")
    max_batch_stretch: float = Field(
        3, ge=1, le=10, description="Under too much load, batch intervals grow, at most so many times; 1: never."
    )
    ping_interval_s: float = Field(15, gt=0, description="A ping every so long, for each stream.")
    generation_timeout_s: float = Field(120, gt=0, le=86_400, description="A generation fails after so long.")
    first_token_timeout_s: float = Field(60, gt=0, description="It fails when it has said nothing for so long.")
    gap_timeout_s: float = Field(30, gt=0, description="It fails when it has fallen silent for so long.")
    max_generation_timeout_s: float = Field(
        600, gt=0, le=86_400, description="The most that a request may ask for instead."
    )
    resume_window_s: float = Field(
        30, ge=0, le=86_400, description="A resumable generation is kept so long without a reader."
    )
    max_streams: int = Field(5000, ge=1, description="Streams at once, of one process; more are refused.")
    max_lag_ms: float = Field(
        250,
        gt=0,
        le=60_000,
        description="While the process's timers are this late, new streams are refused.",
    )
    max_socket_streams: int = Field(64, ge=1, description="Streams at once, of one WebSocket; more are refused.")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body, or frame on a WebSocket.")
    max_connections: int = Field(
        0, ge=0, description="Connections at once, of one process; more are turned away. 0: 1,000 more than streams."
    )
    head_timeout_s: float = Field(10, gt=0, description="A client must send the head of a request within so long.")
    body_timeout_s: float = Field(10, gt=0, description="And its body within so long of the head.")
    slow_reader_timeout_s: float = Field(
        20, gt=0, description="A client that leaves what is written unread for so long is cut off."
    )
    cors_origins: Names = Field([], description="Origins whose pages may use this edge, comma-separated.")
    worker_tls_ca: FilePath | None = Field(
        None, description="mTLS to workers: who signs their certificates, a PEM file."
    )
    worker_tls_cert: FilePath | None = Field(None, description="The certificate that the edge shows to workers.")
    worker_tls_key: FilePath | None = Field(None, validate_default=True, description="That certificate's key.")
    worker_tls_name: str = Field(
        "inference-worker", min_length=1, description="Every worker's certificate must be for this name."
    )
    worker_connect_timeout_s: float = Field(2, gt=0, description="A worker that does not say hello is tried again.")
    worker_silence_timeout_s: float = Field(12, gt=0, description="A worker without any frame is lost.")
    worker_answer_timeout_s: float = Field(10, gt=0, description="A worker must take on a generation, or refuse it.")
    drain_settle_s: float = Field(
        0,
        ge=0,
        le=3600,
        description="After SIGTERM, /readyz says 503 for so long before new streams are refused. "
        "Behind a load balancer: a little longer than it takes to notice.",
    )
    drain_timeout_s: float = Field(
        20, ge=0, le=86_400, description="After SIGTERM, streams may go on for so long. After SIGINT, not at all."
    )
    stop_timeout_s: int = Field(
        2, ge=1, le=3600, description="When it ends, clients have so long to take what is left for them."
    )

    @field_validator("workers", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value

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

    @property
    def shows_docs(self) -> bool:
        """Whether the pages about the API are served."""
        return _is_loopback(self.host) if self.docs is None else self.docs

    @field_validator("workers")
    @classmethod
    def _at_least_one(cls, value: list[str]) -> list[str]:
        for address in value:
            host, _, port = address.rpartition(":")
            if not (host and port.isdecimal() and int(port) <= 65535):
                raise ValueError(f"{address[:100]!r} is no host:port")
        if not value:
            raise ValueError("name at least one worker")
        return value


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach it. What is no address may resolve to any."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
