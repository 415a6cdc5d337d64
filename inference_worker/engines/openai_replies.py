"""What an OpenAI-compatible service says, read: chunks of a stream, answers in one piece, and refusals.

No I/O: text comes in, and a sink gets the tokens.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from inference_worker.engines.base import Finish, Sink
from inference_worker.engines.openai_chunks import CallPart, Choice, Chunk, Said, Usage
from inference_worker.label import ANSWER, Channel, Label, ToolCall
from inference_worker.status import Code, EngineError, Refused

log = logging.getLogger(__name__)

DONE = "[DONE]"
REASONING = Label(Channel.REASONING)
REASONS = ("stop", "length", "tool_calls", "content_filter")  # others are a service's own words for "stop"

# A status to ours. What is not in here is the service's fault, or this worker's: INTERNAL.
STATUSES = {
    400: Code.INVALID_ARGUMENT,
    408: Code.DEADLINE_EXCEEDED,
    413: Code.INVALID_ARGUMENT,
    422: Code.INVALID_ARGUMENT,
    429: Code.RESOURCE_EXHAUSTED,
    503: Code.UNAVAILABLE,
    504: Code.DEADLINE_EXCEEDED,
}
# Within a stream there is no status; some say one as the error's code, and an edge of ours its own codes.
NAMED = {
    "rate_limit_exceeded": 429,
    "server_draining": 503,
    "timeout": 504,
    "worker_lost": 503,
    "worker_unavailable": 503,
}


class Reply:
    """One answer, turned into tokens of a sink: a chunk's text is a token here, however many it was there."""

    def __init__(self, sink: Sink) -> None:
        self.done = False  # nothing follows that matters
        self._sink = sink
        self._label = ANSWER
        self._calls: dict[int, Label] = {}
        self._reason = ""
        self._wanted = True
        self._usage = Usage()

    def take(self, data: str) -> bool:
        """One event of a stream, or a whole answer. False: no more is wanted.

        Raises:
            EngineError: It is nothing that such a service says.
            Refused: It is an error.
        """
        if data == DONE:
            self.done = True
            return False
        try:
            chunk = Chunk.model_validate_json(data)
        except ValidationError:
            message = f"The service sent {len(data):,} characters that are no chunk."  # which may be of an answer
            raise EngineError(message) from None
        if chunk.error:
            raise refusal(_status(chunk.error), data)
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices or ():
            self._choose(choice)
        return self._wanted

    def finish(self) -> Finish:
        """How it ended.

        Raises:
            EngineError: It did not: the stream was cut.
        """
        if not self._reason and self._wanted:
            raise EngineError("The service's answer ended without a finish reason.")
        reason = self._reason if self._reason in REASONS else "stop"
        return Finish(
            reason if self._wanted else "length",  # the sink took no more
            self._usage.prompt_tokens or 0,
            self._usage.completion_tokens,
        )

    def _choose(self, choice: Choice) -> None:
        said = choice.delta or choice.message or Said(content=choice.text)
        self._say(REASONING, said.thought)
        self._say(ANSWER, said.content or said.refusal or "")
        for place, part in enumerate(said.tool_calls or ()):
            self._say(self._call(part, place), part.function.arguments or "", always=True)
        self._reason = choice.finish_reason or self._reason

    def _call(self, part: CallPart, place: int) -> Label:
        """What a fragment's text is. Only the first fragment of a call says which it is."""
        index = place if part.index is None else part.index
        if index not in self._calls:
            named = ToolCall(index, part.id or "", part.function.name or "")
            self._calls[index] = Label(Channel.TOOL_CALL, tool_call=named)
        return self._calls[index]

    def _say(self, label: Label, text: str, *, always: bool = False) -> None:
        if not self._wanted or not (text or always):
            return
        if label is not self._label:
            self._label = label
            self._sink.label(label)
        self._wanted = self._sink.push(text)


def refusal(status: int, body: str) -> Refused:
    """Why a service does not answer: its words, which are for who asked where they are about the request."""
    error = _error(body)
    message = str(error.get("message") or f"The service answers {status}.")
    if status == 404 and (error.get("param") == "model" or "model" in f"{error.get('code')} {message}".lower()):
        return Refused(Code.NOT_FOUND, "The service does not serve that model.", field="model")
    code = STATUSES.get(status, Code.INTERNAL)
    if code is Code.INTERNAL:
        log.warning("The service answers %d: %.500r", status, message)
    return Refused(code, message, field=str(error.get("param") or ""))


def _error(body: str) -> Mapping[str, Any]:
    """The error's object, in the shapes that services have."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    error = value.get("error", value.get("detail", value))
    return error if isinstance(error, dict) else {"message": error}


def _status(error: object) -> int:
    """An HTTP status for an error within a stream."""
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int):
        return code
    return NAMED.get(str(code), 500)
