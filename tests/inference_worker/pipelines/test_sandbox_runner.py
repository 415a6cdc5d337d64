"""The runner by itself, without walls around it; with them: test_sandbox."""

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from inference_worker.pipelines import sandbox_runner

LIMITS = {
    "wall_s": 10,
    "cpu_s": 5,
    "memory_bytes": 512 << 20,
    "processes": 4096,
    "file_bytes": 100_000,
    "output_bytes": 1_000,
    "figure_bytes": 50,
}
PNG = b"\x89PNG\r\n\x1a\nx"


def run(code: str, folder: Path, **limits: int) -> dict[str, Any]:
    """What the runner answers of that program."""
    command = [sys.executable, "-I", "-c", Path(sandbox_runner.__file__).read_text(), json.dumps(LIMITS | limits)]
    done = subprocess.run(command, input=code.encode(), cwd=folder, capture_output=True, timeout=30, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_all_that_is_printed_comes_back_in_its_order(tmp_path: Path) -> None:
    made = run("import sys\nprint(1, flush=True)\nprint('é', file=sys.stderr)", tmp_path)
    assert made == {"output": "1\né\n", "note": "", "image": None, "plotly_json": None}


def test_an_exception_is_printed_and_noted(tmp_path: Path) -> None:
    made = run("1 / 0", tmp_path)
    assert "main.py" in made["output"]
    assert "ZeroDivisionError" in made["output"]
    assert made["note"] == "It ended with exit code 1."


def test_figures_come_back(tmp_path: Path) -> None:
    made = run(f"open('figure.png', 'wb').write({PNG!r}); open('figure.json', 'w').write('{{}}')", tmp_path)
    assert base64.b64decode(made["image"]) == PNG
    assert made["plotly_json"] == "{}"


@pytest.mark.parametrize(
    ("code", "note"),
    [
        ("open('figure.png', 'wb').write(b'x' * 51)", "figure.png is left out: it has more than 50 bytes."),
        ("open('figure.png', 'wb').write(b'GIF')", ""),
        ("import os; os.symlink('/etc/passwd', 'figure.json')", ""),
        ("import os; os.mkfifo('figure.json')", None),
        ("import os; os.mkdir('figure.png')", ""),
    ],
)
def test_what_is_no_figure_does_not(code: str, note: str | None, tmp_path: Path) -> None:
    made = run(code, tmp_path)
    assert made["image"] is None
    assert not made["plotly_json"]
    assert note is None or made["note"] == note


def test_who_prints_too_much_is_stopped(tmp_path: Path) -> None:
    made = run("while True: print('x' * 99)", tmp_path)
    assert len(made["output"]) == 1_000
    assert made["note"] == "It was stopped: it printed more than 1,000 bytes."


def test_who_takes_too_long_is_stopped_with_what_was_printed(tmp_path: Path) -> None:
    made = run("import time\nprint(1, flush=True)\ntime.sleep(99)", tmp_path, wall_s=1)
    assert made["output"] == "1\n"
    assert made["note"] == "It was stopped: it ran for more than 1 s."


def test_who_computes_too_long_is_stopped(tmp_path: Path) -> None:
    assert "processor time" in run("while True: pass", tmp_path, cpu_s=1)["note"]


def test_memory_and_files_are_bounded(tmp_path: Path) -> None:
    assert "MemoryError" in run("x = bytearray(1 << 30)", tmp_path)["output"]
    run("open('x', 'wb').write(b'x' * 1_000_000)", tmp_path)
    assert (tmp_path / "x").stat().st_size <= LIMITS["file_bytes"]
