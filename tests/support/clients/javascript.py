"""The clients in JavaScript: scripts of tests/clients, in the Node.js of the development environment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict

from tests.support import node
from tests.support.clients.shape import Ask, Drive, Error, Seen


def script(name: str) -> Drive:
    """The client that is a script of this name."""

    @asynccontextmanager
    async def drive(edge: str, ask: Ask) -> AsyncIterator[Seen]:
        given = {key: value for key, value in asdict(ask).items() if value is not None}
        async with node.running(name, {"edge": edge} | given) as printed:
            error = printed.pop("error")
            yield Seen(**printed, error=Error(**error) if error else None)

    return drive
