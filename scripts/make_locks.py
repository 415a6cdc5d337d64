"""Writes the locks: every dependency of pyproject.toml, of the benchmark and of the fuzzer, exact and with hashes.

Each adds to the one before and never contradicts it. All hold for every platform.
"""

import subprocess
import sys

COMPILE = (
    "uv pip compile --universal --python-version 3.11 "
    "--generate-hashes --no-emit-index-url --no-annotate --quiet --upgrade"
)


def main() -> None:
    """Resolve the locks again."""
    for arguments in (
        "pyproject.toml --extra jwt --extra otel --output-file requirements.txt",
        "pyproject.toml --extra dev --constraints requirements.txt --output-file requirements-dev.txt",
        "bench/requirements.in --constraints requirements-dev.txt --output-file bench/requirements.txt",
        "tests/fuzz/requirements.in --constraints requirements-dev.txt --output-file tests/fuzz/requirements.txt",
    ):
        subprocess.run(
            [
                sys.executable,
                "-m",
                *COMPILE.split(),
                *arguments.split(),
                "--custom-compile-command",
                "make lock",
            ],
            check=True,
        )


if __name__ == "__main__":
    main()
