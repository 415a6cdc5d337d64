"""An edge at the other end of an exchange's shell, without gRPC between them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from inference_worker.exchange_call import ExchangeCall, Rhythm
from inference_worker.registry import Registry
from protos import inference_pb2 as pb
from tests.inference_worker.registries import eventually

RHYTHM = Rhythm(tick_s=0.008, heartbeat_s=5)


@dataclass
class Edge:
    """What was sent, and what came when."""

    call: ExchangeCall
    frames: list[pb.WorkerFrame] = field(default_factory=list)
    instants: list[float] = field(default_factory=list)
    takes: asyncio.Event = field(default_factory=asyncio.Event)  # not set: the transport is full
    _sent: asyncio.Queue[pb.EdgeFrame | None] = field(default_factory=asyncio.Queue)

    async def write(self, frame: pb.WorkerFrame) -> None:
        self.frames.append(frame)
        self.instants.append(asyncio.get_running_loop().time())
        await self.takes.wait()

    async def commands(self) -> AsyncIterator[pb.EdgeFrame]:
        while (frame := await self._sent.get()) is not None:
            yield frame

    def send(self, *commands: pb.Command) -> None:
        self._sent.put_nowait(pb.EdgeFrame(commands=commands))

    def stretch(self, percent: int) -> None:
        self._sent.put_nowait(pb.EdgeFrame(interval_percent=percent))

    def hang_up(self) -> None:
        self._sent.put_nowait(None)

    def text(self, stream: int) -> str:
        rows = [zip(frame.text_stream, frame.text, strict=True) for frame in self.frames]
        return "".join(text for row in rows for number, text in row if number == stream)

    async def opened(self, stream: int) -> pb.Opened:
        await eventually(lambda: any(o.stream == stream for f in self.frames for o in f.opened))
        return next(o for f in self.frames for o in f.opened if o.stream == stream)

    async def refused(self, stream: int) -> pb.Status:
        await eventually(lambda: any(r.stream == stream for f in self.frames for r in f.refused))
        return next(r.status for f in self.frames for r in f.refused if r.stream == stream)

    async def ended(self, stream: int) -> pb.Ending:
        await eventually(lambda: any(e.stream == stream for f in self.frames for e in f.endings))
        return next(e for f in self.frames for e in f.endings if e.stream == stream)


@asynccontextmanager
async def on_a_call(registry: Registry, rhythm: Rhythm = RHYTHM) -> AsyncIterator[Edge]:
    """An edge on a call, which it ends when it is left."""
    call = ExchangeCall(registry, rhythm)
    edge = Edge(call)
    edge.takes.set()
    serving = asyncio.create_task(call.serve(edge.commands(), edge.write))
    await eventually(lambda: edge.frames)
    yield edge
    edge.takes.set()
    edge.hang_up()
    await serving


def open_(stream: int, **options: str) -> pb.Command:
    """Open a stream of three tokens, made as fast as they can be."""
    given = {"tokens_per_second": "0", "tokens": "3"} | options
    return pb.Command(stream=stream, open=pb.GenerateRequest(prompt="Hello", engine_options=given))


def attach(stream: int, generation_id: str, next_index: int) -> pb.Command:
    return pb.Command(stream=stream, attach=pb.Attach(generation_id=generation_id, next_index=next_index))


def detach(stream: int) -> pb.Command:
    return pb.Command(stream=stream, detach=pb.Detach())


def pause(stream: int) -> pb.Command:
    return pb.Command(stream=stream, pause=pb.Pause())


def resume(stream: int) -> pb.Command:
    return pb.Command(stream=stream, resume=pb.Resume())


def cancel(stream: int) -> pb.Command:
    return pb.Command(stream=stream, cancel=pb.Cancel())
