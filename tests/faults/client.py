"""A client that comes back after every cut, checked over all its connections as if they were one stream."""

import asyncio
import urllib.parse
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from tests.support.http import PATH, Exchange
from tests.support.sse import Event, check_native

Check = Callable[[Sequence[Event]], str]


class Client:
    """One reader of one generation, however often its connection is cut.

    Attributes:
        events: Of all connections, in their order.
        instants: When each came, on the event loop's clock.
    """

    def __init__(self, request: Mapping[str, Any], path: str = PATH) -> None:
        self.request = dict(request)
        self.events: list[Event] = []
        self.instants: list[float] = []
        self._path = path
        self._connection: Exchange | None = None
        self._coming: AsyncIterator[tuple[float, Event]] | None = None

    @property
    def last_id(self) -> str:
        """Where it stands."""
        return next((event.id for event in reversed(self.events) if event.id), "")

    @property
    def generation_id(self) -> str:
        """What it reads."""
        return self.last_id.rpartition(".")[0]

    @property
    def index(self) -> int:
        """How far it has read."""
        return int(self.last_id.rpartition(".")[2] or 0)

    @property
    def ended(self) -> bool:
        """The last event has come."""
        last = self.events[-1] if self.events else None
        if last is None:
            return False
        return last.name == "error" or last.json.get("isFinal") or last.json.get("type") in ("end", "done", "error")

    @property
    def complete(self) -> bool:
        """The body of the last response has had its own end."""
        return self._connection is not None and self._connection.complete

    @property
    def longest_pause_s(self) -> float:
        """Between two events that came one after the other."""
        pairs = zip(self.instants, self.instants[1:], strict=False)
        return max((after - before for before, after in pairs), default=0.0)

    async def begin(self, edge: str) -> "Client":
        """Have the generation started."""
        connection = await Exchange.post(edge, self.request, self._path)
        assert connection.status == 200, await connection.body()
        self.take(connection)
        return self

    async def resume(self, edge: str) -> "Client":
        """Come back to what was begun."""
        self.take(await come_back(edge, self.last_id, self._path))
        return self

    def take(self, connection: Exchange) -> None:
        """Go on with a connection of its generation."""
        assert connection.status == 200, connection.status
        self._connection, self._coming = connection, connection.events()

    async def read(self, events: int = 1_000_000) -> "Client":
        """So many more events, or to the end, or to where the connection breaks."""
        assert self._coming
        async for instant, event in self._coming:
            self.instants.append(instant)
            self.events.append(event)
            events -= 1
            if not events or self.ended:
                break
        return self

    async def read_to_end(self) -> "Client":
        """All the rest, with the end of the body."""
        await self.read()
        assert self._coming
        async for _, event in self._coming:
            self.events.append(event)  # which is one too many, as the check will say
        self.leave()
        return self

    async def read_past(self, index: int) -> "Client":
        """Until it stands there or behind."""
        while self.index < index and not self.ended:
            before = len(self.events)
            await self.read(1)
            assert len(self.events) > before, "the connection broke"
        return self

    @classmethod
    def of(cls, connection: Exchange, path: str = PATH) -> "Client":
        """One that has begun in its own way."""
        client = cls({}, path)
        client.take(connection)
        return client

    def leave(self, *, rudely: bool = False) -> None:
        """Cut the connection: with a FIN, or with a RST."""
        assert self._connection
        self._connection.reset() if rudely else self._connection.close()

    def text(self, *, complete: bool = True) -> str:
        """All text, after the check of the whole stream."""
        return check_native(self.events, complete=complete)


async def come_back(edge: str, last_event_id: str, path: str = PATH) -> Exchange:
    """A response for who stands there."""
    connection = await Exchange.send(edge, f"GET {path} HTTP/1.1\nLast-Event-ID: {last_event_id}")
    await connection.read_head()
    return connection


async def status(edge: str, last_event_id: str) -> int:
    """What who stands there is answered; the response's body is not read."""
    connection = await come_back(edge, last_event_id)
    connection.close()
    return connection.status


async def come_back_by_query(edge: str, last_event_id: str) -> Exchange:
    """The same without the header."""
    return await Exchange.get(edge, f"{PATH}?last_event_id={urllib.parse.quote(last_event_id, safe='')}")


async def uncut(edge: str, request: Mapping[str, Any]) -> str:
    """The text of that request when nothing happens."""
    return (await (await Client(request).begin(edge)).read_to_end()).text()


async def together(clients: Sequence[Client], edges: Sequence[str]) -> None:
    """Begin all, spread over these edges."""
    await asyncio.gather(*(one.begin(edges[place % len(edges)]) for place, one in enumerate(clients)))
