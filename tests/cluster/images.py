"""Base images from Debian's packages, for a docker daemon that reaches no registry: archives, kept from run to run."""

import contextlib
import shutil
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / ".build"
SUITE = "bookworm"  # its Python is 3.11
BACKPORTS = f"deb http://deb.debian.org/debian {SUITE}-backports main\n"
APPLICATION = ("python3", "python3-venv", "python3-pip", "ca-certificates", "libgomp1")
SERVICES = ("nginx-light", "prometheus", "postgresql")
POSTGRES = "70:70"  # as whom compose runs it, and as whom the official image of Alpine does
FROM_BACKPORTS = ("valkey-server", "valkey-tools")
NO_DAEMONS = "#!/bin/sh\nexit 101\n"  # packages start nothing when they are installed


def make() -> tuple[Path, Path]:
    """The archives of a base for our two images, and of one image with nginx, Valkey, PostgreSQL and Prometheus."""
    base, services = FOLDER / "base.tar", FOLDER / "services.tar"
    if not services.exists():
        FOLDER.mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            root = Path(tempfile.mkdtemp(dir=FOLDER))
            stack.callback(shutil.rmtree, root)
            _fill(root, base, services)
    return base, services


def _fill(root: Path, base: Path, services: Path) -> None:
    subprocess.run(["debootstrap", "--variant=minbase", SUITE, root], check=True, stdout=subprocess.DEVNULL)
    (root / "usr/sbin/policy-rc.d").write_text(NO_DAEMONS)
    (root / "usr/sbin/policy-rc.d").chmod(0o755)
    _install(root, *APPLICATION)
    _pack(root, base)
    (root / "etc/apt/sources.list.d/backports.list").write_text(BACKPORTS)
    _install(root, *SERVICES)
    _install(root, "-t", f"{SUITE}-backports", *FROM_BACKPORTS)
    _make_home_of_postgres(root)
    _pack(root, services)


def _make_home_of_postgres(root: Path) -> None:
    """A user of that number, without which initdb does nothing, and a folder that a new volume takes its owner from."""
    number = POSTGRES.partition(":")[0]
    with (root / "etc/passwd").open("a") as users:
        users.write(f"relay-postgres:x:{POSTGRES}::/var/lib/postgresql:/bin/sh\n")
    data = root / "var/lib/postgresql/data"
    data.mkdir(mode=0o700)
    shutil.chown(data, int(number), int(number))


def _install(root: Path, *packages: str) -> None:
    apt = ["chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-qq"]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "install", "-y", "--no-install-recommends", *packages], check=True, stdout=subprocess.DEVNULL)


def _pack(root: Path, archive: Path) -> None:
    unneeded = ("--exclude=./var/lib/apt/lists/*", "--exclude=./var/cache/apt/*")
    part = archive.with_suffix(".part")  # an archive that is there is whole
    subprocess.run(["tar", "-C", root, *unneeded, "-cf", part, "."], check=True)
    part.rename(archive)
