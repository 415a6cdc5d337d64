"""The client of clients/js: its own tests, its types, and itself against a real pair behind a relay that cuts."""

import asyncio
import re

import pytest

from tests.end_to_end.clients.conftest import running
from tests.end_to_end.clients.test_scenarios import text_by_our_reader
from tests.end_to_end.conftest import Pair
from tests.support import node
from tests.support.clients import Ask
from tests.support.cutting_relay import CuttingRelay
from tests.support.http import Exchange
from tests.support.worker_probe import WorkerProbe

PACKAGE = node.CLIENTS.parent.parent / "clients" / "js"
COUNTED = re.compile(r"^. (pass|fail|skipped) (\d+)$", re.MULTILINE)


async def output(*command: object) -> str:
    """What the command prints; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=PACKAGE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed = (await process.communicate())[0].decode()
    assert process.returncode == 0, printed
    return printed


async def asked(relay: CuttingRelay, **more: object) -> dict[str, object]:
    """What the client saw through the relay."""
    given = {"edge": relay.address, "prompt": Ask().prompt, "seed": Ask().seed, "model": "scripted", "counts": True}
    async with node.running("stream_chat.mjs", given | more) as seen:
        return seen


async def test_its_own_tests_pass() -> None:
    printed = await output(node.NODE, "--test", *sorted(PACKAGE.glob("test/*.test.js")))
    counted = {name: int(count) for name, count in COUNTED.findall(printed)}
    assert counted["pass"] > 100
    assert (counted["fail"], counted["skipped"]) == (0, 0)


async def test_its_types_say_what_may_be_written_and_what_not() -> None:
    compiler = node.CLIENTS / "node_modules" / "typescript" / "bin" / "tsc"
    options = "--strict --target es2022 --module nodenext --lib es2022,dom,dom.asynciterable --noEmit"
    await output(node.NODE, compiler, *options.split(), PACKAGE / "test" / "types.ts")


async def test_a_stream_that_is_cut_at_any_byte_is_whole_and_asked_for_once(brisk: Pair) -> None:
    text = await text_by_our_reader(brisk.edge, Ask())
    body = len(await (await Exchange.post(brisk.edge, {"prompt": Ask().prompt, "seed": Ask().seed})).body())

    async def cut_at(place: int) -> None:
        async with places, CuttingRelay(brisk.edge, after_bytes=[place, place // 2 + 450], piece_bytes=7) as relay:
            seen = await asked(relay)
        assert (place, seen["error"], seen["text"]) == (place, None, text)
        assert (seen["finish_reason"], relay.posts) == ("stop", 1), place

    places = asyncio.Semaphore(4)  # processes at a time
    async with asyncio.TaskGroup() as all_at_once:
        for place in range(450, body, body // 24):  # the head has fewer
            all_at_once.create_task(cut_at(place))


async def test_a_real_models_stream_is_the_same_however_often_it_is_cut(real_pair: Pair) -> None:
    prompt = "Tell me a story about an owl."
    request = {"max_tokens": 60, "batch_interval_ms": 0}
    async with CuttingRelay(real_pair.edge) as uncut:
        expected = await asked(uncut, prompt=prompt, model="", request=request)
    async with CuttingRelay(real_pair.edge, after_bytes=[420, 500, 600, 700, 430, 530], piece_bytes=3) as relay:
        seen = await asked(relay, prompt=prompt, model="", request=request)
    assert (uncut.posts, expected["error"], expected["reconnected"]) == (1, None, 0)
    assert (seen["error"], seen["text"], seen["finish_reason"]) == (None, expected["text"], expected["finish_reason"])
    assert seen["reconnected"] >= 3  # type: ignore[operator]  # JSON
    assert relay.posts == 1


async def test_a_request_that_is_not_resumable_fails_when_it_is_cut(brisk: Pair) -> None:
    async with CuttingRelay(brisk.edge, after_bytes=[1000]) as relay:
        seen = await asked(relay, request={"resumable": False})
    assert seen["error"] == {"type": "broken", "status": None, "code": "CONNECTION_LOST"}
    assert seen["text"]
    assert len(relay.requests) == 1


async def test_an_answer_that_is_cut_before_its_head_is_not_asked_for_again(brisk: Pair) -> None:
    async with CuttingRelay(brisk.edge, after_bytes=[40]) as relay:
        seen = await asked(relay)
    assert seen["error"] == {"type": "broken", "status": None, "code": "OUTCOME_UNKNOWN"}
    assert len(relay.requests) == 1


async def test_who_leaves_a_stream_that_is_kept_stops_it(endless: Pair) -> None:
    given = {"edge": endless.edge, "prompt": "x", "model": "scripted", "leave": True}
    async with WorkerProbe(endless.worker) as probe, node.running("stream_chat.mjs", given) as seen:
        assert seen["text"]
        await probe.wait_for_running(0, limit_s=2)


@pytest.mark.parametrize("options", [{"timeoutMs": 700}, {"silenceMs": 300, "attempts": 1}], ids=["total", "silence"])
async def test_a_model_that_falls_silent_is_given_up_and_stopped(options: dict[str, int]) -> None:
    with running("stall_at=5") as pair:
        async with WorkerProbe(pair.worker) as probe, CuttingRelay(pair.edge) as relay:
            given = {"edge": relay.address, "prompt": "x", "model": "scripted", "options": options, "counts": True}
            async with node.running("stream_chat.mjs", given) as seen:
                code = "CLIENT_TIMEOUT" if "timeoutMs" in options else "CONNECTION_LOST"
                assert seen["error"]["code"] == code
                assert seen["text"]
                assert seen["reconnected"] == options.get("attempts", 0)
                await probe.wait_for_running(0, limit_s=2)
    assert relay.posts == 1
