"""The golden transcripts: what each dialect makes of the same few streams, to the byte.

    python -m tests.edge_proxy.dialects.golden      writes tests/golden again: `make golden`

They change only on purpose. A dialect is in here by its row in `SPOKEN`.
"""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from edge_proxy.core.errors import Code, Failure
from edge_proxy.core.events import Channel, Delta, Event, Failed, Finished, Label, Outcome, Ping, ToolCall, Usage
from edge_proxy.upstream.translate import to_label
from inference_worker.generation import Finished as Ended
from inference_worker.messages import label_message
from tests.edge_proxy.dialects.spoken import GENERATION_ID, SPOKEN, spell
from tests.inference_worker.pipelines.performances import make_asked, make_staged, tell

FOLDER = Path(__file__).resolve().parent.parent.parent / "golden"
STOP = Outcome("stop", Usage(9, 57))
LOST = Failure(Code.WORKER_LOST, "The worker went away after 57 tokens.")
ANSWER: list[Event] = [
    Delta("Hello", 1),
    Delta(", wörld", 4),
    Ping(),
    Delta(" 🦉\r\n", 56),
    Finished("!", 57, STOP),
]
CALL = Label(Channel.TOOL_CALL, tool_call=ToolCall(0, "call_1", "find"))
MADE = Label(Channel.RESULT, "executor")
STAGED: list[Event] = [
    Delta("First, ", 1, Label(Channel.REASONING, "planner")),
    Delta("look it up.", 3, Label(Channel.REASONING, "planner")),
    Delta("looking it up", 4, Label(Channel.PROGRESS, "executor")),
    Delta('{"generated_code":', 5, MADE),
    Delta('"x = 1"}', 6, MADE),
    Delta("It is", 7, Label(stage="executor")),
    Finished(" 1.", 9, STOP),
]
OWL = Label(Channel.MEDIA)
SHOWN: list[Event] = [
    Delta('{"url":"https://media.example/owl.png",', 1, OWL),
    Delta('"mediaType":"image/png"}', 2, OWL),
    Delta("An owl", 3),
    Finished(".", 4, STOP),
]
CALLED: list[Event] = [
    Delta('{"query":', 1, CALL),
    Delta('"猫"}', 2, CALL),
    Finished("", 2, Outcome("tool_calls", Usage(9, 2))),
]
STREAMS: dict[str, list[Sequence[Event]]] = {
    "success": [ANSWER],
    "end_without_text": [[Delta("Hi", 1), Finished("", 1, Outcome("length", Usage(2, 1)))]],
    "nothing_said": [[Finished("", 0, Outcome("stop", Usage(2, 0)))]],
    "awkward_text": [
        [
            Delta("\0\x07\x0b\x0c\x1f\x7f\x85\u2028\u2029\ufeff", 1),
            Delta("data: x\n\nevent: error\rid: 9\n\n[DONE]", 2),
            Finished("\"\\/</script>{}'", 3, Outcome("stop", Usage(1, 3))),
        ]
    ],
    "failure_before_text": [[Ping(), Ping(), Failed(Failure(Code.TIMEOUT), 0)]],
    "failure_after_text": [[Delta("Hello", 1), Delta(" there", 57), Failed(LOST, 57)]],
    "staged": [STAGED],
    "tool_call": [CALLED],
    "media": [SHOWN],
    "two_answers": [ANSWER, [Delta("Bonjour", 1), Finished(".", 2, Outcome("length", Usage(9, 2)))]],
    "two_answers_one_failure": [ANSWER, [Delta("Bonjour", 1), Failed(LOST, 57)]],
}
REFUSALS = {
    "invalid_request": Failure(Code.INVALID_REQUEST, "Input should be less than or equal to 2.", "temperature"),
    "model_not_found": Failure(Code.NOT_FOUND, "No worker serves that model.", "model"),
    "overloaded": Failure(Code.OVERLOADED),
    "quota_exceeded": Failure(Code.QUOTA_EXCEEDED, "At most 100,000 tokens a day can be used."),
    "rate_limited": Failure(Code.RATE_LIMITED, "At most 60 requests a minute can be made."),
}


def transcripts() -> Iterator[tuple[str, bytes]]:
    """Each file's name, and what it has."""
    streams = STREAMS | {"agent_multi": [agent_multi()]}
    for name, spoken in SPOKEN.items():
        for stream, answers in streams.items():
            if len(answers) <= spoken.max_answers:
                yield f"{name}_{stream}.txt", b"".join(spell(spoken.dialect, answers, turns=(0, 1)))
        for refusal, failure in REFUSALS.items():
            media_type, body = spoken.dialect.refusal(failure, request_id="r-1")
            yield f"{name}_refused_{refusal}.txt", f"{failure.status} {media_type}\n\n".encode() + body + b"\n"
        whole: Any = getattr(spoken.dialect, "whole", None)
        if whole:
            given = [_whole(events) for events in STREAMS["two_answers"][: spoken.max_answers]]
            yield f"{name}_whole.txt", whole(GENERATION_ID, given) + b"\n"


def agent_multi() -> list[Event]:
    """What a worker tells of an answer in stages with one objection: a delta for each entry of its log."""
    told = asyncio.run(tell(make_staged(), make_asked("agent_multi")))
    at = {section.start: to_label(label_message(section.label)) for section in told.sections}
    events: list[Event] = []
    label = Label()
    for index, (text, _) in enumerate(told.entries):
        label = at.get(index, label)
        events.append(Delta(text, index + 1, label))
    ending = told.ending
    assert isinstance(ending, Ended)
    usage = Usage(ending.prompt_tokens, ending.completion_tokens)
    return [*events, Finished("", len(events), Outcome(ending.finish_reason, usage))]


def write() -> None:
    """Write them all, and remove those that nothing makes any more."""
    for path in FOLDER.glob("*.txt"):
        path.unlink()
    for name, data in transcripts():
        (FOLDER / name).write_bytes(data)


def _whole(events: Sequence[Event]) -> tuple[list[Event], Event]:
    return [event for event in events if isinstance(event, Delta)], events[-1]


if __name__ == "__main__":
    write()
