"""The worker's settings: environment variables `WORKER_*`, or flags of the same names."""

import secrets
from typing import Annotated, Literal

from pydantic import Field, FilePath, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from inference_worker.engines import ENGINES
from inference_worker.tls import Files, check


class Settings(BaseSettings):
    """Runs a model and streams its tokens over gRPC."""

    model_config = SettingsConfigDict(
        env_prefix="WORKER_",
        allow_inf_nan=False,
        cli_prog_name="python -m inference_worker",
        cli_kebab_case=True,
        cli_hide_none_type=True,
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(50051, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    metrics_host: str = Field("127.0.0.1", description="Address to serve metrics on, for Prometheus: `/metrics`.")
    metrics_port: int = Field(
        9465,
        ge=-1,
        le=65535,
        description="Port for it; 0 takes a free one, -1: none. If the default one is taken, there are no metrics.",
    )
    log_format: Literal["text", "json"] = Field("text", description="How a line of the log is written.")
    log_generations: bool = Field(True, description="Log a line for each generation at its end, without its text.")
    id: str = Field(
        default_factory=lambda: f"w{secrets.token_hex(4)}",
        pattern=r"^[a-z0-9]{1,32}$",
        description="Begins the ids of this worker's generations. No two workers share one. Random if not given.",
    )
    tls_cert: FilePath | None = Field(
        None, description="mTLS: the worker's certificate, a PEM file. It is taken anew when the file changes."
    )
    tls_key: FilePath | None = Field(None, description="The certificate's key.")
    tls_ca: FilePath | None = Field(
        None, validate_default=True, description="Who signs the certificates of edges; nobody gets in without one."
    )
    engine: str = Field("llamacpp", description=f"What generates: {', '.join(ENGINES)}.")
    model: str = Field(
        "",
        description="llamacpp: path of a GGUF file; empty: the bundled tiny model. "
        "openai: names of the service's models, comma-separated; empty: all that it lists.",
    )
    slots: int = Field(16, ge=1, le=256, description="llamacpp: generations decoded together; more wait their turn.")
    threads: int = Field(0, ge=0, description="llamacpp: threads that compute. 0: one less than the cores.")
    context_tokens: int = Field(512, ge=8, description="llamacpp: prompt and answer of one generation together.")
    engine_options: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="Defaults for `engine_options`. scripted: such as tokens_per_second=25,tokens=200; "
        "llamacpp: tokens_per_second, a bound.",
    )
    upstream_url: str = Field(
        "http://127.0.0.1:8000/v1", pattern=r"^https?://", description="openai: where the service's API is."
    )
    upstream_key: SecretStr = Field(SecretStr(""), description="openai: the key that the service wants, if it does.")
    upstream_connections: int = Field(
        20, ge=1, description="openai: connections to the service, and so generations at once."
    )
    upstream_idle_connections: int = Field(10, ge=0, description="openai: connections that are kept for later.")
    upstream_timeout_s: float = Field(180, gt=0, description="openai: the service may be silent for so long.")
    upstream_streams: bool = Field(True, description="openai: false if the service answers only in one piece.")
    upstream_continues: bool = Field(
        False, description="openai: true if the service goes on with a text that is the assistant's last message."
    )
    pipeline_rounds: int = Field(
        3, ge=1, le=10, description="Staged answers: rounds of `agent_multi` at most; a request may ask for fewer."
    )
    execute_code: bool = Field(
        False, description="Staged answers: run the Python that a model has written, in bubblewrap. See docs/agents.md."
    )
    execute_python: str = Field("", description="The interpreter for it; empty: the system's `python3`.")
    execute_timeout_s: int = Field(10, ge=1, le=300, description="A program may run for so long.")
    execute_memory_bytes: int = Field(
        536_870_912, ge=67_108_864, description="Address space of each of a program's processes."
    )
    execute_processes: int = Field(16, ge=4, le=256, description="Processes and threads of a program.")
    execute_at_once: int = Field(2, ge=1, description="Programs that run; more wait.")
    max_streams: int = Field(1024, ge=1, description="Generations at once; more are refused.")
    max_log_chars: int = Field(1_000_000, ge=1, description="Text of one generation; it ends with `length` there.")
    max_total_chars: int = Field(
        200_000_000, ge=1, description="Text of all generations held; above it, new ones are refused."
    )
    max_resume_window_s: float = Field(
        300, ge=0, description="Longest time that a generation which nobody reads is kept."
    )
    reattach_window_s: float = Field(
        3, ge=0, description="When an edge's call breaks, its generations wait so long for it to come back."
    )
    tick_ms: float = Field(10, ge=0, le=1000, description="An edge's frames gather text for so long.")
    heartbeat_s: float = Field(5, gt=0, description="An edge gets a frame at least so often.")
    drain_timeout_s: float = Field(
        25, ge=0, description="After SIGTERM, generations may go on for so long. After SIGINT, one second."
    )
    max_message_bytes: int = Field(4_194_304, ge=1024, description="Largest gRPC message taken.")
    reflection: bool = Field(False, description="Serve gRPC reflection, for tools such as grpcurl.")

    @field_validator("engine")
    @classmethod
    def _known_engine(cls, name: str) -> str:
        if name not in ENGINES:
            raise ValueError(f"the engines are {', '.join(ENGINES)}")
        return name

    @field_validator("tls_ca")
    @classmethod
    def _together(cls, ca: FilePath | None, info: ValidationInfo) -> FilePath | None:
        cert, key = info.data.get("tls_cert"), info.data.get("tls_key")
        if cert and key and ca:
            check(Files(cert, key, ca))
        elif cert or key or ca:
            raise ValueError("WORKER_TLS_CERT, WORKER_TLS_KEY and WORKER_TLS_CA are given together, or none of them")
        return ca

    @property
    def tls(self) -> Files | None:
        """The files for mTLS, if it is wanted."""
        cert, key, ca = self.tls_cert, self.tls_key, self.tls_ca
        return Files(cert, key, ca) if cert and key and ca else None

    @field_validator("engine_options", mode="before")
    @classmethod
    def _pairs(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [item.partition("=") for item in value.split(",") if item.strip()]
        if any(not sign for _, sign, _ in pairs):
            raise ValueError("write name=value,name=value")
        return {name.strip(): given.strip() for name, _, given in pairs}
