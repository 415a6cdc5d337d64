"""The documentation's examples, taken from it as they stand, run against the pair that they are written for."""

import asyncio
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from inference_worker.engines import BUNDLED_MODEL
from tests.end_to_end.conftest import Pair
from tests.support import processes
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


async def test_the_openai_pages_example_prints_a_story(real_pair: Pair) -> None:
    code = block("py", "OpenAI", "docs/openai.md").replace("localhost:8080", real_pair.edge)
    assert "owl" in await output(sys.executable, "-c", code)


async def test_the_commands_for_keys_make_one_that_an_edge_asks_for(pair: Pair, tmp_path: Path) -> None:
    make, serve = block("sh", "keys new", "docs/security.md").strip().splitlines()
    _, *arguments = shlex.split(make, comments=True)
    key, line = (await output(sys.executable, *arguments)).strip().splitlines()[-2:]
    keys = tmp_path / "keys.jsonl"
    keys.write_text(line)
    variable, *_, command = shlex.split(serve)
    assert (variable, command) == ("EDGE_API_KEYS_FILE=keys.jsonl", "serve")
    with processes.edge(pair.worker, EDGE_API_KEYS_FILE=str(keys)) as (edge, _):
        head = "GET /v1/models HTTP/1.1"
        for authorization, status in (("", 401), (f"\nAuthorization: Bearer {key.split()[-1]}", 200)):
            exchange = await Exchange.send(edge, head + authorization)
            await exchange.read_head()
            assert exchange.status == status
            exchange.close()


def test_the_command_for_a_service_starts_a_worker_before_it(real_pair: Pair) -> None:
    command = block("sh", "WORKER_UPSTREAM_URL", "docs/engines.md").replace("127.0.0.1:8000", real_pair.edge)
    *variables, _, _, module = shlex.split(command)
    assert module == "inference_worker"
    with processes.worker(**dict(variable.split("=", 1) for variable in variables)) as (_, service):
        assert service.wait_for(r"serves (\S+) on") == "tiny"


async def test_the_example_of_the_recipe_tells_a_story(tmp_path: Path) -> None:
    code = block("python", "xllamacpp", "recipes/tiny_model/README.md").replace("build/tiny.gguf", str(BUNDLED_MODEL))
    assert "owl" in await output(sys.executable, "-c", code.replace("/tmp/tiny-model.sock", str(tmp_path / "m.sock")))  # noqa: S108


@pytest.mark.skipif(not shutil.which("go"), reason="Go is not installed: Debian's golang-go has it")
async def test_the_go_example_prints_a_story(real_pair: Pair, tmp_path: Path) -> None:
    file = tmp_path / "main.go"
    file.write_text(block("go", "bufio").replace("localhost:8080", real_pair.edge))
    assert "owl" in await output("go", "run", str(file))


@pytest.mark.skipif(not shutil.which("java"), reason="Java is not installed: Debian's default-jdk-headless has it")
async def test_the_java_example_prints_a_storys_events(real_pair: Pair, tmp_path: Path) -> None:
    file = tmp_path / "Story.java"
    file.write_text(block("java", "HttpClient").replace("localhost:8080", real_pair.edge))
    events = [json.loads(line) for line in (await output("java", str(file))).splitlines()]
    assert "owl" in "".join(event["delta"] for event in events)
    assert events[-1]["isFinal"]


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
