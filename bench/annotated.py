"""A copy of protos/inference.proto that transcoders understand: the same bytes on the wire, and an HTTP path beside.

The contract itself does not say how it is spelled in HTTP, because the edge decides that. Transcoders read it from
annotations (google.api.http), so a copy with one is derived whenever something is built from it.
"""

import os
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from bench.build import BUILT, fresh, run
from bench.peers.base import Unavailable
from bench.processes import ROOT

PATH = "/v1/generate"
GO_PACKAGE = "bench/inferencepb"
PROTO = ROOT / "protos/inference.proto"
SOURCES = (PROTO, Path(__file__))

_PACKAGE = "package inference.v1;"
_RPC = "rpc GenerateTextStream(GenerateRequest) returns (stream StreamChunk);"


def annotated(proto: str) -> str:
    """The same contract with a path for GenerateTextStream, and with a name for its Go package.

    `optional` goes: Debian's Go plugin is older than it. It says how an absent field is read, not how one is written.

    Args:
        proto: The text of protos/inference.proto.

    Raises:
        ValueError: It no longer says what is replaced here.
    """
    for line in (_PACKAGE, _RPC):
        if proto.count(line) != 1:
            raise ValueError(f"protos/inference.proto does not say {line!r} once")
    head = f'{_PACKAGE}\nimport "google/api/annotations.proto";\noption go_package = "{GO_PACKAGE}";'
    option = f'{{ option (google.api.http) = {{ post: "{PATH}" body: "*" }}; }}'
    return re.sub(r"(?m)^  optional ", "  ", proto.replace(_PACKAGE, head).replace(_RPC, f"{_RPC[:-1]} {option}"))


def protoc(*arguments: str) -> None:
    """Run protoc on the annotated copy.

    Raises:
        Unavailable: google/api/annotations.proto is not installed.
    """
    google_api = find_spec("google.api")
    if google_api is None or not google_api.submodule_search_locations:
        raise Unavailable("googleapis-common-protos is not installed; see bench/requirements.txt")
    includes = Path(google_api.submodule_search_locations[0]).parent.parent
    copy = BUILT / "annotated/inference.proto"
    copy.parent.mkdir(exist_ok=True)
    copy.write_text(annotated(PROTO.read_text()))
    command: Sequence[str | Path] = [sys.executable, "-m", "grpc_tools.protoc", f"-I{copy.parent}", f"-I{includes}"]
    run([*command, *arguments, copy.name], variables=os.environ)


def descriptor_set() -> Path:
    """The annotated contract and all that it imports, as a serialized FileDescriptorSet.

    Raises:
        Unavailable: As of protoc.
    """
    target = BUILT / "inference.descriptors"
    return fresh(target, SOURCES, lambda: protoc("--include_imports", f"--descriptor_set_out={target}"))
