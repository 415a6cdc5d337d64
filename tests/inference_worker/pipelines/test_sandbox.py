"""Programs in real bubblewrap, and what they try to get out of it: each fails, and the worker goes on."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from inference_worker.pipelines.sandbox import Bounds, Sandbox, SandboxError, find
from tests.inference_worker.registries import eventually

BOUNDS = Bounds(wall_s=5, cpu_s=4, memory_bytes=256 << 20)
ROOT = Path(__file__).resolve().parent.parent.parent.parent


def works() -> str:
    """Why there is none; "" if there is."""
    if not shutil.which("bwrap"):
        return "bwrap is missing (Debian: bubblewrap)"
    tried = subprocess.run(
        ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"], capture_output=True, check=False, timeout=20
    )
    return "" if tried.returncode == 0 else f"bwrap does not work here: {tried.stderr.decode()[:200]}"


WHY_NOT = works()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "it works")


@pytest.fixture
async def sandbox() -> Sandbox:
    return await find(BOUNDS, python="", at_once=4)


async def said(sandbox: Sandbox, code: str) -> str:
    return (await sandbox.run(code)).result


def programs() -> list[int]:
    """Processes of this machine that run programs in a sandbox."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().split(b"\0")[1:3] == [b"-B", b"main.py"]:
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


def with_in_command(marker: str) -> list[int]:
    """Processes of this machine that have that in their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in path.read_bytes():
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


async def test_a_program_runs_and_has_pythons_library(sandbox: Sandbox) -> None:
    assert await said(sandbox, "import json, decimal, sqlite3\nprint(json.dumps(2 + 2))") == "4\n"


async def test_a_figure_comes_back(sandbox: Sandbox) -> None:
    made = await sandbox.run(
        "open('figure.png', 'wb').write(b'\\x89PNG\\r\\n\\x1a\\n1')\nopen('figure.json', 'w').write('{\"data\": []}')"
    )
    assert made.image == "iVBORw0KGgox"
    assert made.plotly_json == {"data": []}


async def test_there_is_no_network(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = await said(
            sandbox,
            f"""
import socket
for address in (("127.0.0.1", {port}), ("1.1.1.1", 53)):
    try:
        socket.create_connection(address, timeout=2)
        print("open")
    except OSError as error:
        print("shut", type(error).__name__)
print(len(socket.if_nameindex()))
""",
        )
        server.settimeout(0)
        with pytest.raises(BlockingIOError):
            server.accept()
    assert text.count("shut") == 2
    assert "open" not in text
    assert text.endswith("\n1\n"), "there is a loopback of its own, and nothing else"


async def test_no_abstract_socket_of_the_machine_is_there(sandbox: Sandbox) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("\0token-relay-test")
        server.listen()
        text = await said(sandbox, "import socket\nsocket.socket(socket.AF_UNIX).connect('\\0token-relay-test')")
    assert "ConnectionRefusedError" in text


async def test_nothing_outside_can_be_read(sandbox: Sandbox, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    secret.chmod(0o644)
    paths = ["/etc/shadow", "/etc/passwd", "/etc/hostname", str(ROOT / "README.md"), str(secret), "/proc/1/environ"]
    paths += ["/proc/self/mountinfo", "/sys/kernel", "/root", "/home", "/dev/mem", "/dev/kmsg", "/run", "/var"]
    text = await said(sandbox, f"import os\nfor path in {paths}: print(os.path.exists(path))")
    assert text == "False\n" * len(paths)
    assert "python3" in await said(sandbox, "import os\nprint(os.listdir('/usr/bin'))")
    assert len((await said(sandbox, "import os\nprint(*os.listdir('/usr/bin'))")).split()) == 1


async def test_nothing_outside_can_be_written(sandbox: Sandbox) -> None:
    text = await said(
        sandbox,
        """
import os
for path in ("/x", "/usr/x", "/usr/lib/x", "/dev/x", "/etc/x", "/dev/shm/x", os.__file__):
    try:
        open(path, "w")
        print("written", path)
    except OSError as error:
        print(type(error).__name__)
""",
    )
    assert "written" not in text
    assert len(text.split()) == 7
    name = f"sandbox-was-here-{os.getpid()}"
    assert await said(sandbox, f"open('/tmp/{name}', 'w').write('x')\nprint(open('/tmp/{name}').read())") == "x\n"
    assert name not in os.listdir("/tmp"), "its folder is its own"  # noqa: S108 - that it is not there
    assert "FileNotFound" in await said(sandbox, f"open('/tmp/{name}')"), "and each program has a new one"


async def test_a_folder_that_is_full_is_full(sandbox: Sandbox) -> None:
    text = await said(sandbox, "for i in range(99): open(f'{i}', 'wb').write(b'x' * (1 << 20))")
    assert "No space left on device" in text


async def test_a_fork_bomb_is_stopped(sandbox: Sandbox) -> None:
    bomb = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass"
    text = await said(sandbox, bomb)
    assert "It was stopped" in text or "killed" in text
    await eventually(lambda: not programs())
    counted = "import os\nn = 0\ntry:\n    while n < 999:\n        n += 1\n        os.fork() or os.pause()\n"
    text = await said(
        sandbox, counted.replace("os.pause()", "__import__('signal').pause()") + "except OSError: print(n)"
    )
    assert int(text.split()[0]) <= BOUNDS.processes


async def test_memory_is_bounded(sandbox: Sandbox) -> None:
    assert "MemoryError" in await said(sandbox, "x = bytearray(1 << 29)")
    assert "MemoryError" in await said(sandbox, "x = []\nwhile True: x.append('y' * 1_000_000)")


async def test_an_endless_loop_ends(sandbox: Sandbox) -> None:
    quick = await find(Bounds(wall_s=1, cpu_s=5), python="", at_once=1)
    assert await said(quick, "while True: pass") == "[It was stopped: it ran for more than 1 s.]"
    busy = await find(Bounds(wall_s=20, cpu_s=1), python="", at_once=1)
    assert "processor time" in await said(busy, "while True: pass")


async def test_one_who_ignores_signals_ends_too() -> None:
    quick = await find(Bounds(wall_s=1, cpu_s=5), python="", at_once=1)
    code = """
import signal, time
for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
time.sleep(99)
"""
    assert "It was stopped" in await said(quick, code)


async def test_huge_output_is_cut_with_a_note(sandbox: Sandbox) -> None:
    text = await said(sandbox, "while True: print('x' * 1000)")
    assert len(text) < BOUNDS.output_bytes + 100
    assert text.endswith("[It was stopped: it printed more than 16,384 bytes.]")


async def test_there_is_nothing_of_the_workers_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKER_UPSTREAM_KEY", "the-secret")
    text = await said(sandbox, "import os\nprint(dict(os.environ))\nprint(os.getppid(), os.path.exists('/proc'))")
    assert "secret" not in text
    assert "WORKER" not in text
    assert text.endswith("False\n")


async def test_no_other_process_can_be_reached(sandbox: Sandbox) -> None:
    code = f"""
import os
for pid in ({os.getpid()}, {os.getppid()}):
    try:
        os.kill(pid, 9)
        print("killed")
    except OSError as error:
        print(type(error).__name__)
"""
    assert await said(sandbox, code) == "ProcessLookupError\n" * 2
    for pid in ("os.getppid()", "1", "-1"):
        await said(sandbox, f"import os\nos.kill({pid}, 9)")
        assert await said(sandbox, "print(4)") == "4\n", "the next program is not touched"


async def test_it_has_no_rights_and_gets_none(sandbox: Sandbox) -> None:
    code = """
import ctypes, os
c = ctypes.CDLL(None, use_errno=True)
print(os.getuid() != 0, c.unshare(0x10000000), c.mount(b"none", b"/tmp", b"tmpfs", 0, None), c.setuid(0))
try:
    os.chroot("/tmp")
except OSError as error:
    print(type(error).__name__)
"""
    if os.geteuid() != 0:
        code = code.replace("c.setuid(0)", "-1")
    assert await said(sandbox, code) == "True -1 -1 -1\nPermissionError\n"


async def test_what_it_leaves_running_is_gone_with_it(sandbox: Sandbox) -> None:
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    os.close(1)
    os.close(2)
    time.sleep(999)
print(1)
"""
    assert await said(sandbox, code) == "1\n"
    await eventually(lambda: not programs())


async def test_an_answer_that_the_program_forges_is_read_as_its_own_words(sandbox: Sandbox) -> None:
    made = await sandbox.run('import os\nos.kill(os.getppid(), 9)\nprint(\'{"image": "x"}\')')
    assert made.image is None
    assert "stopped" in made.result


async def test_who_is_cancelled_kills_it() -> None:
    sandbox = await find(Bounds(wall_s=60), python="", at_once=1)
    task = asyncio.create_task(sandbox.run("import time\ntime.sleep(99)"))
    await eventually(programs)
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=5)
    assert done
    assert task.cancelled()
    await eventually(lambda: not programs())


@pytest.mark.parametrize("make_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_who_is_cancelled_while_it_is_made_leaves_nothing(make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    marker = '"wall_s": 61'  # in the command lines of these, and of no others

    async def cancel_early_and_late() -> None:
        sandbox = await find(Bounds(wall_s=61), python="", at_once=1)
        files = 0
        for number in range(60):
            task = asyncio.create_task(sandbox.run("import time\ntime.sleep(60)"))
            await asyncio.wait([task], timeout=number / 1000)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=10)
            assert done
            assert task.cancelled()
            files = files or len(os.listdir("/proc/self/fd"))
            assert len(os.listdir("/proc/self/fd")) <= files
        await eventually(lambda: not with_in_command(marker))

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(cancel_early_and_late())


async def test_no_more_run_than_may() -> None:
    one = await find(BOUNDS, python="", at_once=1)
    instants = "import time\nprint(time.monotonic())\ntime.sleep(0.2)\nprint(time.monotonic())"
    texts = await asyncio.gather(said(one, instants), said(one, instants))
    spans = sorted([float(instant) for instant in text.split()] for text in texts)
    assert spans[0][1] <= spans[1][0]


async def test_the_event_loop_goes_on_meanwhile(sandbox: Sandbox) -> None:
    task = asyncio.create_task(sandbox.run("import time\ntime.sleep(0.5)"))
    turns = 0
    while not task.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10


async def test_where_there_is_no_bwrap_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SandboxError, match="There is no bwrap"):
        await find(BOUNDS, python="", at_once=1)


async def test_where_it_does_not_work_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    for path in (fake, tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(path, 0o755)  # noqa: S103 - nobody is to find it, too
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxError, match="does not work here"):
        await find(BOUNDS, python="", at_once=1)


async def test_an_interpreter_that_is_not_there_is_named() -> None:
    with pytest.raises(SandboxError, match="/nowhere/python"):
        await find(BOUNDS, python="/nowhere/python", at_once=1)


async def test_another_interpreter_can_be_named() -> None:
    if os.geteuid() == 0 and sys.base_prefix.startswith("/root"):
        pytest.skip("this Python is in /root, where nobody may go")
    sandbox = await find(BOUNDS, python=sys.executable, at_once=1)
    assert await said(sandbox, "print(4)") == "4\n"


async def test_where_no_process_can_be_had_any_more_the_answer_goes_on_without(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    sandbox._command[0] = "/nowhere/setpriv"
    assert await said(sandbox, "print(4)") == "[It was stopped before it said what came of it.]"
    assert "/nowhere/setpriv" in caplog.text
