"""The documentation's examples, taken from it as they stand, run against the pair that they are written for."""

import asyncio
import re
import shlex
import sys
from pathlib import Path

from tests.end_to_end.conftest import Pair
from tests.support.http import Exchange
from tests.support.node import CLIENTS, NODE
from tests.support.sse import Reader, check_native

ROOT = Path(__file__).resolve().parent.parent.parent


def block(language: str, containing: str, page: str = "README.md") -> str:
    """The page's code block of that language with that text in it."""
    text = (ROOT / page).read_text()
    found = [code for code in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if containing in code]
    assert len(found) == 1, f"{len(found)} blocks of {language} have {containing}"
    return str(found[0])


async def output(*command: str, folder: Path | None = None) -> str:
    """What the command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, cwd=folder
    )
    printed, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return printed.decode()


async def test_the_curl_command_streams_a_story(real_pair: Pair) -> None:
    command = block("sh", "-X POST").replace("localhost:8080", real_pair.edge)
    printed = await output(*shlex.split(command), "--silent")
    assert "owl" in printed
    assert '"isFinal":true' in printed


async def test_the_curl_command_with_an_events_id_goes_on_behind_it(real_pair: Pair) -> None:
    request: dict[str, object] = {"prompt": "Tell me a story about an owl.", "resumable": True, "seed": 1}
    first, *rest = await (await Exchange.post(real_pair.edge, request)).all_events()
    command = block("sh", "Last-Event-ID").replace("localhost:8080", real_pair.edge)
    printed = await output(*shlex.split(re.sub(r"ID: \S+'", f"ID: {first.id}'", command)), "--silent")
    reader = Reader()
    assert check_native(list(reader.feed(printed.encode()))) == "".join(event.json["delta"] for event in rest)


async def test_the_grpc_example_prints_a_story(real_pair: Pair) -> None:
    code = block("python", "GenerateTextStream").replace("127.0.0.1:50051", real_pair.worker)
    assert "owl" in await output(sys.executable, "-c", code)


async def test_the_event_source_example_shows_the_answer_on_the_page(real_pair: Pair) -> None:
    page = """
        import { EventSource } from "eventsource";
        const document = { body: { append: (text) => process.stdout.write(text) } };
    """
    code = block("js", "EventSource").replace("localhost:8080", real_pair.edge)
    printed = await output(str(NODE), "--input-type=module", "--eval", page + code, folder=CLIENTS)
    assert len(printed.split()) > 3


async def test_the_openai_example_prints_a_story(real_pair: Pair) -> None:
    code = block("python", "OpenAI").replace("localhost:8080", real_pair.edge)
    assert "owl" in await output(sys.executable, "-c", code)


async def test_the_commands_for_a_terminal_do_what_they_say(real_pair: Pair) -> None:
    chat, check = block("sh", "edge_proxy chat").strip().splitlines()
    python, *arguments = shlex.split(chat)
    assert python == ".venv/bin/python"
    assert "owl" in await output(sys.executable, *arguments, "--url", f"http://{real_pair.edge}")
    _, *arguments = shlex.split(check.replace("localhost:8080", real_pair.edge))
    assert "events" in await output(sys.executable, *arguments)


async def test_the_python_example_of_a_websocket_prints_two_stories(real_pair: Pair) -> None:
    code = block("python", "connect", "docs/websocket.md").replace("localhost:8080", real_pair.edge)
    printed = await output(sys.executable, "-c", code)
    assert "owl" in printed
    assert "fox" in printed
    assert {line[:2] for line in printed.splitlines() if line[1:2] == " "} == {"a ", "b "}


async def test_the_browsers_example_of_a_websocket_shows_the_answer_on_the_page(real_pair: Pair) -> None:
    page = "const document = { body: { append: (text) => process.stdout.write(text) } };"
    code = block("js", "WebSocket", "docs/websocket.md").replace("localhost:8080", real_pair.edge)
    assert "owl" in await output(str(NODE), "--input-type=module", "--eval", page + code)
