"""Who is asked for a key, by real processes: keys made by the command, two edges before one worker."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import openai
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.support import processes
from tests.support.processes import wait_until

PATH = "/api/v1/ai/generate"
ENDLESS = {
    "prompt": "x",
    "resumable": True,
    "engine_options": {"tokens": 1_000_000, "tokens_per_second": 50},
}
NOTICED_S = 5.0  # the file is looked at every second, and so are streams


def new_key(name: str) -> tuple[str, str]:
    """A key and its line, as the command says them."""
    command = [sys.executable, "-m", "edge_proxy", "keys", "new", name]
    done = subprocess.run(command, cwd=processes.ROOT, capture_output=True, text=True, check=True)
    key, line = done.stdout.splitlines()
    return key, line


class Guarded(NamedTuple):
    """Two edges that share a file of keys."""

    edges: tuple[str, str]
    file: Path
    alice: str
    bob: str
    lines: tuple[str, str]

    def write(self, *lines: str) -> None:
        """Change the file, as who writes well does."""
        other = self.file.with_suffix(".new")
        other.write_text("\n".join(lines) + "\n")
        other.rename(self.file)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    file = tmp_path_factory.mktemp("keys") / "keys"
    (alice, alice_line), (bob, bob_line) = new_key("alice"), new_key("bob")
    file.write_text(f"{alice_line}\n{bob_line}\n")
    with (
        processes.worker() as (worker, _),
        processes.edge(worker, EDGE_API_KEYS_FILE=str(file)) as (one, _),
        processes.edge(worker, EDGE_API_KEYS_FILE=str(file)) as (two, _),
    ):
        yield Guarded((one, two), file, alice, bob, (alice_line, bob_line))


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def status(address: str, key: str, path: str = "/v1/models") -> int:
    return httpx.get(f"http://{address}{path}", headers=bearer(key)).status_code


def ticket(address: str, key: str) -> str:
    answer = httpx.post(f"http://{address}/api/v1/ai/tickets", headers=bearer(key))
    assert answer.status_code == 201
    return str(answer.json()["ticket"])


def events(response: httpx.Response) -> Iterator[dict[str, Any]]:
    return (json.loads(line.removeprefix("data: ")) for line in response.iter_lines() if line.startswith("data: "))


def test_a_generation_is_its_owners_on_every_edge(guarded: Guarded) -> None:
    one, two = guarded.edges
    with httpx.stream("POST", f"http://{one}{PATH}", json=ENDLESS, headers=bearer(guarded.alice)) as response:
        running = events(response)
        assert next(running)["isFinal"] is False
        generation = response.headers["x-generation-id"]
        cursor = {"last-event-id": f"{generation}.0"}
        theirs = httpx.get(f"http://{two}{PATH}", headers=bearer(guarded.bob) | cursor)
        never = httpx.get(f"http://{two}{PATH}", headers=bearer(guarded.bob) | {"last-event-id": f"{generation}0.0"})
        stopped = httpx.delete(f"http://{two}/api/v1/ai/generations/{generation}", headers=bearer(guarded.bob))
        assert [theirs.status_code, never.status_code, stopped.status_code] == [404, 404, 404]
        assert theirs.json() | {"requestId": ""} == never.json() | {"requestId": ""}
        with httpx.stream("GET", f"http://{two}{PATH}", headers=bearer(guarded.alice) | cursor) as again:
            assert again.status_code == 200
            assert next(events(again))["delta"]
        stopped = httpx.delete(f"http://{two}/api/v1/ai/generations/{generation}", headers=bearer(guarded.alice))
        assert stopped.status_code == 204
        assert list(running)[-1]["code"] == "CANCELLED"


def test_keys_are_added_and_revoked_while_it_runs(guarded: Guarded) -> None:
    key, line = new_key("new")
    address = guarded.edges[0]
    assert status(address, key) == 401
    guarded.write(*guarded.lines, line)
    wait_until(lambda: status(address, key) == 200, "the key is known", limit_s=NOTICED_S)
    with httpx.stream("POST", f"http://{address}{PATH}", json=ENDLESS, headers=bearer(key)) as response:
        running = events(response)
        assert next(running)["isFinal"] is False
        guarded.write(*guarded.lines)
        revoked_at = time.monotonic()
        last = list(running)[-1]
        assert time.monotonic() - revoked_at < NOTICED_S
        assert last["code"] == "UNAUTHENTICATED"
    assert status(address, key) == 401
    assert status(address, guarded.alice) == 200


def test_openais_sdk_says_what_it_is(guarded: Guarded) -> None:
    url = f"http://{guarded.edges[0]}/v1"
    assert openai.OpenAI(base_url=url, api_key=guarded.alice).models.list().data
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=url, api_key="wrong").models.list()


def test_a_ticket_opens_an_event_source_once(guarded: Guarded) -> None:
    address = guarded.edges[0]
    query = f"http://{address}{PATH}?prompt=x&max_tokens=3&ticket={ticket(address, guarded.alice)}"
    first, second = httpx.get(query), httpx.get(query)
    assert [first.status_code, second.status_code] == [200, 401]
    assert list(events(first))[-1]["isFinal"] is True


async def test_a_socket_is_opened_by_a_ticket_or_a_header_and_by_nothing_else(guarded: Guarded) -> None:
    address = guarded.edges[0]
    url = f"ws://{address}{PATH}/ws"
    given = ticket(address, guarded.alice)
    async with connect(f"{url}?ticket={given}") as socket:
        await socket.send(json.dumps({"type": "generate", "prompt": "x", "max_tokens": 2}))
        assert json.loads(await socket.recv())["type"] == "opened"
    async with connect(url, additional_headers=bearer(guarded.bob)):
        pass
    for wrong in (f"{url}?ticket={given}", url, f"{url}?api_key={guarded.alice}"):
        with pytest.raises(InvalidStatus) as caught:
            async with connect(wrong):
                pass
        assert caught.value.response.status_code == 401


async def test_a_socket_closes_when_its_key_is_revoked(guarded: Guarded) -> None:
    key, line = new_key("socket")
    address = guarded.edges[0]
    guarded.write(*guarded.lines, line)
    wait_until(lambda: status(address, key) == 200, "the key is known", limit_s=NOTICED_S)
    async with connect(f"ws://{address}{PATH}/ws", additional_headers=bearer(key)) as socket:
        guarded.write(*guarded.lines)
        await socket.wait_closed()
        assert socket.close_code == 3000


def test_the_command_line_takes_its_key_from_the_environment(guarded: Guarded) -> None:
    command = [sys.executable, "-m", "edge_proxy", "models", "--url", f"http://{guarded.edges[0]}"]
    environment = processes.clean_environment()
    with_key = environment | {"TOKEN_RELAY_KEY": guarded.alice}
    listed = subprocess.run(command, cwd=processes.ROOT, env=with_key, capture_output=True, text=True, check=False)
    assert (listed.returncode, listed.stdout) == (0, "scripted\n")
    refused = subprocess.run(command, cwd=processes.ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stderr) == (1, "401: A valid API key is needed.\n")


def test_without_keys_it_does_not_start_where_others_can_reach_it() -> None:
    environment = processes.clean_environment() | {"EDGE_HOST": "0.0.0.0", "EDGE_PORT": "0"}  # noqa: S104 - refused
    command = [sys.executable, "-m", "edge_proxy", "serve"]
    done = subprocess.run(
        command, cwd=processes.ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "EDGE_API_KEYS" in done.stderr
    assert "EDGE_ALLOW_ANONYMOUS" in done.stderr
