"""The edge's settings: environment variables `EDGE_*`, or flags of the same names."""

import importlib.util
import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from edge_proxy.access.key_ring import KeyRing
from edge_proxy.core.caller import Limits
from edge_proxy.database_settings import DatabaseSettings
from edge_proxy.tls_settings import TlsSettings

Names = Annotated[list[str], NoDecode]
Pairs = Annotated[dict[str, int], NoDecode]
ORIGIN = re.compile(
    r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?"
)  # as browsers write it: lower case, no path


class Settings(DatabaseSettings, TlsSettings):
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
    docs: bool | None = Field(
        None, description="Serve /docs, /redoc and /openapi.json. Not given: only where the address is loopback."
    )
    processes: int = Field(1, ge=1, le=256, description="Processes that share the port, each an edge by itself.")
    metrics_host: str = Field("127.0.0.1", description="Address to serve metrics on, for Prometheus: `/metrics`.")
    metrics_port: int = Field(
        9464,
        ge=-1,
        le=65535,
        description="Port for it; 0 takes a free one, -1: none. If the default one is taken, there are no metrics.",
    )
    log_format: Literal["text", "json"] = Field("text", description="How a line of the log is written.")
    log_streams: bool = Field(True, description="Log a line for each stream at its end, without any of its text.")
    workers: Names = Field(
        ["127.0.0.1:50051"], description="Workers as host:port, comma-separated; of a name, all its addresses."
    )
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
    key_requests_per_minute: int = Field(
        0, ge=0, description="Requests a minute, of each caller whose key has no bound of its own; 0: no bound."
    )
    key_tokens_per_minute: int = Field(0, ge=0, description="Likewise its tokens a minute, of prompts and answers.")
    key_tokens_per_day: int = Field(0, ge=0, description="Likewise its tokens within 24 hours.")
    key_streams: int = Field(0, ge=0, description="Likewise its streams at once.")
    redis_url: str = Field(
        "",
        repr=False,
        description="Redis or Valkey, such as redis://127.0.0.1:6379/0: edges that have the same one share the limits "
        "of keys. Without it each process counts for itself.",
    )
    redis_timeout_ms: float = Field(
        100, gt=0, le=10_000, description="A request waits so long for it; then each process counts for itself."
    )
    max_socket_streams: int = Field(64, ge=1, description="Streams at once, of one WebSocket; more are refused.")
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest request body, or frame on a WebSocket.")
    api_keys: str = Field(
        "",
        repr=False,
        description="API keys, one line each, as `python -m edge_proxy keys new` prints it. "
        "Without keys anyone may use the edge, and it listens on loopback only.",
    )
    api_keys_file: Path | None = Field(
        None, description="A file of more such lines. It is read again when it changes; a line that is gone is revoked."
    )
    jwt_issuer: str = Field("", description="Take this issuer's JSON Web Tokens, too: what their `iss` is.")
    jwt_audience: str = Field("", description="What the `aud` of such a token must be, or name.")
    jwks_url: str = Field(
        "",
        pattern=r"^($|https://|http://(localhost|127\.[0-9.]+|\[::1\])([:/]|$))",
        description="Where the issuer's public keys are; https, but for this machine's own.",
    )
    jwt_limits: Pairs = Field(
        {}, description="Limits of each `sub`, such as streams=4,requests_per_minute=60; the names are those of keys."
    )
    auth_cookie: str = Field(
        "",
        pattern=r"^[A-Za-z0-9_-]{0,64}$",
        description="A cookie of this name may bring a key or token, from the edge's own pages and those of "
        "`EDGE_CORS_ORIGINS`.",
    )
    allow_anonymous: bool = Field(
        False, description="Without keys, listen on other addresses than loopback all the same, for whoever comes."
    )
    max_connections: int = Field(
        0, ge=0, description="Connections at once, of one process; more are turned away. 0: 1,000 more than streams."
    )
    head_timeout_s: float = Field(10, gt=0, description="A client must send the head of a request within so long.")
    body_timeout_s: float = Field(10, gt=0, description="And its body within so long of the head.")
    slow_reader_timeout_s: float = Field(
        20, gt=0, description="A client that leaves what is written unread for so long is cut off."
    )
    cors_origins: Names = Field([], description="Origins whose pages may use this edge, comma-separated.")
    cors_credentials: bool = Field(False, description="Those pages' requests may bring cookies.")
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

    @property
    def asks_for_keys(self) -> bool:
        """Whether who comes must say who it is."""
        return bool(self.api_keys.strip() or self.api_keys_file or self.jwt_issuer)

    @model_validator(mode="after")
    def _keys_are_right(self) -> Self:
        try:
            KeyRing(self.api_keys, self.api_keys_file)
        except (OSError, ValueError) as error:
            raise ValueError(f"the API keys can not be read: {error}") from None
        return self

    @model_validator(mode="after")
    def _not_open_to_all_by_mistake(self) -> Self:
        if not (self.asks_for_keys or self.allow_anonymous or _is_loopback(self.host)):
            raise ValueError(
                f"EDGE_HOST is {self.host}, which others can reach, and there are no keys. Set EDGE_API_KEYS_FILE or "
                "EDGE_API_KEYS; or EDGE_ALLOW_ANONYMOUS=true, if whoever reaches this address may use it"
            )
        return self

    @model_validator(mode="after")
    def _an_issuer_is_whole(self) -> Self:
        given = [bool(self.jwt_issuer), bool(self.jwt_audience), bool(self.jwks_url)]
        if any(given) and not all(given):
            raise ValueError("EDGE_JWT_ISSUER, EDGE_JWT_AUDIENCE and EDGE_JWKS_URL are needed together")
        if self.jwt_issuer and importlib.util.find_spec("jwt") is None:
            raise ValueError("EDGE_JWT_ISSUER needs PyJWT: install token-relay[jwt]")
        return self

    @model_validator(mode="after")
    def _pages_are_named(self) -> Self:
        if "*" in self.cors_origins and (self.cors_credentials or self.auth_cookie):
            raise ValueError(
                "EDGE_CORS_ORIGINS is *, so that any page could act for whoever is logged in: "
                "with EDGE_CORS_CREDENTIALS or EDGE_AUTH_COOKIE, list the origins"
            )
        return self

    @field_validator("cors_origins")
    @classmethod
    def _origins_are_origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            if origin != "*" and not ORIGIN.fullmatch(origin):
                raise ValueError(
                    f"{origin[:100]!r} is no origin: write https://app.example, in lower case, without a path"
                )
        return value

    @field_validator("jwt_limits", mode="before")
    @classmethod
    def _split_pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [item.partition("=") for item in value.split(",") if item.strip()]
        return {name.strip(): given.strip() for name, _, given in pairs}

    @field_validator("jwt_limits")
    @classmethod
    def _known_limits(cls, value: dict[str, int]) -> dict[str, int]:
        if set(value) - set(Limits.__dataclass_fields__) or any(limit < 0 for limit in value.values()):
            raise ValueError(f"the limits are {', '.join(Limits.__dataclass_fields__)}, each 0 or more")
        return value

    @field_validator("workers", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value

    @field_validator("redis_url")
    @classmethod
    def _names_a_server(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("it begins with none of redis://, rediss://, unix://")
        return value

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
