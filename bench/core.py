"""`python -m bench.core`: what the parts on the hot path cost by themselves, in nanoseconds; no socket is written to.

Figures of one machine at one time: to be compared with a run before and after a change, on the same machine.
"""

import asyncio
import timeit
from collections.abc import Callable
from typing import Any, cast

from edge_proxy.core.pacer import Pacer
from edge_proxy.core.reader import Source
from edge_proxy.dialects.native import NativeEncoder
from edge_proxy.downstream.pump import Pump
from edge_proxy.downstream.stream import Stream
from edge_proxy.downstream.ticker import Ticker
from edge_proxy.downstream.wire import Wire
from edge_proxy.upstream.exchange import Exchange, Route
from edge_proxy.upstream.said import Said
from inference_worker.engines.script import Options
from inference_worker.engines.scripted import Player, Scheduler
from inference_worker.exchange import Exchange as WorkerExchange
from inference_worker.generation import GenerationLog
from inference_worker.registry import Registry
from inference_worker.request import Request
from inference_worker.shelf import Generation
from inference_worker.text import TextStage
from protos import inference_pb2 as pb

STREAMS = 200  # in one frame
ROUNDS = 50
REPEAT = 5  # the best is printed: noise only adds
TEXT = " quiet river"
PING_S, TIMEOUT_S, INTERVAL_S = 15.0, 3600.0, 0.05


class NoSource:
    """A generation that goes on whatever its reader says."""

    def pause(self) -> None:
        """Nothing."""

    resume = leave = pause
    moves = 0


def pacer() -> Callable[[], None]:
    """A delta pushed and polled when it is due."""
    subject, now = Pacer(interval_s=INTERVAL_S, ping_interval_s=PING_S, timeout_s=TIMEOUT_S, now=0.0), [0.0]

    def run() -> None:
        for index in range(STREAMS):
            now[0] += INTERVAL_S
            subject.push(TEXT, index, now=now[0])
            subject.poll(now=now[0])

    return run


def encoder() -> Callable[[], None]:
    """A delta as bytes of the native dialect."""
    subject = NativeEncoder("w00000000-000000000000000000000000")
    source = Pacer(interval_s=0, ping_interval_s=PING_S, timeout_s=TIMEOUT_S, now=0.0)
    source.push(TEXT, 1, now=0.0)
    (delta,) = source.poll(now=0.0)

    def run() -> None:
        for _ in range(STREAMS):
            subject.encode(delta, unix_s=0.0)

    return run


def edge() -> Callable[[], None]:
    """A row of a frame, all the way to the write: exchange, stream, pacer, encoder, pump."""
    exchange, ticker = Exchange(lambda: None), Ticker()
    pumps = []
    for _ in range(STREAMS):
        stream = Stream(Pacer(interval_s=0, ping_interval_s=PING_S, timeout_s=TIMEOUT_S, now=ticker.now()), ticker)
        exchange.open(pb.GenerateRequest(), Route(stream, lambda answer: None, Said()))
        stream.attach(cast("Source", NoSource()))
        pump = Pump(stream, NativeEncoder("w00000000-000000000000000000000000"), Wire(lambda data: None))
        pumps.append(asyncio.ensure_future(pump.run()))
    numbers, index = list(range(1, STREAMS + 1)), [0]

    def run() -> None:
        index[0] += 1
        frame = pb.WorkerFrame(text_stream=numbers, text=[TEXT] * STREAMS, text_next_index=[index[0]] * STREAMS)
        exchange.receive(frame, now=ticker.now())

    return run


def append() -> Callable[[], None]:
    """A token through the text stage into a log."""
    stage = _stage()

    def run() -> None:
        for _ in range(STREAMS):
            stage.push(TEXT)

    return run


def _stage() -> TextStage:
    log = GenerationLog(max_chars=10**12)
    return TextStage(log.append, label=log.label)


def scripted() -> Callable[[], None]:
    """A token of the scripted engine, from the scheduler to the log."""
    scheduler, now = Scheduler(), [0.0]
    options = Options(tokens_per_second=50, tokens=10**9, stamp=True)
    for _ in range(STREAMS):
        player = Player(Request(raw_prompt="x"), options, sink=_stage(), on_done=lambda outcome: None, now=0.0)
        scheduler.add(player, 0.0)

    def run() -> None:
        now[0] += 0.02
        scheduler.advance(now[0])

    return run


def frame() -> Callable[[], None]:
    """A row of a frame that a worker builds and serializes, of two tokens."""
    registry = Registry(cast("Any", None), worker_id="w", limits=cast("Any", None), call_later=cast("Any", None))
    exchange, now = WorkerExchange(registry, lambda urgent: None, slot_s=0.01), [0.0]
    generations = [Generation(str(number), GenerationLog(max_chars=10**12), 0.0, b"") for number in range(STREAMS)]
    for number, generation in enumerate(generations):
        exchange.read(number, generation, 0, interval_s=INTERVAL_S)

    def run() -> None:
        now[0] += INTERVAL_S
        for generation in generations:
            generation.log.append(TEXT)
            generation.log.append(TEXT)
        made = exchange.frame(now=now[0])
        assert made is not None  # noqa: S101 - else nothing was measured
        made.SerializeToString()

    return run


PARTS = {
    "worker: a token of the scripted engine": scripted,
    "worker: a token into the log": append,
    "worker: a row of a frame, with two tokens": frame,
    "edge: a delta through the pacer": pacer,
    "edge: an event encoded": encoder,
    "edge: a row of a frame to the write": edge,
}


async def main() -> None:
    """Measure and print all."""
    for name, make in PARTS.items():
        run = make()
        await asyncio.sleep(0)  # what it has begun stands ready
        run()
        best = min(timeit.repeat(run, number=ROUNDS, repeat=REPEAT))
        print(f"{best / ROUNDS / STREAMS * 1e9:7,.0f} ns  {name}")


if __name__ == "__main__":
    asyncio.run(main())
