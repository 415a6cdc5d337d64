"""A client of the WebSocket endpoint that checks the protocol's promises on every frame that it reads."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect

PATH = "/api/v1/ai/generate/ws"


class Seen:
    """What came of one ref's generation."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.index = -1
        self.generation_id = ""
        self.ended = False

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(frame.get("delta", "") for frame in self.frames)

    @property
    def last(self) -> dict[str, Any]:
        """The frame that came last."""
        return self.frames[-1]

    def take(self, frame: dict[str, Any]) -> None:
        """One more: nothing after the end, ids of one generation that rise."""
        assert not self.ended, f"a frame after the end: {frame}"
        kind = frame["type"]
        self.frames.append(frame)
        if kind == "opened":
            assert not self.generation_id
            self.generation_id = frame["generationId"]
        elif kind == "ping":
            assert frame["timestamp"] > 0
        else:
            assert kind in ("message", "error")
            self.ended = kind == "error" or frame["isFinal"]
            if "id" in frame:
                owner, _, index = frame["id"].rpartition(".")
                assert owner == self.generation_id
                assert int(index) > self.index or self.ended
                assert int(index) >= self.index
                self.index = int(index)
            else:
                assert not self.generation_id, "an error without an id answers a frame"


class Socket:
    """One socket; each ref is used once."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.refs: dict[str, Seen] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, address: str, **options: Any) -> AsyncIterator[Self]:
        """A socket to the edge at that address."""
        async with connect(f"ws://{address}{PATH}", proxy=None, **options) as connection:
            yield cls(connection)

    async def say(self, **frame: Any) -> None:
        """Send a frame."""
        await self.connection.send(json.dumps(frame))

    async def generate(self, ref: str, **fields: Any) -> Seen:
        """Ask for a generation; what will be seen of it."""
        await self.say(type="generate", ref=ref, **({"prompt": "x"} | fields))
        return self.refs.setdefault(ref, Seen())

    async def read(self) -> dict[str, Any]:
        """The next frame, which is checked as one of its generation if it has a ref."""
        text = await self.connection.recv()
        assert isinstance(text, str)
        frame: dict[str, Any] = json.loads(text)
        if "ref" in frame:
            self.refs[frame["ref"]].take(frame)
        return frame

    async def read_until(self, *seen: Seen) -> None:
        """Read until these have begun to say something."""
        while not all(one.text for one in seen):
            await self.read()

    async def read_to_end(self, *seen: Seen) -> None:
        """Read until these have ended."""
        while not all(one.ended for one in seen):
            await self.read()
