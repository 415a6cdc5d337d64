"""Answers in stages in the playground, in a real browser before real pairs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser.conftest import cut_behind, serious_faults, state, wait_for_state, wait_until
from tests.browser.test_playground import asked, opened, running
from tests.end_to_end.conftest import Pair
from tests.end_to_end.test_stages import why_no_sandbox
from tests.support import processes
from tests.support.staged import CODE, OBJECTION, ONE_OBJECTION, PLAN, SINGLE, VERDICT, WRONG

DRAWING = """```python
import struct
import zlib


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


rows = b"".join(b"\\0" + bytes([40 * row] * 12) for row in range(6))
with open("figure.png", "wb") as file:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 12, 6, 8, 0, 0, 0, 0))
    file.write(b"\\x89PNG\\r\\n\\x1a\\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
with open("figure.json", "w") as file:
    file.write('{"data": [{"y": [1, 2]}]}')
print("Six rows.")
```"""


def agents(page: Page, edge: str, script: dict[str, Any] | None = None, *, mode: str = "agent_multi") -> Page:
    """The page, whose questions are answered in this mode; the model says what the script has it say."""
    usual = {"agent_multi": ONE_OBJECTION, "agent_single": SINGLE, "ask": {}}[mode]
    given = {"tokens_per_second": 0} | usual | (script or {})
    sent: list[dict[str, Any]] = []

    def scripted(route: Route) -> None:
        body = route.request.post_data_json
        if not body:
            route.continue_()
            return
        sent.append(body)
        route.continue_(post_data=json.dumps(body | {"engine_options": given}))

    page.route("**/chat/stream", scripted)
    opened(page, edge)
    page.get_by_label("Agents", exact=True).check()
    page.locator("#agents").select_option(mode)
    return page


def stages(page: Page) -> list[tuple[str, str]]:
    """The stages that the page shows: their titles, and all that they think and say, folded or not."""
    found: list[list[str]] = page.evaluate(
        """() => [...document.querySelectorAll(".stage")].map((node) => {
            const title = node.querySelector("summary").cloneNode(true);
            title.querySelector(".note").remove();
            const words = node.querySelector(".words").cloneNode(true);
            words.querySelectorAll(".seam").forEach((seam) => seam.remove());
            return [title.textContent, words.textContent];
        })"""
    )
    return [(title, words) for title, words in found]


def wire(page: Page) -> list[dict[str, Any]]:
    """The events in the wire panel."""
    texts = page.locator("#panel .event:not(.note)").all_inner_texts()
    return [json.loads(text.partition("data: ")[2]) for text in texts]


@pytest.fixture(scope="module")
def executing() -> Iterator[Pair]:
    """A pair whose worker runs code."""
    if why_no_sandbox():
        pytest.skip(why_no_sandbox())
    with processes.worker(WORKER_EXECUTE_CODE="true") as (worker, _), processes.edge(worker) as (edge, _):
        yield Pair(worker, edge)


def test_every_stage_is_shown_with_what_it_thinks_and_says(page: Page, steady: Pair) -> None:
    asked(agents(page, steady.edge), "What are two and two?")
    wait_for_state(page, "done")
    off = "The code is not executed: this worker executes none."
    assert stages(page) == [
        ("Planner", PLAN),
        ("Executor", WRONG),
        ("Verifier", OBJECTION),
        ("Executor round 2", f"Round 2 of 3 at most.It is 4.{CODE.strip()}"),
        ("Execution", off),
        ("Verifier round 2", VERDICT),
    ]
    verdicts = page.evaluate("[...document.querySelectorAll('[data-verdict]')].map((node) => node.dataset.verdict)")
    assert verdicts == ["objects", "accepts"]
    assert page.locator(".stage details[open]").count() == 0, "what led to the answer is folded"
    assert page.locator(".stage .block").text_content() == CODE.strip(), "code looks like code in its stage, too"
    assert page.locator(".made.code .block").inner_text() == CODE.strip()
    assert page.locator(".staged > .reply").inner_text() == "It is 4.", "its code stands above it already"


def test_a_stage_is_open_while_it_runs_and_can_be_opened_again(page: Page, steady: Pair) -> None:
    asked(agents(page, steady.edge, {"executor.1.stall_at": 1}))
    said = page.locator(".stage[data-state=running]")
    wait_until(lambda: said.get_attribute("data-stage") == "executor", "the executor writes")
    assert said.locator(".content").inner_text() == WRONG[:3]
    assert "writing" in said.locator("summary").inner_text()
    thought = page.locator(".stage[data-stage=planner] .thinking")
    assert not thought.is_visible()
    page.locator(".stage[data-stage=planner] summary").press("Enter")
    assert thought.inner_text() == PLAN
    page.locator("#stop").click()
    wait_for_state(page, "idle")


def test_what_a_model_thinks_by_itself_belongs_to_its_stage(page: Page, steady: Pair) -> None:
    thought = "Hmm, hm. "
    script = {"verifier.1.reasoning": len(thought) // 3, "verifier.1.text": thought + OBJECTION}
    asked(agents(page, steady.edge, script))
    wait_for_state(page, "done")
    assert stages(page)[2] == ("Verifier", thought + OBJECTION)
    assert page.locator(".stage .aside").all_text_contents() == [thought]
    assert page.locator("[data-verdict=objects]").count() == 1


def test_the_wire_shows_the_very_events(page: Page, steady: Pair) -> None:
    asked(agents(page, steady.edge))
    wait_for_state(page, "done")
    events = wire(page)
    assert [event["type"] for event in events[-2:]] == ["complete", "done"]
    assert {event["stage"] for event in events[:-2]} == {"planner", "executor", "execution", "verifier"}
    assert page.locator("#address").inner_text() == "POST /chat/stream"
    assert [tab.inner_text() for tab in page.locator("#tabs button:visible").all()] == ["Stages"]
    assert page.locator("#n-tokens").inner_text() == str(events[-2]["data"]["usage"]["completionTokens"])
    page.get_by_label("Prompt", exact=True).first.check()
    assert page.locator("#tab-native").get_attribute("aria-selected") == "true"
    assert not page.locator("#tab-staged").is_visible()


def test_a_model_alone_answers_in_one_stage(page: Page, steady: Pair) -> None:
    asked(agents(page, steady.edge, {"text": "Hoo!\n```js\nhoo();\n```\nThat is it."}, mode="ask"))
    wait_for_state(page, "done")
    assert page.locator(".staged > .reply").inner_text().split() == ["Hoo!", "hoo();", "That", "is", "it."]
    assert page.locator(".reply .block").inner_text() == "hoo();"
    assert page.locator(".made").count() == 0


def test_stop_stops_whatever_stage_runs(page: Page, steady: Pair) -> None:
    for stage in ("planner", "verifier"):
        page.unroute_all()
        asked(agents(page, steady.edge, {f"{stage}.1.stall_at": 1}))
        wait_until(page.locator(f".stage[data-stage={stage}]").count, f"the {stage} is there")
        page.locator("#stop").click()
        wait_until(lambda: running(steady.edge) == 0, "the worker has stopped", limit_s=2)
        assert state(page) == "idle"
        assert page.locator(f".stage[data-stage={stage}]").get_attribute("data-state") == "stopped"


def test_a_connection_that_is_cut_goes_on_in_its_stage(page: Page, steady: Pair) -> None:
    agents(page, steady.edge, {"tokens_per_second": 15})
    cut_behind(page, 3)
    asked(page)
    wait_until(lambda: page.locator(".seam").count(), "it has been cut")
    wait_for_state(page, "done")
    assert [words for _, words in stages(page)][:3] == [PLAN, WRONG, OBJECTION]
    assert page.locator(".staged > .reply").inner_text() == "It is 4."
    assert "Nothing is missing" in page.locator(".event.note").last.inner_text()


def test_a_stage_that_fails_is_said_in_words_and_stays_to_be_read(page: Page, steady: Pair) -> None:
    asked(agents(page, steady.edge, {"verifier.1.fail_at": 2}))
    wait_for_state(page, "failed")
    assert "GENERATION_ERROR" in page.get_by_role("alert").inner_text()
    assert page.locator(".stage[data-stage=verifier]").get_attribute("data-state") == "failed"
    assert stages(page)[1] == ("Executor", WRONG)


def test_what_stages_do_not_take_is_not_sent(page: Page, steady: Pair) -> None:
    agents(page, steady.edge)
    assert page.locator("#top_p").is_disabled()
    asked(page, temperature=9)
    wait_for_state(page, "failed")
    assert "less than or equal to 2" in page.get_by_role("alert").inner_text()


def test_code_its_output_and_its_figures_are_in_the_answer(page: Page, executing: Pair) -> None:
    asked(agents(page, executing.edge, {"code.text": DRAWING}, mode="agent_single"))
    wait_for_state(page, "done")
    assert "import zlib" in page.locator(".made.code .block").inner_text()
    assert page.locator(".made.printed .block").inner_text() == "Six rows."
    size = "(image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
    assert page.locator(".made img").evaluate(size) == [12, 6]
    with page.expect_download() as downloading:
        page.get_by_role("link", name="Download figure.json").click()
    assert json.loads(Path(downloading.value.path()).read_text()) == {"data": [{"y": [1, 2]}]}
    assert page.locator(".staged > .reply").inner_text() == SINGLE["explanation.text"]


def test_a_picture_from_elsewhere_is_not_loaded(browser: Browser, steady: Pair) -> None:
    """The policy lets pictures be what a script of the page has made of what it got, and no more."""
    with browser.new_context() as context:  # whose console may tell of it
        page = opened(context.new_page(), steady.edge)
        blocked = page.evaluate(
            """() => new Promise((resolve) => {
                document.addEventListener("securitypolicyviolation", (event) => resolve(event.blockedURI));
                document.body.append(Object.assign(new Image(), { src: "data:image/png;base64,AA==" }));
            })"""
        )
        assert blocked == "data"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_stages(scheme: Any, browser: Browser, steady: Pair) -> None:
    with browser.new_context(color_scheme=scheme, bypass_csp=True) as context:
        page = agents(context.new_page(), steady.edge)
        asked(page)
        wait_for_state(page, "done")
        for summary in page.locator(".stage summary").all():
            summary.click()
        assert serious_faults(page) == []


def test_stages_are_no_wider_than_a_phone(browser: Browser, steady: Pair) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as context:
        long = "```python\nprint(" + "+".join(["1"] * 200) + ")\n```"
        page = agents(context.new_page(), steady.edge, {"code.text": long}, mode="agent_single")
        asked(page)
        wait_for_state(page, "done")
        for summary in page.locator(".stage summary").all():
            summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        within = "document.getElementById('turns')"
        assert page.evaluate(f"{within}.scrollWidth <= {within}.clientWidth"), "long lines scroll in their own places"
