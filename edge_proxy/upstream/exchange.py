"""The edge's end of one exchange: many streams on one gRPC call, without the call.

    open(), pause(), leave() ... -> commands -> take() -> the shell writes them
    the shell reads a frame -> receive() -> every reader that it has text for gets it

An open is answered by the worker with Opened or Refused, before the client's response begins.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Outcome
from edge_proxy.core.reader import Reader
from edge_proxy.upstream.translate import to_ending, to_failure, to_label
from protos import inference_pb2 as pb

Answer = Callable[[str | Failure], None]
Row = tuple[int, str, int]  # a stream's number, its new text, and the index behind it


@dataclass(slots=True, eq=False)
class Route:
    """Where one stream's text goes."""

    reader: Reader
    answer: Answer | None  # who waits to hear that it is open
    next_index: int = field(default=0)


class Exchange:
    """The streams of one call.

    Args:
        wake: Called when there is something to take.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._interval_percent = 0  # to be told; 0: nothing to tell
        self._routes: dict[int, Route] = {}
        self._commands: list[pb.Command] = []
        self._last_number = 0

    def __len__(self) -> int:
        """How many streams there are."""
        return len(self._routes)

    def open(self, request: pb.GenerateRequest, reader: Reader, answer: Answer, *, interval_s: float = 0.0) -> int:
        """Start a generation for `reader`, who wants text every so often; `answer` gets its id, or why there is none.

        Returns:
            The stream's number.
        """
        self._last_number += 1
        number = self._last_number
        self._routes[number] = Route(reader, answer)
        self._command(pb.Command(stream=number, open=request, interval_ms=round(1000 * interval_s)))
        return number

    def pause(self, number: int) -> None:
        """Have no text sent for that stream."""
        if number in self._routes:
            self._command(pb.Command(stream=number, pause=pb.Pause()))

    def resume(self, number: int) -> None:
        """Have text sent for that stream again."""
        if number in self._routes:
            self._command(pb.Command(stream=number, resume=pb.Resume()))

    def leave(self, number: int) -> None:
        """Stop reading that stream; nothing when it has ended."""
        if self._routes.pop(number, None):
            self._command(pb.Command(stream=number, detach=pb.Detach()))

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
            self._end(
                refused.stream, to_failure(refused.status.code, refused.status.message, refused.status.field), now
            )
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
                route.reader.push(text, index, now=now)
        for ending in frame.endings:
            self._end(ending.stream, to_ending(ending), now)

    def lost(self, *, now: float) -> None:
        """The call is over: every stream ends, with as many tokens as it has."""
        routes, self._routes = self._routes, {}
        for route in routes.values():
            if route.answer:
                route.answer(Failure(Code.WORKER_UNAVAILABLE))
            else:
                message = f"The worker went away after {route.next_index} tokens."
                route.reader.end(Failure(Code.WORKER_LOST, message), now=now)

    def _labelled(self, rows: Iterable[Row], labels: Iterable[pb.RowLabel]) -> Iterator[Row]:
        """The same rows; before one that has a label, its reader is told."""
        at = {item.row: item.label for item in labels}
        for place, row in enumerate(rows):
            route = self._routes.get(row[0]) if place in at else None
            if route:
                route.reader.label(to_label(at[place]))
            yield row

    def _command(self, command: pb.Command) -> None:
        self._commands.append(command)
        self._wake()

    def _opened(self, opened: pb.Opened) -> None:
        route = self._routes.get(opened.stream)
        if route and route.answer:
            route.next_index = opened.next_index
            answer, route.answer = route.answer, None
            answer(opened.generation_id)

    def _end(self, number: int, ending: Outcome | Failure, now: float) -> None:
        route = self._routes.pop(number, None)
        if route is None:
            return
        if route.answer is None:
            route.reader.end(ending, now=now)
        else:  # an end instead of a beginning
            route.answer(ending if isinstance(ending, Failure) else Failure(Code.BAD_UPSTREAM))
