"""`python -m edge_proxy health`: asks a running edge whether it answers, as a container's health check.

It reads the same settings as the edge, so that in a container it needs no arguments. Whether streams could start is
another question (`/readyz`): an edge without workers is not to be restarted for that.
"""

import http.client
import ssl
from contextlib import closing

PATH = "/healthz"
LIMIT_S = 3.0  # a health check of docker or Kubernetes should wait a little longer
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - an address to listen on is none to connect to


def ask(host: str, port: int, *, secure: bool = False) -> str:
    """What is wrong with the edge that listens there; nothing: it answers. `secure`: by HTTPS."""
    host = EVERYWHERE.get(host, host)
    with closing(_connection(host, port, secure=secure)) as connection:
        try:
            connection.request("GET", PATH)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException) as error:
            return f"{host}:{port} does not answer: {error!r}"
    return "" if status == 200 else f"{host}:{port} says {status}"


def _connection(host: str, port: int, *, secure: bool) -> http.client.HTTPConnection:
    if not secure:
        return http.client.HTTPConnection(host, port, timeout=LIMIT_S)
    # It is ourselves whom we ask: whose certificate that is, is a question for our clients.
    context = ssl._create_unverified_context()  # noqa: S323
    return http.client.HTTPSConnection(host, port, timeout=LIMIT_S, context=context)
