"""What llama.cpp's threads say, brought to the event loop and read."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from inference_worker.engines.base import Finish, Sink

PROGRESS = "prompt_progress"


def is_progress(raw: bytes) -> bool:
    """Whether the message says how far the prompt has been read, and so has no token."""
    return PROGRESS.encode() in raw and PROGRESS in json.loads(raw)


class Mailbox:
    """What llama.cpp's threads leave for the event loop: woken once, it takes all that lies there."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: deque[tuple[Callable[[bytes], None], bytes]] = deque()
        self._woken = threading.Event()

    def put(self, receive: Callable[[bytes], None], item: bytes) -> None:
        """Called on any thread: have `receive(item)` called on the event loop's."""
        self._items.append((receive, item))
        if not self._woken.is_set():
            self._woken.set()
            self._loop.call_soon_threadsafe(self._empty)

    def _empty(self) -> None:
        self._woken.clear()  # first: what is put from here on wakes the loop again
        while self._items:
            receive, item = self._items.popleft()
            receive(item)


class Reply:
    """What llama.cpp says of one request, turned into tokens of a sink."""

    def __init__(self, sink: Sink) -> None:
        self.finish: Finish | None = None
        self.error = ""
        self.enough = threading.Event()  # read by llama.cpp's thread: make no more
        self._sink = sink
        self._made = 0  # tokens pushed

    def receive(self, raw: bytes) -> None:
        """Take one message of llama.cpp's OpenAI-like stream."""
        if self.enough.is_set():
            return
        chunk: dict[str, Any] = json.loads(raw)
        if "choices" not in chunk:
            self.error = str(chunk.get("error", chunk))
            return
        choice = chunk["choices"][0]
        made = chunk["timings"]["predicted_n"]
        if choice["finish_reason"]:
            self._push("", until=made)
            self.finish = Finish(choice["finish_reason"], chunk["usage"]["prompt_tokens"])
        elif PROGRESS not in chunk:
            self._push(choice["text"], until=made)

    def _push(self, text: str, *, until: int) -> None:
        """Push the token that completes `text`, behind those of which llama.cpp said nothing: they completed none."""
        while self._made < until and not self.enough.is_set():
            self._made += 1
            if not self._sink.push(text if self._made == until else ""):
                self.enough.set()
