"""Builds the Go programs from Debian's packages: no modules, no downloads."""

import os
import shutil
from pathlib import Path

from bench import annotated
from bench.build import BUILT, fresh, run
from bench.peers.base import Unavailable
from bench.processes import ROOT

DEBIAN = Path("/usr/share/gocode")
OURS = BUILT / "gopath"
PACKAGES = {  # what is imported, by the package that holds it
    "golang-github-golang-protobuf-1-3-dev": "github.com/golang/protobuf/protoc-gen-go/grpc",
    "golang-github-grpc-ecosystem-grpc-gateway-dev": "github.com/grpc-ecosystem/grpc-gateway/protoc-gen-grpc-gateway",
    "golang-golang-x-sys-dev": "golang.org/x/sys/unix",
    "golang-google-genproto-dev": "google.golang.org/genproto/googleapis/api/annotations",
    "golang-google-grpc-dev": "google.golang.org/grpc",
}
PLUGINS = {
    "protoc-gen-go": "github.com/golang/protobuf/protoc-gen-go",
    "protoc-gen-grpc-gateway": "github.com/grpc-ecosystem/grpc-gateway/protoc-gen-grpc-gateway",
}


def go_program(name: str) -> Path:
    """The program of bench/go/`name`/main.go.

    Raises:
        Unavailable: Go, a package or protoc's imports are missing, or do not fit together.
    """
    missing = [package for package, path in PACKAGES.items() if not (DEBIAN / "src" / path).is_dir()]
    if not shutil.which("go"):
        missing.insert(0, "golang-go")
    if missing:
        raise Unavailable(f"Go packages are missing; apt install {' '.join(missing)}")
    _stubs()
    source, target = ROOT / f"bench/go/{name}/main.go", BUILT / f"go-{name}"
    return fresh(target, [source, *annotated.SOURCES, Path(__file__)], lambda: _go_build(target, str(source)))


def _stubs() -> None:
    """The Go package `bench/inferencepb`, as $GOPATH wants it."""
    into = OURS / "src"
    target = into / annotated.GO_PACKAGE / "inference.pb.go"
    fresh(target, [*annotated.SOURCES, Path(__file__)], lambda: _generate(into))


def _generate(into: Path) -> None:
    into.mkdir(parents=True, exist_ok=True)
    for name, package in PLUGINS.items():
        _go_build(BUILT / name, package)
    plugins = [f"--plugin={name}={BUILT / name}" for name in PLUGINS]
    annotated.protoc(*plugins, f"--go_out=plugins=grpc:{into}", f"--grpc-gateway_out={into}")


def _go_build(target: Path, what: str) -> None:
    variables = {"GO111MODULE": "off", "GOPATH": f"{OURS}:{DEBIAN}", "GOCACHE": str(BUILT / "go-cache")}
    run(["go", "build", "-o", target, what], variables=os.environ | variables)
