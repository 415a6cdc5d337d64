"""What engines may be told by the worker's settings, each what it needs of it."""

from collections.abc import Mapping
from typing import NamedTuple


class Upstream(NamedTuple):
    """A service that generates, and how to talk to it."""

    url: str  # such as http://127.0.0.1:8000/v1
    key: str
    connections: int
    idle_connections: int
    timeout_s: float  # of silence
    streams: bool  # False: it answers in one piece only
    continues: bool  # it goes on with a text that is the assistant's last message


class EngineConfig(NamedTuple):
    """All of it."""

    model: str
    slots: int
    threads: int
    context_tokens: int
    options: Mapping[str, str]
    upstream: Upstream
