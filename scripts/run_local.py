"""`make run`: a worker and an edge on this machine, until Ctrl-C. Every WORKER_* and EDGE_* variable holds.

Prints the address and a command to try once a stream could start. When one of the two ends, the other is ended too.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT_S = 30.0  # loading a large model takes a while
STOP_LIMIT_S = 2.5
POLL_S = 0.05
PACE = 60  # tokens a second: the bundled model makes ten times as many, and its stories would be there at once
OPTIONS = "WORKER_ENGINE_OPTIONS"


class Stop(Exception):
    """A signal has asked for the end."""


def main() -> int:
    """The exit code: 0 after a signal, 1 when a service did not start or ended by itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    host, port = os.environ.get("EDGE_HOST", "127.0.0.1"), os.environ.get("EDGE_PORT", "8080")
    url = f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}"  # noqa: S104 - only compared
    services: list[subprocess.Popen[bytes]] = []
    try:
        services.append(_start("inference_worker", **_pace()))
        services.append(_start("edge_proxy", "serve", EDGE_WORKERS=_workers()))
        _wait_until_ready(url, services)
        _print_greeting(url)
        if _pace():
            print(
                f"The bundled model keeps to {PACE} tokens a second, to be watched; {OPTIONS}= sets it free.",
                flush=True,
            )
        while all(service.poll() is None for service in services):
            time.sleep(POLL_S)
        return 1
    except Stop:
        return 0
    except TimeoutError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    finally:
        _end(services)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stop


def _pace() -> dict[str, str]:
    """What slows the bundled model down; nothing where anything has been chosen."""
    chosen = any(name in os.environ for name in ("WORKER_ENGINE", "WORKER_MODEL", OPTIONS))
    return {} if chosen else {OPTIONS: f"tokens_per_second={PACE}"}


def _workers() -> str:
    """Where the edge finds the worker that is started here, unless it is told."""
    here = f"{os.environ.get('WORKER_HOST', '127.0.0.1')}:{os.environ.get('WORKER_PORT', '50051')}"
    return os.environ.get("EDGE_WORKERS", here)


def _start(module: str, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
    # A group of its own: Ctrl-C reaches this script alone, which then stops both in order.
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | variables, start_new_session=True)


def _wait_until_ready(url: str, services: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if any(service.poll() is not None for service in services):
            raise TimeoutError("a service did not start; it says above why.")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=1):  # noqa: S310 - http, and our own
                return
        except (urllib.error.URLError, OSError):
            time.sleep(POLL_S)
    raise TimeoutError(f"{url}/readyz was not ready within {START_LIMIT_S:g} s.")


def _print_greeting(url: str) -> None:
    body = '{"prompt":"Tell me a story about an owl."}'
    print(f"\nToken Relay streams at {url}. Try:\n")
    print(f"  curl -N -X POST {url}/api/v1/ai/generate -H 'content-type: application/json' -d '{body}'\n")
    print("Ctrl-C stops it.", flush=True)


def _end(services: list[subprocess.Popen[bytes]]) -> None:
    """The edge first, so that its clients are told; then the worker. Who does not end in time is killed."""
    deadline = time.monotonic() + STOP_LIMIT_S
    for service in reversed(services):
        service.send_signal(signal.SIGINT)
        try:
            service.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            service.kill()
            service.wait()


if __name__ == "__main__":
    raise SystemExit(main())
