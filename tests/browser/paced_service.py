"""A model service that says what another one does, but at the pace of a large model: the bundled one takes no time."""

import contextlib
import json
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any


@contextlib.contextmanager
def paced(edge: str, *, pieces_per_s: float) -> Iterator[str]:
    """The base URL of a service that asks the edge, and passes its answers on word by word."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            whole = _ask(edge, body | {"stream": False, "stream_options": None})
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            with contextlib.suppress(OSError):  # the worker has left
                for piece in _pieces(whole["choices"][0]["message"]["content"]):
                    self._say({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
                    time.sleep(1 / pieces_per_s)
                self._say({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                self._say({"choices": [], "usage": whole["usage"]})
                self.wfile.write(b"data: [DONE]\n\n")

        def _say(self, chunk: object) -> None:
            self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
            self.wfile.flush()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def _ask(edge: str, body: dict[str, object]) -> Any:
    asked = {name: value for name, value in body.items() if value is not None}
    request = urllib.request.Request(
        f"http://{edge}/v1/chat/completions", json.dumps(asked).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310 - http, and our own
        return json.load(response)


def _pieces(text: str) -> list[str]:
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]
