"""Makes the typed Python stubs of protos/inference.proto, or checks that those in the tree are fresh.

python scripts/make_stubs.py            write them
python scripts/make_stubs.py --check    exit 1 and name the files that differ
"""

import filecmp
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STUBS = ("inference_pb2.py", "inference_pb2.pyi", "inference_pb2_grpc.py", "inference_pb2_grpc.pyi")


def generate(into: Path) -> None:
    """Write the four stub files to `into`/protos."""
    # protoc looks for its plug-ins (mypy-protobuf's) on the PATH: beside the interpreter that runs us.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    outputs = [f"--{kind}_out={into}" for kind in ("python", "grpc_python", "mypy", "mypy_grpc")]
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{ROOT}",
        *outputs,
        str(ROOT / "protos/inference.proto"),
    ]
    subprocess.run(command, check=True, env=os.environ | {"PATH": path})


def main() -> int:
    """Write the stubs, or compare them with new ones; the exit code."""
    if "--check" not in sys.argv:
        generate(ROOT)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        _, stale, missing = filecmp.cmpfiles(ROOT / "protos", f"{folder}/protos", STUBS, shallow=False)
    for name in stale + missing:
        print(f"protos/{name} is not what protos/inference.proto says: run make stubs")
    return 1 if stale + missing else 0


if __name__ == "__main__":
    raise SystemExit(main())
