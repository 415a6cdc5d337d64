from edge_proxy.upstream.channel import CHANNEL_OPTIONS, make_channel


def test_a_peer_that_has_stopped_is_found_by_its_missing_pongs() -> None:
    """`keepalive_timeout_ms` alone does not find one: gRPC's own ping timeout is a minute."""
    options = dict(CHANNEL_OPTIONS)
    assert options["grpc.keepalive_time_ms"] + options["grpc.http2.ping_timeout_ms"] <= 15_000


async def test_a_channel_needs_nobody_to_be_there() -> None:
    await make_channel("127.0.0.1:1").close()
