"""The servers that are measured, one row each."""

from collections.abc import Callable
from functools import partial

from bench.peers.base import Peer
from bench.peers.edge import Edge
from bench.peers.envoy import Envoy
from bench.peers.floor import Floor
from bench.peers.grpc_gateway import GrpcGateway
from bench.peers.naive import Naive

PEERS: dict[str, Callable[[], Peer]] = {
    "edge": Edge,
    "envoy": Envoy,
    "grpc-gateway": GrpcGateway,
    "naive": Naive,
    "floor": Floor,
}
FAMILIES: dict[str, Callable[[], Peer]] = {f"edge-{count}": partial(Edge, processes=count) for count in (1, 2)}
