"""A docker daemon of our own: its data in a folder, its networks in a network namespace, nothing left of it afterwards.

This process is in that namespace too while it lasts, so that it reaches what containers publish. The machine's own
addresses, firewall and forwarding are not touched.
"""

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.support.processes import wait_until

NEW_NETWORK = 0x40000000  # CLONE_NEWNET, as in <linux/sched.h>
STOP_LIMIT_S = 30.0

_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Put this thread, and all processes that it starts, into a new network namespace with nothing but loopback."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _check(_libc.unshare(NEW_NETWORK))
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        _check(_libc.setns(before, NEW_NETWORK))
        os.close(before)


@contextlib.contextmanager
def daemon(folder: Path) -> Iterator[str]:
    """The address of a daemon that keeps all that it has in the folder."""
    address = f"unix://{folder}/docker.sock"
    places = {"--data-root": "data", "--exec-root": "exec", "--pidfile": "docker.pid"}
    options = [part for option, name in places.items() for part in (option, str(folder / name))]
    with (folder / "dockerd.log").open("w") as log:
        process = subprocess.Popen(["dockerd", *options, "--host", address], stdout=log, stderr=log)
        try:
            wait_until(lambda: _answers(address, process), f"dockerd answers (see {log.name})")
            yield address
        finally:
            process.terminate()
            process.wait(STOP_LIMIT_S)


def _answers(address: str, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "dockerd has ended by itself"
    return not subprocess.run(["docker", "-H", address, "version"], check=False, capture_output=True).returncode


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
