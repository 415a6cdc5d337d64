"""`python -m inference_worker health`: asks a running worker whether it serves, as orchestrators do, by gRPC.

It reads the same settings as the worker, so that in a container it needs no arguments.
"""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from inference_worker.tls import Files, as_caller

LIMIT_S = 3.0  # of the whole question; a health check of docker or Kubernetes should wait a little longer
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - an address to listen on is none to connect to


def ask(host: str, port: int, tls: Files | None = None) -> str:
    """What is wrong with the worker that listens there; nothing: it serves.

    With mTLS the worker's own certificate is shown, which so must be one for clients and for `localhost`, too.
    """
    address = f"{EVERYWHERE.get(host, host)}:{port}"
    with _channel(address, tls) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=LIMIT_S)
        except grpc.RpcError as error:
            return f"{address} does not answer: {error.code().name}"
    status = health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
    return "" if status == "SERVING" else f"{address} says {status}"


def _channel(address: str, tls: Files | None) -> grpc.Channel:
    if tls:
        itself = (("grpc.ssl_target_name_override", "localhost"),)
        return grpc.secure_channel(address, as_caller(tls), options=itself)
    return grpc.insecure_channel(address)
