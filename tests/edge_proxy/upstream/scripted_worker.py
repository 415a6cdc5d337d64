"""A worker on a real gRPC server, of which the test says what it answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc


def open_all(worker: "ScriptedWorker", command: pb.Command) -> pb.WorkerFrame | None:
    """Answer every `open` by Opened."""
    generation_id = f"{worker.worker_id}-{command.stream}"
    return pb.WorkerFrame(opened=[pb.Opened(stream=command.stream, generation_id=generation_id)])


def open_none(worker: "ScriptedWorker", command: pb.Command) -> pb.WorkerFrame | None:
    """Answer no `open`."""
    return None


def text_frame(stream: int, text: str, next_index: int) -> pb.WorkerFrame:
    """A frame of one row."""
    return pb.WorkerFrame(text_stream=[stream], text=[text], text_next_index=[next_index])


class ScriptedWorker(rpc.AIAgentServiceServicer):
    """Says hello, answers opens, sends what it is told to, and notes what it hears."""

    def __init__(self, worker_id: str = "w1", *, models: tuple[str, ...] = ("tiny",), max_streams: int = 10) -> None:
        self.worker_id = worker_id
        self.models = models
        self.context_tokens = 0
        self.load = pb.Load(running=0, max_streams=max_streams)
        self.greets = True
        self.continues = False
        self.on_open: Callable[[ScriptedWorker, pb.Command], pb.WorkerFrame | None] = open_all
        self.commands: list[pb.Command] = []
        self.percents: list[int] = []  # how far intervals are to be stretched
        self.calls = 0
        self.ended = 0
        self.cancelled: list[str] = []
        self.cancelled_by: list[str] = []  # owners
        self.cancel_status: grpc.StatusCode | None = None
        self._frames: asyncio.Queue[pb.WorkerFrame | None] = asyncio.Queue()

    @property
    def actions(self) -> list[tuple[int, str | None]]:
        """The commands that were heard, as (stream, action)."""
        return [(command.stream, command.WhichOneof("action")) for command in self.commands]

    def send(self, frame: pb.WorkerFrame) -> None:
        """Have the frame written on the present call."""
        self._frames.put_nowait(frame)

    def hang_up(self) -> None:
        """End the present call."""
        self._frames.put_nowait(None)

    async def Exchange(  # type: ignore[override]  # noqa: N802 - gRPC's name; it takes coroutines that write, too
        self, request_iterator: AsyncIterator[pb.EdgeFrame], context: Any
    ) -> None:
        self.calls += 1
        self._frames = asyncio.Queue()
        hearing = asyncio.create_task(self._hear(request_iterator))
        try:
            if self.greets:
                known: dict[str, Any] = {"supports_continue": self.continues, "context_tokens": self.context_tokens}
                models = [pb.Model(name=name, **known) for name in self.models]
                await context.write(
                    pb.WorkerFrame(hello=pb.Hello(worker_id=self.worker_id, models=models), load=self.load)
                )
            while (frame := await self._frames.get()) is not None:
                await context.write(frame)
        finally:
            hearing.cancel()
            self.ended += 1

    async def CancelGeneration(  # noqa: N802 - gRPC's name
        self, request: pb.CancelGenerationRequest, context: Any
    ) -> pb.CancelGenerationResponse:
        self.cancelled.append(request.generation_id)
        self.cancelled_by.append(request.owner)
        if self.cancel_status:
            await context.abort(self.cancel_status, "no")
        return pb.CancelGenerationResponse()

    def GenerateTextStream(  # noqa: N802 - gRPC's name
        self, request: pb.GenerateRequest, context: Any
    ) -> AsyncIterator[pb.StreamChunk]:
        raise NotImplementedError  # an edge has no use for it

    async def ListModels(  # noqa: N802 - gRPC's name
        self, request: pb.ListModelsRequest, context: Any
    ) -> pb.ListModelsResponse:
        return pb.ListModelsResponse(models=self._hello().models)

    def _hello(self) -> pb.Hello:
        return pb.Hello(worker_id=self.worker_id, models=[pb.Model(name=name) for name in self.models])

    async def _hear(self, frames: AsyncIterator[pb.EdgeFrame]) -> None:
        async for frame in frames:
            if frame.interval_percent:
                self.percents.append(frame.interval_percent)
            for command in frame.commands:
                self.commands.append(command)
                answer = self.on_open(self, command) if command.WhichOneof("action") in ("open", "attach") else None
                if answer:
                    self.send(answer)


@contextlib.asynccontextmanager
async def serving(worker: ScriptedWorker, address: str = "127.0.0.1:0") -> AsyncIterator[str]:
    """Serve it while the context lasts; the address."""
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    rpc.add_AIAgentServiceServicer_to_server(worker, server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)
