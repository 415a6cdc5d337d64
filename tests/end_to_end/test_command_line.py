"""The command line as a person has it: real processes, in a real terminal where that matters."""

import asyncio
import json
import re
import signal
import sys

import pytest

from tests.end_to_end.conftest import Pair
from tests.support import processes
from tests.support.http import Exchange
from tests.support.relay import Relay
from tests.support.sse import check_native
from tests.support.terminal import CTRL_C, CTRL_D, terminal
from tests.support.worker_probe import WorkerProbe, asked

FIGURES = r"\d+ tokens in, \d+ out \(\w+\); first after \d+ ms, \d+ tokens/s"
CHAT = ("-m", "edge_proxy", "chat")
HELLO = {"role": "user", "content": "Hello"}
STOPS_WITHIN_S = 1.0


async def said(edge: str, *messages: dict[str, str], max_tokens: int) -> str:
    """The answer to these by the API."""
    return check_native(
        await (await Exchange.post(edge, {"messages": messages, "max_tokens": max_tokens})).all_events()
    )


async def run(*arguments: str) -> tuple[int | None, str, str]:
    """A command's exit code, output and errors, when it has ended."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "edge_proxy",
        *arguments,
        cwd=processes.ROOT,
        env=processes.clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


async def test_words_are_shown_as_they_come(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe:
        text = await probe.text(asked("Hello", tokens_per_second=0))
    with terminal(*CHAT, "Hello", "--url", f"http://{pair.edge}") as screen:
        assert screen.wait() == 0
    assert re.fullmatch(re.escape(text) + r"\r\n" + FIGURES + r"\r\n", screen.shown)
    growing = [at for at, chars in screen.steps if chars <= len(text)]
    assert len(growing) >= 5
    assert growing[-1] - growing[0] > 1.0, "a hundred words, fifty a second"


async def test_ctrl_c_stops_the_generation_and_says_so(pair: Pair) -> None:
    with terminal(*CHAT, "Hello", "--url", f"http://{pair.edge}") as screen:
        screen.wait_for(r"\w+ \w+ \w+")
        screen.press(CTRL_C)
        async with WorkerProbe(pair.worker) as probe:
            await probe.wait_for_running(0, limit_s=STOPS_WITHIN_S)
        assert screen.wait() == 130
    assert screen.shown.endswith("\r\nstopped\r\n")
    assert "Traceback" not in screen.shown


async def test_a_conversation_carries_what_was_said(pair: Pair) -> None:
    with terminal(*CHAT, "--max-tokens", "20", "--url", f"http://{pair.edge}") as screen:
        screen.wait_for("^> $")
        screen.press("Hello\n")
        at = screen.wait_for(FIGURES + "\r\n> $")
        screen.press("And now?\n")
        screen.wait_for(FIGURES + "\r\n> $", begin=at)
        screen.press(CTRL_D)
        assert screen.wait() == 0
    first = await said(pair.edge, HELLO, max_tokens=20)
    answer = {"role": "assistant", "content": first}
    second = await said(pair.edge, HELLO, answer, {"role": "user", "content": "And now?"}, max_tokens=20)
    assert f"> Hello\r\n{first}\r\n" in screen.shown
    assert f"> And now?\r\n{second}\r\n" in screen.shown
    assert second != await said(pair.edge, {"role": "user", "content": "And now?"}, max_tokens=20)


async def test_ctrl_c_returns_to_the_prompt_and_what_it_stopped_is_forgotten(pair: Pair) -> None:
    with terminal(*CHAT, "--url", f"http://{pair.edge}") as screen:
        screen.wait_for("^> $")
        screen.press("Tell me all\n")
        screen.wait_for(r"all\r\n.* \w+ \w+ \w+")
        screen.press(CTRL_C)
        at = screen.wait_for("\r\nstopped\r\n> $")
        async with WorkerProbe(pair.worker) as probe:
            await probe.wait_for_running(0, limit_s=STOPS_WITHIN_S)
        screen.press("Hello\n")
        screen.wait_for(FIGURES + "\r\n> $", begin=at)
        screen.press(CTRL_D)
        assert screen.wait() == 0
    assert f"> Hello\r\n{await said(pair.edge, HELLO, max_tokens=100)}\r\n" in screen.shown
    assert "Traceback" not in screen.shown


async def test_a_refusal_does_not_end_a_conversation(pair: Pair) -> None:
    with terminal(*CHAT, "--max-tokens", "20", "--url", f"http://{pair.edge}", "--model", "gpt-0") as screen:
        screen.wait_for("^> $")
        screen.press("Hello\n")
        screen.wait_for(r"404: No worker serves that model\. \(model\)\r\n> $")
        screen.press(CTRL_D)
        assert screen.wait() == 0


async def test_json_is_one_object_a_line_and_the_figures_are_apart(pair: Pair) -> None:
    code, output, errors = await run("chat", "Hello", "--json", "--max-tokens", "30", "--url", f"http://{pair.edge}")
    events = [json.loads(line) for line in output.removesuffix("\n").split("\n")]
    assert code == 0
    assert {event["type"] for event in events} == {"message"}
    assert [event["isFinal"] for event in events] == [False] * (len(events) - 1) + [True]
    assert "".join(event["delta"] for event in events) == await said(pair.edge, HELLO, max_tokens=30)
    assert re.fullmatch(FIGURES + "\n", errors)


async def test_models_are_listed_a_line_each(pair: Pair) -> None:
    assert await run("models", "--url", f"http://{pair.edge}/") == (0, "scripted\n", "")


async def test_check_sees_whether_something_on_the_way_buffers(pair: Pair) -> None:
    async with Relay(pair.edge) as passing, Relay(pair.edge, hold_s=0.6) as holding:
        direct, through, held = await asyncio.gather(
            *(run("check", f"http://{address}") for address in (pair.edge, passing.address, holding.address))
        )
    for code, output, _ in (direct, through):
        assert (code, "Nothing buffers" in output) == (0, True), output
    assert held[0] == 1
    assert "Something between here and the edge buffers" in held[1]


@pytest.mark.parametrize("dying", ["worker", "edge"])
async def test_who_dies_within_an_answer_is_said_in_a_line(dying: str) -> None:
    with (
        processes.worker() as (worker, worker_process),
        processes.edge(worker) as (edge, edge_process),
        terminal(*CHAT, "Hello", "--url", f"http://{edge}") as screen,
    ):
        screen.wait_for(r"\w+ \w+ \w+")
        (worker_process if dying == "worker" else edge_process).send(signal.SIGKILL)
        assert screen.wait() == 1
    assert "Traceback" not in screen.shown
    last = screen.shown.strip().split("\r\n")[-1]
    expected = r"The worker went away.*\(WORKER_LOST\)" if dying == "worker" else rf"http://{re.escape(edge)}: .+"
    assert re.fullmatch(expected, last), last


async def test_who_reads_no_further_ends_it_quietly(pair: Pair) -> None:
    command = f"{sys.executable} -m edge_proxy chat Hello --json --url http://{pair.edge} | head -n 1"
    process = await asyncio.create_subprocess_shell(
        command,
        cwd=processes.ROOT,
        env=processes.clean_environment(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert json.loads(output)["type"] == "message"
    assert errors == b""
    async with WorkerProbe(pair.worker) as probe:
        await probe.wait_for_running(0, limit_s=STOPS_WITHIN_S)
