"""Answers in stages over a real pair: every mode, in every dialect's words, stopped, and with code that is run."""

import asyncio
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.end_to_end.conftest import Pair
from tests.support import node, processes
from tests.support.cutting_relay import CuttingRelay
from tests.support.http import Exchange
from tests.support.sse import check_native, check_staged
from tests.support.staged import CODE, RIGHT, STAGES, asked, completes_of, stages_of
from tests.support.worker_probe import WorkerProbe

CHAT = "/chat/stream"
FIGURE = """```python
with open("figure.png", "wb") as file:
    file.write(b"\\x89PNG\\r\\n\\x1a\\n" + b"x" * 50_000)
with open("figure.json", "w") as file:
    file.write('{"data": [{"y": [1, 2]}]}')
print("A figure.")
```"""


def why_no_sandbox() -> str:
    """Why code can not be run on this machine; "" if it can."""
    if not shutil.which("bwrap"):
        return "bwrap is missing (Debian: bubblewrap)"
    command = ["bwrap", "--unshare-user", "--ro-bind", "/", "/", "true"]
    tried = subprocess.run(command, capture_output=True, check=False, timeout=20)
    return "" if tried.returncode == 0 else f"bwrap does not work here: {tried.stderr.decode()[:200]}"


@pytest.fixture(scope="module")
def executing() -> Iterator[tuple[Pair, processes.Service]]:
    """A pair whose worker runs code, and that worker."""
    if why_no_sandbox():
        pytest.skip(why_no_sandbox())
    with processes.worker(WORKER_EXECUTE_CODE="true") as (worker, service), processes.edge(worker) as (edge, _):
        yield Pair(worker, edge), service


async def test_an_answer_with_an_objection_is_given_again(pair: Pair) -> None:
    events = await (await Exchange.post(pair.edge, asked(), CHAT)).all_events()
    assert check_staged(events).endswith(RIGHT)
    assert stages_of(events) == STAGES
    (complete,) = completes_of(events)
    assert (complete["reply"], complete["generated_code"], complete["execution_result"]) == (RIGHT, CODE, None)
    assert complete["usage"]["completionTokens"] == 37
    assert [event.json["type"] for event in events[-2:]] == ["complete", "done"]


async def test_a_single_agent_says_that_code_is_not_run_here(pair: Pair) -> None:
    events = await (await Exchange.post(pair.edge, asked("agent_single"), CHAT)).all_events()
    assert check_staged(events) == "Two and two are four."
    assert [stage for _, stage, _ in stages_of(events)] == ["code", "execution", "explanation"]
    assert "not executed" in stages_of(events)[1][2]


async def test_ask_is_an_answer_without_more(pair: Pair) -> None:
    events = await (await Exchange.post(pair.edge, asked("ask"), CHAT)).all_events()
    assert check_staged(events) == RIGHT
    (complete,) = completes_of(events)
    assert complete["generated_code"] is None, "it is not asked for code"


async def test_event_source_can_ask_too(pair: Pair) -> None:
    response = await Exchange.get(pair.edge, f"{CHAT}?message=Hi&mode=agent_single&max_tokens=9")
    events = await response.all_events()
    check_staged(events)
    assert completes_of(events)[0]["usage"]["completionTokens"] == 9
    assert completes_of(events)[0]["finishReason"] == "length"


async def test_a_refusal_names_the_field(pair: Pair) -> None:
    for body, field in (
        (asked() | {"mode": "agents"}, "mode"),
        (asked(options={"no.such": 1}), "engine_options.no.such"),
    ):
        response = await Exchange.post(pair.edge, body, CHAT)
        assert response.status == 400
        assert (await response.json())["field"] == field


async def test_it_can_be_stopped_in_any_stage(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe:
        for stage in ("planner", "executor", "verifier"):
            request = asked(options={f"{stage}.1.stall_at": 2}, resumable=True)
            response = await Exchange.post(pair.edge, request, CHAT)
            generation = response.headers["x-generation-id"]
            async for _, event in response.events():
                last = event.json
                if last.get("stage") == stage:
                    stopped = await Exchange.get(pair.edge, f"/api/v1/ai/generations/{generation}", "DELETE")
                    assert stopped.status == 204
            response.close()
            assert (last["type"], last["code"]) == ("error", "CANCELLED")
            await probe.wait_for_running(0, limit_s=5)


async def test_who_leaves_stops_it(pair: Pair) -> None:
    async with WorkerProbe(pair.worker) as probe:
        response = await Exchange.post(pair.edge, asked(options={"verifier.1.stall_at": 1}), CHAT)
        await probe.wait_for_running(1, limit_s=5)
        response.close()
        await probe.wait_for_running(0, limit_s=5)


async def test_a_real_model_remembers_the_turn_before(real_pair: Pair) -> None:
    history = [
        {"role": "user", "content": "Tell me a story about an owl."},
        {"role": "assistant", "content": "Once upon a time there was a little owl named Mia."},
    ]
    body = {"message": "Tell me more.", "mode": "ask", "seed": 5, "max_tokens": 40}
    texts = [
        check_staged(await (await Exchange.post(real_pair.edge, body | more, CHAT)).all_events())
        for more in ({}, {"history": history})
    ]
    assert all(texts)
    assert texts[0] != texts[1]


async def test_code_is_run_and_its_output_and_figures_come_back(executing: tuple[Pair, processes.Service]) -> None:
    pair, _ = executing
    events = await (
        await Exchange.post(pair.edge, asked("agent_single", options={"code.text": FIGURE}), CHAT)
    ).all_events()
    check_staged(events)
    (complete,) = completes_of(events)
    assert complete["execution_result"] == "A figure.\n"
    assert len(complete["image"]) > 60_000
    assert complete["plotly_json"] == {"data": [{"y": [1, 2]}]}
    assert complete["reply"] == "Two and two are four."


async def test_what_code_printed_is_what_the_verifier_sees(executing: tuple[Pair, processes.Service]) -> None:
    pair, _ = executing
    events = await (await Exchange.post(pair.edge, asked(), CHAT)).all_events()
    assert completes_of(events)[0]["execution_result"] == "4\n"
    native = {"prompt": "x"} | {"engine_options": {"tokens": 3, "tokens_per_second": 0}}
    assert check_native(await (await Exchange.post(pair.edge, native)).all_events()), "the worker goes on"


async def test_code_is_run_as_often_as_it_is_asked_for(executing: tuple[Pair, processes.Service]) -> None:
    """A child of a process with gRPC and uvloop in it can crash before it is another program."""
    pair, _ = executing
    for _ in range(30):
        events = await (await Exchange.post(pair.edge, asked("agent_single"), CHAT)).all_events()
        assert completes_of(events)[0]["execution_result"] == "4\n"


async def test_who_leaves_while_code_runs_kills_it(executing: tuple[Pair, processes.Service]) -> None:
    pair, service = executing
    code = "```python\nimport time\ntime.sleep(60)\n```"
    response = await Exchange.post(pair.edge, asked("agent_single", options={"code.text": code}), CHAT)
    await asyncio.to_thread(processes.wait_until, lambda: children_of(service.process.pid), "it runs")
    response.close()
    await asyncio.to_thread(processes.wait_until, lambda: not children_of(service.process.pid), "it is gone", limit_s=5)


async def test_a_worker_that_is_killed_takes_its_code_with_it() -> None:
    if why_no_sandbox():
        pytest.skip(why_no_sandbox())
    code = "```python\nimport time\ntime.sleep(60)\n```"
    with processes.worker(WORKER_EXECUTE_CODE="true") as (worker, service), processes.edge(worker) as (edge, _):
        response = await Exchange.post(edge, asked("agent_single", options={"code.text": code}), CHAT)
        await asyncio.to_thread(processes.wait_until, lambda: len(below(service.process.pid)) >= 4, "the program runs")
        all_of_it = below(service.process.pid)
        service.process.kill()
        await asyncio.to_thread(
            processes.wait_until, lambda: not any(map(is_there, all_of_it)), "it is gone", limit_s=5
        )
        assert (await response.all_events())[-1].json["code"] == "WORKER_LOST"


def test_where_it_can_not_run_code_a_worker_says_so_and_serves() -> None:
    with processes.worker(WORKER_EXECUTE_CODE="true", PATH="/nowhere") as (_, service):
        assert "Generated code is not executed" in service.output()
        assert "bubblewrap" in service.output()


async def test_the_javascript_client_reads_it_however_often_it_is_cut(pair: Pair) -> None:
    request = asked(options={"tokens_per_second": 100}, batch_interval_ms=0)
    for cuts in ([], [700, 900, 1500, 600]):
        async with CuttingRelay(pair.edge, after_bytes=cuts, piece_bytes=5) as relay:
            async with node.running("staged_chat.mjs", {"edge": relay.address, "request": request}) as seen:
                assert seen["error"] is None
                assert [tuple(stage) for stage in seen["stages"]] == STAGES
                assert seen["answer"]["text"] == RIGHT
                assert seen["answer"]["finishReason"] == "stop"
                assert seen["answer"]["data"]["generated_code"] == CODE
                assert seen["types"][-2:] == ["complete", "done"]
            assert relay.posts == 1


async def test_the_javascript_client_says_what_went_wrong(pair: Pair) -> None:
    request = asked(options={"verifier.1.fail_at": 1})
    async with node.running("staged_chat.mjs", {"edge": pair.edge, "request": request}) as seen:
        assert seen["error"]["code"] == "GENERATION_ERROR"
        assert seen["answer"] is None
    async with node.running("staged_chat.mjs", {"edge": pair.edge, "request": request | {"mode": "x"}}) as seen:
        assert seen["error"]["field"] == "mode"


def children_of(pid: int) -> list[int]:
    """The processes that a process has begun."""
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def below(pid: int) -> list[int]:
    """Its children, theirs, and so on: bubblewrap, its namespace's first process, the runner and the program."""
    return [one for child in children_of(pid) for one in (child, *below(child))]


def is_there(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for does not."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")
