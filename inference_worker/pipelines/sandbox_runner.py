"""Runs inside the sandbox: reads a program, runs it within limits, and prints one JSON object of what came of it.

It is started by the sandbox with its source as an argument, so that nothing of the project need be there. The program
is another process, which can do to this one what it likes: who reads the answer takes it for the program's own words.
"""

import base64
import contextlib
import json
import os
import resource
import selectors
import signal
import stat
import subprocess
import sys
import time

PROGRAM = "main.py"
PNG = b"\x89PNG\r\n\x1a\n"


def main() -> None:
    """The limits are the first argument, as JSON; the program is what comes on stdin."""
    limits = json.loads(sys.argv[1])
    with open(PROGRAM, "wb") as file:
        file.write(sys.stdin.buffer.read())
    _limit(limits)
    output, note = _run(limits)
    made: dict[str, str | None] = {"output": output.decode("utf-8", "replace")}
    notes = [note]
    for name, path, spell in (("image", "figure.png", _png), ("plotly_json", "figure.json", _text)):
        data = _figure(path, limits["figure_bytes"])
        made[name] = spell(data) if isinstance(data, bytes) else None
        if isinstance(data, str):
            notes.append(data)
    made["note"] = " ".join([said for said in notes if said])
    json.dump(made, sys.stdout)


def _limit(limits: dict[str, int]) -> None:
    """This process's limits, and so the program's."""
    for name, value in (
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_NPROC, limits["processes"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
        (resource.RLIMIT_NOFILE, 64),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (value, value))
    resource.setrlimit(resource.RLIMIT_CPU, (limits["cpu_s"], limits["cpu_s"] + 1))  # a signal first that says why


def _run(limits: dict[str, int]) -> tuple[bytes, str]:
    """What the program printed, and a note on how it ended, if that was not by itself."""
    program = subprocess.Popen(  # noqa: S603 - this is what all of it is for
        [sys.executable, "-B", PROGRAM],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    output, note = _read(program, limits["output_bytes"], time.monotonic() + limits["wall_s"], limits["wall_s"])
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(program.pid, signal.SIGKILL)
    code = program.wait()
    return output, note or _ending(code)


def _read(program: "subprocess.Popen[bytes]", most: int, until: float, wall_s: int) -> tuple[bytes, str]:
    output = b""
    assert program.stdout  # noqa: S101 - a pipe, as asked for
    with selectors.DefaultSelector() as selector:
        selector.register(program.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, until - time.monotonic())):
            piece = os.read(program.stdout.fileno(), 65_536)
            if not piece:
                return output, ""
            output += piece
            if len(output) > most:
                return output[:most], f"It was stopped: it printed more than {most:,} bytes."
    return output, f"It was stopped: it ran for more than {wall_s} s."


def _ending(code: int) -> str:
    if code == 0:
        return ""
    if code == -signal.SIGXCPU:
        return "It was stopped: it used more processor time than it was given."
    return f"It was killed by signal {-code}." if code < 0 else f"It ended with exit code {code}."


def _figure(path: str, most: int) -> "bytes | str | None":
    """The file's bytes; a note, if it is too large; None: there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # no link to elsewhere, no pipe to wait for
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        if os.fstat(handle).st_size > most:
            return f"{path} is left out: it has more than {most:,} bytes."
        return os.read(handle, most)
    finally:
        os.close(handle)


def _png(data: bytes) -> "str | None":
    return base64.b64encode(data).decode() if data.startswith(PNG) else None


def _text(data: bytes) -> "str | None":
    return data.decode("utf-8", "replace")


if __name__ == "__main__":
    main()
