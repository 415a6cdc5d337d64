"""The staged dialect: what a staged answer thinks, says and makes, as unnamed events that say their type.

    data: {"type":"thinking","stage":"planner","content":"First, ..."}
    data: {"type":"content","stage":"executor","content":"Hello"}
    data: {"type":"complete","data":{"reply":"Hello there!","generated_code":null,...}}
    data: {"type":"done"}

`done` is the last event of a success, `error` of a failure. What stages make besides text are JSON objects in the log,
of which `complete` has the members that it knows. The last object has all of them, the reply included, so that who
comes back gets a whole `complete`; and it is the end of the log, so that who stands behind it has had `complete`.
"""

import json
from collections.abc import Iterator, Sequence
from typing import assert_never

from edge_proxy.core import sse
from edge_proxy.core.events import Channel, Delta, Event, Failed, Finished, Ping, Usage
from edge_proxy.dialects import native

name = "staged"
headers: tuple[tuple[bytes, bytes], ...] = sse.HEADERS
refusal = native.refusal

RESULTS = ("reply", "generated_code", "execution_result", "image", "plotly_json")


class StagedEncoder:
    """Spells one stream, and keeps its answer and results for the end."""

    __slots__ = ("_answer", "_generation_id", "_heard", "_results")

    def __init__(self, generation_id: str, before: str) -> None:
        self._generation_id = generation_id
        self._answer = [before]
        self._results: list[Delta] = []
        self._heard = False

    def begin(self) -> bytes:
        """A comment, which every SSE reader skips."""
        return sse.comment("stream opened")

    def encode(self, event: Event, *, unix_s: float) -> bytes:
        """One event, or several where the answer ends, or a comment."""
        match event:
            case Delta():
                return self._delta(event)
            case Ping():
                return sse.comment("ping")
            case Finished():
                rest = self._delta(Delta(event.text, event.next_index)) if event.text else b""
                done = self._event(event.cursor, {"type": "done"})
                if event.next_index and not self._heard:  # the client came back for this alone
                    return done
                return rest + self._event(event.next_index, {"type": "complete", "data": self._complete(event)}) + done
            case Failed():
                return self._event(event.cursor, {"type": "error"} | native.failed(event))
            case _:
                assert_never(event)

    def _delta(self, delta: Delta) -> bytes:
        self._heard = True
        match delta.label.channel:
            case Channel.ANSWER:
                self._answer.append(delta.text)
                kind = "content"
            case Channel.REASONING | Channel.PROGRESS:
                kind = "thinking"
            case Channel.RESULT:
                self._results.append(delta)
                return b""
            case _:
                return b""
        return self._event(delta.next_index, {"type": kind, "stage": delta.label.stage, "content": delta.text})

    def _complete(self, end: Finished) -> dict[str, object]:
        made: dict[str, object] = dict.fromkeys(RESULTS) | {"reply": "".join(self._answer)}
        for said in read(joined(self._results)):
            made |= {name: value for name, value in said.items() if name in RESULTS}
        usage = end.outcome.usage
        counted = {"promptTokens": usage.prompt_tokens, "completionTokens": usage.completion_tokens}
        return {**made, "finishReason": end.outcome.finish_reason, "usage": counted}

    def _event(self, next_index: int, data: dict[str, object]) -> bytes:
        return f"id: {self._generation_id}.{next_index}\ndata: {_json(data)}\n\n".encode("ascii")


def joined(deltas: Sequence[Delta]) -> list[str]:
    """The texts that deltas are the pieces of: those in a row with the same label object are one."""
    texts: list[str] = []
    for before, delta in zip([None, *deltas], deltas, strict=False):
        if before and before.label is delta.label:
            texts[-1] += delta.text
        else:
            texts.append(delta.text)
    return texts


def read(texts: Sequence[str]) -> Iterator[dict[str, object]]:
    """The JSON objects among texts. One may be cut in two, or be cut off: then a whole one follows."""
    begun = ""
    for text in texts:
        for candidate in (begun + text, text):
            try:
                said = json.loads(candidate)
            except ValueError:
                continue
            if isinstance(said, dict):
                yield said
            begun = ""
            break
        else:
            begun += text


def encoder(generation_id: str, index: int = 0, before: str = "") -> StagedEncoder:
    """An encoder for one stream, which has one answer."""
    return StagedEncoder(generation_id, before)


def end(generation_id: str, usages: Sequence[Usage]) -> bytes:
    """Nothing: the last event is the end."""
    return b""


_json = json.JSONEncoder(separators=(",", ":")).encode
