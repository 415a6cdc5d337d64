"""What tests have the scripted engine say in stages: an answer with one objection, and what clients must get of it."""

from collections.abc import Sequence
from typing import Any

from tests.support.sse import Event

PLAN = "1. Add the numbers.\n2. Say it."
WRONG, OBJECTION = "It is 5.", "OBJECT\nTwo and two are not 5."
RIGHT, VERDICT = "It is 4.\n```python\nprint(2 + 2)\n```\n", "ACCEPT"
CODE = "print(2 + 2)\n"
ONE_OBJECTION = {
    "planner.text": PLAN,
    "executor.1.text": WRONG,
    "verifier.1.text": OBJECTION,
    "executor.2.text": RIGHT,
    "verifier.2.text": VERDICT,
}
SINGLE = {"code.text": f"```python\n{CODE}```", "explanation.text": "Two and two are four."}
STAGES = [
    ("thinking", "planner", PLAN),
    ("content", "executor", WRONG),
    ("thinking", "verifier", OBJECTION),
    ("thinking", "executor", "Round 2 of 3 at most."),
    ("content", "executor", RIGHT),
    ("thinking", "execution", "The code is not executed: this worker executes none."),
    ("thinking", "verifier", VERDICT),
]
"""What is said with `ONE_OBJECTION` where code is not executed."""


def asked(mode: str = "agent_multi", *, options: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A body for `/chat/stream`."""
    script = {"agent_multi": ONE_OBJECTION, "agent_single": SINGLE, "ask": {"text": RIGHT}}[mode]
    given = {"tokens_per_second": 0} | script | (options or {})
    return {"message": "What are two and two?", "mode": mode, "engine_options": given} | more


def stages_of(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    """What was thought and said, however it was cut: type, stage and text of each stretch."""
    stages: list[tuple[str, str, str]] = []
    for event in events:
        said = event.json
        if said["type"] not in ("thinking", "content"):
            continue
        if stages and stages[-1][:2] == (said["type"], said["stage"]):
            said = said | {"content": stages.pop()[2] + said["content"]}
        stages.append((said["type"], said["stage"], said["content"]))
    return stages


def completes_of(events: Sequence[Event]) -> list[dict[str, Any]]:
    """The data of each `complete`; there should be one."""
    return [event.json["data"] for event in events if event.json["type"] == "complete"]
