"""Runs generated Python in bubblewrap: no network, nothing to write but a small folder of its own, little of all else.

    worker -- (setpriv, where the worker is root) -- bwrap -- sandbox_runner -- the program

What the program finds: an interpreter and its library, read-only; an empty folder of some megabytes, in memory; no
network, no other processes, no /proc, no environment, no rights. What it may use is bounded by `Bounds`. When the
worker dies, or its generation is stopped, so does all of this. Where a program does not run so, as where user
namespaces are forbidden, no code is run at all: see `find`.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from inference_worker.pipelines.execution import read_answer
from inference_worker.pipelines.steps import Execution

log = logging.getLogger(__name__)

NOBODY = 65_534  # who a worker that is root becomes, for root is bound by no limit on processes
GRACE_S = 5.0  # for namespaces to be made and a figure to be read, beyond the program's own time
ANSWER_BYTES = 4_000_000  # of the runner's answer; what it should say at most is well below
COMPLAINT_BYTES = 2_000  # of what bwrap says when it can not
LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/etc/alternatives", "/etc/ld.so.cache")
LINKED = ("/lib", "/lib32", "/lib64")
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
ENVIRONMENT = {
    "PATH": "/usr/bin",
    "HOME": "/tmp",  # noqa: S108 - its own, in memory
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "OPENBLAS_NUM_THREADS": "1",  # threads count as processes
    "OMP_NUM_THREADS": "1",
}
APART = (
    *("--unshare-user", "--disable-userns", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"),
    *("--unshare-cgroup-try", "--die-with-parent", "--clearenv", "--cap-drop", "ALL"),
    *("--hostname", "sandbox"),
)
RUNNER = Path(__file__).with_name("sandbox_runner.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one program may use."""

    wall_s: int = 10
    cpu_s: int = 10
    memory_bytes: int = 512 << 20  # of address space, of each process
    processes: int = 16  # threads are some, too
    file_bytes: int = 8 << 20  # of each file
    folder_bytes: int = 32 << 20
    output_bytes: int = 16_384
    figure_bytes: int = 98_304  # of each of the two: a log of a million characters has room for those of three rounds


class SandboxError(Exception):
    """No code can be run here; why not."""


class Sandbox:
    """A way to run programs.

    Args:
        command: What comes before the interpreter's arguments.
        bounds: Of each program.
        at_once: So many run; others wait.
    """

    def __init__(self, command: Sequence[str], bounds: Bounds, *, at_once: int) -> None:
        self._command = [*command, "-I", "-c", RUNNER.read_text(), json.dumps(asdict(bounds))]
        self._bounds = bounds
        self._places = asyncio.Semaphore(at_once)

    async def run(self, code: str) -> Execution:
        """What comes of it, in words where it could not be run. Cancelled: it is killed."""
        async with self._places:
            try:
                answer, complaint = await self._answer(code)
            except OSError as error:  # no process can be had, or no file for its pipes
                answer, complaint = b"", str(error)
        if not answer and complaint:
            log.warning("The sandbox says: %.500s", complaint)
        return read_answer(answer)

    async def _answer(self, code: str) -> tuple[bytes, str]:
        with _memory(code.encode("utf-8", "replace")) as given, _memory() as complaint:
            # Not asyncio's: uvloop forks, and gRPC's own handling of forks crashes such a child now and then. This one
            # is made by vfork, which takes a millisecond or two and runs no handlers.
            process = subprocess.Popen(  # noqa: ASYNC220, S603 - as above; untrusted is what runs behind walls
                self._command,
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=complaint,
                env={},
                cwd="/",
                start_new_session=True,
            )
            try:
                async with asyncio.timeout(self._bounds.wall_s + GRACE_S):
                    answer = await _read(process)
            except TimeoutError:
                return b"", ""
            finally:
                await asyncio.shield(_end(process))
            complaint.seek(0)
            return answer, complaint.read(COMPLAINT_BYTES).decode("utf-8", "replace")


async def find(bounds: Bounds, *, python: str, at_once: int) -> Sandbox:
    """A sandbox that works here.

    Args:
        bounds: Of each program.
        python: The interpreter; "": the system's own.
        at_once: Programs at once.

    Raises:
        SandboxError: There is none.
    """
    interpreter = python or shutil.which("python3", path="/usr/bin:/usr/local/bin")
    bwrap = shutil.which("bwrap")
    if not bwrap:
        raise SandboxError("There is no bwrap (Debian: bubblewrap).")
    if not interpreter or not shutil.which(interpreter):
        raise SandboxError(f"There is no {interpreter or 'python3 of the system'}.")
    sandbox = Sandbox(_command(bwrap, interpreter, bounds), bounds, at_once=at_once)
    try:
        answer, complaint = await sandbox._answer("print(6 * 7)")
    except OSError as error:
        raise SandboxError(f"bubblewrap can not be run: {error}") from error
    if read_answer(answer).result.strip() != "42":
        raise SandboxError(f"bubblewrap does not work here: {complaint.strip()[:300] or 'it gave no answer'}")
    return sandbox


def _command(bwrap: str, interpreter: str, bounds: Bounds) -> list[str]:
    real = os.path.realpath(interpreter)
    prefix = str(Path(real).parent.parent)
    binds = [word for path in LIBRARIES for word in ("--ro-bind-try", path, path)]
    if prefix not in ("/", "/usr", "/usr/local"):
        binds += ["--ro-bind", prefix, prefix]
    else:
        binds += ["--ro-bind", real, real]
    for path in LINKED:
        if os.path.islink(path):
            binds += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            binds += ["--ro-bind", path, path]
    binds += [word for path in DEVICES for word in ("--dev-bind-try", path, path)]
    folder = ["--size", str(bounds.folder_bytes), "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/"]  # noqa: S108 - as above
    named = [word for name, value in ENVIRONMENT.items() for word in ("--setenv", name, value)]
    return [*_as_nobody(), bwrap, *APART, *binds, *folder, *named, "--", real]


def _as_nobody() -> list[str]:
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if not setpriv:
        raise SandboxError("The worker is root, and there is no setpriv (Debian: util-linux) to become another.")
    return [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs", "--"]


def _memory(data: bytes = b"") -> BinaryIO:
    """A file that is nowhere, with that in it."""
    file = os.fdopen(os.memfd_create("sandbox"), "w+b")
    file.write(data)
    file.seek(0)
    return file


async def _read(process: "subprocess.Popen[bytes]") -> bytes:
    """All that it says, up to a bound: who says more has closed ears to talk to."""
    assert process.stdout  # noqa: S101 - a pipe, as asked for
    # Not connect_read_pipe: cancelled in the middle, uvloop's closes the pipe's number and leaves its file open.
    pipe, loop, ready = process.stdout.fileno(), asyncio.get_running_loop(), asyncio.Event()
    os.set_blocking(pipe, False)
    loop.add_reader(pipe, ready.set)
    data = b""
    try:
        while len(data) < ANSWER_BYTES:
            ready.clear()
            try:
                piece = os.read(pipe, 65_536)
            except BlockingIOError:
                await ready.wait()
                continue
            if not piece:
                break
            data += piece
    finally:
        loop.remove_reader(pipe)
    return data


async def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill bwrap, and with it its namespace.

    As a group, because while bwrap makes that, it has a child that does not die with it yet. The session is therefore
    the one that it was started with, without a terminal, and not one of its own (`--new-session`).
    """
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        await _gone(process.pid)
        process.wait()
    if process.stdout:
        process.stdout.close()


async def _gone(pid: int) -> None:
    """Return when a child has ended, which is not waited for yet."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    handle = os.pidfd_open(pid)
    try:
        loop.add_reader(handle, ended.set)
        await ended.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)
