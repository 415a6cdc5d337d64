"""How an edge connects to a worker."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import grpc

Connect = Callable[[str], grpc.aio.Channel]  # from an address
CHANNEL_OPTIONS = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),  # becomes TCP_USER_TIMEOUT: finds a cut link
    ("grpc.http2.ping_timeout_ms", 5_000),  # finds a stopped peer, which the line above does not
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 250),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Small windows, so that a slow edge makes the worker wait. The defaults hold a hundred thousand tokens.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 65_536),
    ("grpc.max_receive_message_length", 262_144),
    # Each link has its own connection: a lost one takes no other with it.
    ("grpc.use_local_subchannel_pool", 1),
)


class Security(NamedTuple):
    """mTLS: what workers' certificates must say and who must have signed them, and what the edge shows (PEM files).

    The name is the same for all workers, whatever their addresses: those come and go.
    """

    name: str
    ca: Path
    cert: Path
    key: Path


def make_channel(address: str, security: Security | None = None) -> grpc.aio.Channel:
    """A channel to the worker at that address, which connects by itself, again and again.

    Raises:
        OSError: A file can not be read.
    """
    if not security:
        return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
    files = (security.ca, security.key, security.cert)
    credentials = grpc.ssl_channel_credentials(*(file.read_bytes() for file in files))
    named = ("grpc.ssl_target_name_override", security.name)
    return grpc.aio.secure_channel(address, credentials, options=(*CHANNEL_OPTIONS, named))
