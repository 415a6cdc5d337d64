"""The edge's end of one exchange: many streams on one gRPC call, without the call.

    open(), pause(), leave() ... -> commands -> take() -> the shell writes them
    the shell reads a frame -> receive() -> every reader that it has text for gets it

An open is answered by the worker with Opened or Refused, before the client's response begins.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, Protocol

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Outcome
from edge_proxy.core.reader import Reader, Source
from edge_proxy.upstream.said import Said
from edge_proxy.upstream.translate import to_ending, to_label, to_refusal
from protos import inference_pb2 as pb

Answer = Callable[[pb.Opened | Failure], None]
OnLost = Callable[
    [int, Failure], None
]  # the index that was reached, and what the reader is to be told if nothing helps
COMPACT_FRAMES = 50  # in so many all streams are gone through; all at once would hold up every one of them
Row = tuple[int, str, int]  # a stream's number, its new text, and the index behind it


@dataclass(slots=True, eq=False, weakref_slot=True)
class Route:
    """Where one stream's text goes."""

    reader: Reader
    answer: Answer | None  # who waits to hear that it is open
    said: Said | None = None  # where its text is kept
    on_lost: OnLost | None = None  # who takes it from here when the worker is lost
    next_index: int = 0
    attaching: bool = False  # the generation is there already, or was
    overdue_at: float = inf  # without an end by then, its worker is to blame; inf: it is not, whatever takes long


class Answered(NamedTuple):
    """What a worker says of a generation that it has opened, and the way to it."""

    opened: pb.Opened
    source: Source


class Judge(Protocol):
    """Wants to know how streams end, to learn about the worker. Losing all of them is not told."""

    def ended(self, route: Route, ending: Outcome | Failure) -> None:
        """The worker says so."""

    def left(self, route: Route, *, stalled: bool) -> None:
        """It is not read any more, though it goes on: because it has stalled, or for another reason."""


class NumberedSource:
    """A stream of an exchange, for who reads it."""

    __slots__ = ("_exchange", "_number")
    moves = 0  # it ends with its worker

    def __init__(self, exchange: "Exchange", number: int) -> None:
        self._exchange = exchange
        self._number = number

    def pause(self) -> None:
        """See `Source`."""
        self._exchange.pause(self._number)

    def resume(self) -> None:
        """See `Source`."""
        self._exchange.resume(self._number)

    def leave(self, *, stalled: bool = False) -> None:
        """See `Source`."""
        self._exchange.leave(self._number, stalled=stalled)


class Exchange:
    """The streams of one call.

    Args:
        wake: Called when there is something to take.
        judge: Told of endings, if anyone is.
    """

    def __init__(self, wake: Callable[[], None], judge: Judge | None = None) -> None:
        self._wake = wake
        self._judge = judge
        self._interval_percent = 0  # to be told; 0: nothing to tell
        self._routes: dict[int, Route] = {}
        self._commands: list[pb.Command] = []
        self._last_number = 0
        self._to_compact: list[int] = []  # the numbers of those whose turn is still to come

    def __len__(self) -> int:
        """How many streams there are."""
        return len(self._routes)

    def open(self, request: pb.GenerateRequest, route: Route, *, interval_s: float = 0.0) -> int:
        """Start a generation for a reader who wants text every so often; the route's `answer` is told what comes of it.

        Returns:
            The stream's number.
        """
        number = self._number(route)
        self._command(pb.Command(stream=number, open=request, interval_ms=round(1000 * interval_s)))
        return number

    def attach(self, attach: pb.Attach, route: Route, *, interval_s: float = 0.0) -> int:
        """The same for a generation that is there."""
        route.attaching = True
        number = self._number(route)
        self._command(pb.Command(stream=number, attach=attach, interval_ms=round(1000 * interval_s)))
        return number

    def pause(self, number: int) -> None:
        """Have no text sent for that stream."""
        route = self._routes.get(number)
        if route:
            route.overdue_at = inf  # its reader is slow: that it takes long says nothing of the worker any more
            self._command(pb.Command(stream=number, pause=pb.Pause()))

    def resume(self, number: int) -> None:
        """Have text sent for that stream again."""
        if number in self._routes:
            self._command(pb.Command(stream=number, resume=pb.Resume()))

    def leave(self, number: int, *, stalled: bool = False) -> None:
        """Stop reading that stream; nothing when it has ended."""
        route = self._routes.pop(number, None)
        if route:
            self._command(pb.Command(stream=number, detach=pb.Detach()))
            if self._judge:
                self._judge.left(route, stalled=stalled)

    def stretch(self, percent: int) -> None:
        """Have all streams' intervals count so many percent."""
        self._interval_percent = percent
        self._wake()

    def take(self) -> pb.EdgeFrame | None:
        """What there is to tell since the last take; None if there is nothing."""
        commands, self._commands = self._commands, []
        percent, self._interval_percent = self._interval_percent, 0
        return pb.EdgeFrame(commands=commands, interval_percent=percent) if commands or percent else None

    def receive(self, frame: pb.WorkerFrame, *, now: float) -> None:
        """Hand on what a frame holds: answers first, then text, then endings."""
        for opened in frame.opened:
            self._opened(opened)
        for refused in frame.refused:
            route = self._routes.get(refused.stream)
            attaching = route is not None and route.attaching
            self._end(refused.stream, to_refusal(refused.status, attaching=attaching), now)
        routes = self._routes
        # The hot path: a row per stream that moved, and nothing else in the edge is done as often.
        rows: Iterable[Row] = zip(frame.text_stream, frame.text, frame.text_next_index, strict=True)
        if frame.labels:
            rows = self._labelled(rows, frame.labels)
        for number, text, index in rows:
            route = routes.get(number)  # None: it left, and the worker did not know yet
            if route is not None:
                if index <= route.next_index:
                    self._end(number, Failure(Code.BAD_UPSTREAM), now)
                    self._command(pb.Command(stream=number, detach=pb.Detach()))
                    continue
                route.next_index = index
                said = route.said
                if said is not None:
                    said.texts.append(text)
                    said.ends.append(index)
                route.reader.push(text, index, now=now)
        for ending in frame.endings:
            self._end(ending.stream, to_ending(ending), now)
        self._compact()

    def lost(self, *, now: float) -> None:
        """The call is over: every stream ends, with as many tokens as it has, or is taken on by who cares for it."""
        routes, self._routes = self._routes, {}
        for route in routes.values():
            if route.answer:
                route.answer(Failure(Code.WORKER_UNAVAILABLE))
            else:
                message = f"The worker went away after {route.next_index} tokens."
                _lose(route, Failure(Code.WORKER_LOST, message), now)

    def _compact(self) -> None:
        """Keep what has been said in less memory: of a few streams at each frame."""
        waiting = self._to_compact = self._to_compact or list(self._routes)
        for _ in range(min(len(waiting), 1 + len(self._routes) // COMPACT_FRAMES)):
            route = self._routes.get(waiting.pop())
            if route and route.said:
                route.said.compact()

    def _labelled(self, rows: Iterable[Row], labels: Iterable[pb.RowLabel]) -> Iterator[Row]:
        """The same rows; before one that has a label, its reader is told."""
        at = {item.row: item.label for item in labels}
        for place, row in enumerate(rows):
            route = self._routes.get(row[0]) if place in at else None
            if route:
                if route.said:
                    route.said.label(route.next_index, at[place])
                route.reader.label(to_label(at[place]))
            yield row

    def _number(self, route: Route) -> int:
        self._last_number += 1
        self._routes[self._last_number] = route
        return self._last_number

    def _command(self, command: pb.Command) -> None:
        self._commands.append(command)
        self._wake()

    def _opened(self, opened: pb.Opened) -> None:
        route = self._routes.get(opened.stream)
        if route and route.answer:
            route.next_index = opened.next_index
            answer, route.answer = route.answer, None
            answer(opened)

    def _end(self, number: int, ending: Outcome | Failure, now: float) -> None:
        route = self._routes.pop(number, None)
        if route is None:
            return
        if self._judge:
            self._judge.ended(route, ending)
        if route.answer is None and isinstance(ending, Failure) and ending.code is Code.WORKER_UNAVAILABLE:
            _lose(route, ending, now)  # it shuts down, and could not wait for this one
        elif route.answer is None:
            route.reader.end(ending, now=now)
        else:  # an end instead of a beginning
            route.answer(ending if isinstance(ending, Failure) else Failure(Code.BAD_UPSTREAM))


def _lose(route: Route, failure: Failure, now: float) -> None:
    if route.on_lost:
        route.on_lost(route.next_index, failure)
    else:
        route.reader.end(failure, now=now)
