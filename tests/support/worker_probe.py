"""Asks a worker how it is, over gRPC, as an edge would."""

import asyncio
from typing import Any

import grpc

from protos import inference_pb2 as pb
from protos import inference_pb2_grpc as rpc


def asked(
    prompt: str, *, raw_prompt: bool = False, seed: int | None = None, max_tokens: int | None = None, **options: object
) -> pb.GenerateRequest:
    """The same request as in the native dialect, with the engine's options by name."""
    return pb.GenerateRequest(
        prompt=prompt,
        raw_prompt=raw_prompt,
        sampling=pb.Sampling(seed=seed, max_tokens=max_tokens),
        engine_options={name: str(value) for name, value in options.items()},
    )


class WorkerProbe:
    """Looks at one worker. To be used as an async context manager."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self.stub = rpc.AIAgentServiceStub(self._channel)

    async def __aenter__(self) -> "WorkerProbe":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._channel.close()

    async def running(self) -> int:
        """How many generations run: an exchange's first frame says it."""
        call: Any = self.stub.Exchange()
        try:
            frame: pb.WorkerFrame = await call.read()
            return frame.load.running
        finally:
            call.cancel()

    async def wait_for_running(self, count: int, *, limit_s: float) -> float:
        """Poll until so many generations run; how long that took, in seconds.

        The limit is the services': what a busy machine keeps them and us waiting, as looking shows, comes on top.
        """
        loop = asyncio.get_running_loop()
        begin = before = loop.time()
        waited_s = 0.0
        while (running := await self.running()) != count:
            await asyncio.sleep(0.005)
            now = loop.time()
            waited_s, before = max(waited_s, now - before), now
            bound_s = limit_s + 3 * waited_s
            assert now - begin < bound_s, f"{running} generations run, not {count}, after {bound_s:g} s"
        return loop.time() - begin

    async def text(self, request: pb.GenerateRequest) -> str:
        """The whole text of a generation, by the plain call: what every stream of the same request must have."""
        return "".join([chunk.delta async for chunk in self.stub.GenerateTextStream(request)])
