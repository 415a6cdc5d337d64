"""How an edge connects to a worker."""

import grpc

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


def make_channel(address: str) -> grpc.aio.Channel:
    """A channel to the worker at that address, which connects by itself, again and again."""
    return grpc.aio.insecure_channel(address, options=CHANNEL_OPTIONS)
