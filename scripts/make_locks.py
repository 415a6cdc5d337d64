"""Writes requirements.txt and requirements-dev.txt: every dependency of pyproject.toml, exact and with hashes.

The second adds the development tools to the first and never contradicts it. Both hold for every platform.
"""

import subprocess
import sys

COMPILE = (
    "uv pip compile pyproject.toml --universal --python-version 3.11 "
    "--generate-hashes --no-emit-index-url --no-annotate --quiet"
)


def main() -> None:
    """Resolve both locks again."""
    for arguments in (
        "--upgrade --output-file requirements.txt",
        "--extra dev --upgrade --constraints requirements.txt --output-file requirements-dev.txt",
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
