"""What reads a stream in these tests, and requests to read."""

import asyncio
from collections.abc import Callable

from edge_proxy.core.errors import Failure
from edge_proxy.core.events import Label, Outcome
from edge_proxy.upstream.said import Said
from protos import inference_pb2 as pb

REQUEST = pb.GenerateRequest(prompt="x")


class NotingReader:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.pushed: list[tuple[str, int]] = []
        self.labels: list[tuple[int, Label]] = []  # and how many texts came before each
        self.endings: list[Outcome | Failure] = []
        self.instants: list[float] = []

    @property
    def text(self) -> str:
        """All text so far."""
        return "".join(text for text, _ in self.pushed)

    def push(self, text: str, next_index: int, *, now: float) -> None:
        """See `Reader`."""
        self.pushed.append((text, next_index))
        self.instants.append(now)

    def label(self, label: Label) -> None:
        """See `Reader`."""
        self.labels.append((len(self.pushed), label))

    def end(self, ending: Outcome | Failure, *, now: float) -> None:
        """See `Reader`."""
        self.endings.append(ending)
        self.instants.append(now)


def add(said: Said, text: str, index: int) -> None:
    """A row, as an exchange adds it."""
    said.texts.append(text)
    said.ends.append(index)


async def eventually(condition: Callable[[], object], *, limit_s: float = 10) -> None:
    """Poll until the condition holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + limit_s
    while not condition():
        assert loop.time() < deadline, f"it did not come to hold within {limit_s:g} s"
        await asyncio.sleep(0.002)
