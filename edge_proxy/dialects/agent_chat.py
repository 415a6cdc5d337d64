"""The agent chat dialect: every event is the same object, with null for what it does not say.

    data: {"type":"content","content":"Hello","session_id":"s1","message_id":"m1","reply_id":null,"metadata":null,...}
    data: {"type":"done","content":null,...,"reply_id":"r1","metadata":{"model":"tiny","tokens_used":66},...}

`done` is the last event of a success, `error` of a failure. What is not the answer comes with empty `content`, in
`metadata`. Where streaming is turned off there is one `content`, at the end; an answer in one piece is the `done` with
all of the text.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, assert_never

from edge_proxy.core import sse
from edge_proxy.core.errors import Failure
from edge_proxy.core.events import Channel, Delta, Event, Failed, Finished, Ping, Usage
from edge_proxy.dialects import native


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One turn of a conversation: the dialect of one request.

    `message_id` is that of what the user said, `reply_id` that of the answer; it is told when there is one.
    """

    session_id: str
    message_id: str
    reply_id: str
    model: str
    streaming: bool = True
    name: str = "agent_chat"
    headers: tuple[tuple[bytes, bytes], ...] = sse.HEADERS

    def encoder(self, generation_id: str, index: int = 0, before: str = "") -> "TurnEncoder":
        """See `Dialect`."""
        return TurnEncoder(self, generation_id) if self.streaming else PatientEncoder(self, generation_id, before)

    def whole(self, generation_id: str, answers: Sequence[tuple[Sequence[Delta], Finished]]) -> bytes:
        """See `WholeDialect`."""
        ((deltas, end),) = answers
        said = [delta.text for delta in deltas if delta.label.channel is Channel.ANSWER]
        return _json(self.data("done", content="".join([*said, end.text]), **self.done(end))).encode("ascii")

    def done(self, end: Finished) -> dict[str, Any]:
        """What the end of a success says besides."""
        usage = end.outcome.usage
        metadata = {
            "model": self.model,
            "tokens_used": usage.prompt_tokens + usage.completion_tokens,
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
        }
        return {"reply_id": self.reply_id, "metadata": metadata, "finish_reason": end.outcome.finish_reason}

    def data(
        self,
        kind: str,
        *,
        content: str | None = None,
        reply_id: str | None = None,
        metadata: Mapping[str, object] | None = None,
        finish_reason: str | None = None,
        error: str | None = None,
    ) -> dict[str, object]:
        """An event's object."""
        return {
            "type": kind,
            "content": content,
            "session_id": self.session_id,
            "message_id": self.message_id,
            "reply_id": reply_id,
            "metadata": metadata,
            "finish_reason": finish_reason,
            "error": error,
        }

    def end(self, generation_id: str, usages: Sequence[Usage]) -> bytes:
        """Nothing: the last event is the end."""
        return b""

    def refusal(self, failure: Failure, *, request_id: str) -> tuple[str, bytes]:
        """See `Dialect`."""
        return native.refusal(failure, request_id=request_id)


class TurnEncoder:
    """Spells one answer."""

    __slots__ = ("_generation_id", "_turn")

    def __init__(self, turn: Turn, generation_id: str) -> None:
        self._turn = turn
        self._generation_id = generation_id

    def begin(self) -> bytes:
        """A comment, which every SSE reader skips."""
        return sse.comment("stream opened")

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """One event, or a comment."""
        match event:
            case Delta():
                return self._delta(event)
            case Ping():
                return sse.comment("ping")
            case Finished():
                rest = self._delta(Delta(event.text, event.next_index)) if event.text else b""
                return rest + self._event(event.cursor, "done", **self._turn.done(event))
            case Failed():
                failure = event.failure
                metadata = {"code": failure.code, "retryable": failure.retryable}
                return self._event(event.cursor, "error", error=failure.message, metadata=metadata)
            case _:
                assert_never(event)

    def _delta(self, delta: Delta) -> bytes:
        label = delta.label
        answer = delta.text if label.channel is Channel.ANSWER else ""
        metadata = ({"stage": label.stage} if label.stage else {}) | native.other(delta)
        if label.channel is Channel.OTHER:
            return b""
        return self._event(delta.next_index, "content", content=answer, metadata=metadata or None)

    def _event(self, next_index: int, kind: str, **members: Any) -> bytes:
        data = _json(self._turn.data(kind, **members))
        return f"id: {self._generation_id}.{next_index}\ndata: {data}\n\n".encode("ascii")


class PatientEncoder(TurnEncoder):
    """Spells one answer for who wants it in one piece: its text is kept for the end."""

    __slots__ = ("_texts",)

    def __init__(self, turn: Turn, generation_id: str, before: str) -> None:
        super().__init__(turn, generation_id)
        self._texts = [before] if before else []

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """As above, but that text of the answer waits."""
        if isinstance(event, Delta) and event.label.channel is Channel.ANSWER:
            self._texts.append(event.text)
            return b""
        if isinstance(event, Finished):
            event = replace(event, text="".join([*self._texts, event.text]))
        elif isinstance(event, Failed) and self._texts:
            said = self._delta(Delta("".join(self._texts), event.next_index))
            return said + super().encode(event, unix_s=unix_s)
        return super().encode(event, unix_s=unix_s)


_json = json.JSONEncoder(separators=(",", ":")).encode
