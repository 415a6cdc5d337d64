"""The playground in a real browser, before real pairs."""

import json
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser.conftest import answer, cut_behind, serious_faults, shown, state, wait_for_state, wait_until
from tests.end_to_end.conftest import Pair
from tests.support import processes

DIALECTS = ["native", "openai", "ask", "lines", "socket"]


def opened(page: Page, edge: str, path: str = "/") -> Page:
    page.goto(f"http://{edge}{path}")
    if path == "/":
        wait_until(lambda: page.locator("#model").input_value(), "the models are known")
    return page


def asked(page: Page, prompt: str = "x", **settings: object) -> None:
    page.locator("#prompt").fill(prompt)
    if settings:
        page.locator("#settings").evaluate("node => { node.open = true; }")
    for name, value in settings.items():
        page.locator(f"#{name}").fill(str(value))
    page.locator("#prompt").press("Enter")


def running(edge: str) -> int:
    """How many generations the edge's only worker runs."""
    with urllib.request.urlopen(f"http://{edge}/status.json") as response:
        status: dict[str, Any] = json.load(response)
    return int(status["workers"][0]["streams"])


def text_of(edge: str, prompt: str, seed: int) -> str:
    """The answer as the ask dialect's end has it."""
    with urllib.request.urlopen(f"http://{edge}/ask/stream?question={prompt}&seed={seed}") as response:
        last = response.read().decode().strip().split("data: ")[-1]
    return str(json.loads(last)["answer"])


def test_the_answer_appears_bit_by_bit(page: Page, steady: Pair) -> None:
    opened(page, steady.edge)
    page.evaluate(
        """() => {
            window.painted = new Set();
            const look = () => {
                painted.add(document.querySelector(".reply")?.textContent.length ?? 0);
                requestAnimationFrame(look);
            };
            look();
        }"""
    )
    asked(page, seed=3)
    wait_for_state(page, "streaming")
    assert page.locator(".reply").get_attribute("aria-busy") == "true"
    wait_for_state(page, "done")
    assert page.evaluate("painted.size") >= 5
    assert answer(page) == text_of(steady.edge, "x", 3)
    assert page.locator(".reply").get_attribute("aria-busy") is None
    assert "complete" in page.locator("#said").inner_text()


def test_the_figures_say_what_came(page: Page, steady: Pair) -> None:
    asked(opened(page, steady.edge))
    wait_for_state(page, "done")
    assert shown(page, "tokens") == "120"
    assert 0 <= int(shown(page, "first")) < 2000
    assert 40 <= int(shown(page, "speed")) <= 75
    assert 20 <= int(shown(page, "events")) <= 60
    assert 2 <= float(shown(page, "batch")) <= 6
    assert int(shown(page, "pings")) >= 3
    assert "≤55" in str(page.locator("#d-gaps svg").get_attribute("aria-label"))


def test_stop_stops_the_worker_and_send_is_there_again(page: Page, endless: Pair) -> None:
    asked(opened(page, endless.edge))
    wait_for_state(page, "streaming")
    assert running(endless.edge) == 1
    page.locator("#stop").click()
    wait_until(lambda: running(endless.edge) == 0, "the worker has stopped", limit_s=2)
    assert "stopped" in page.locator("#state").inner_text()
    page.locator("#send").click()
    wait_for_state(page, "streaming")
    page.keyboard.press("Escape")
    wait_until(lambda: running(endless.edge) == 0, "the worker has stopped", limit_s=2)


def test_a_connection_that_is_cut_goes_on_with_the_same_text(page: Page, steady: Pair) -> None:
    cut_behind(opened(page, steady.edge), 5)
    asked(page, seed=5)
    wait_for_state(page, "away", "streaming", "done")
    wait_for_state(page, "done")
    assert page.locator(".seam").count() == 1
    assert answer(page) == text_of(steady.edge, "x", 5)
    notes = page.locator(".event.note").all_inner_texts()
    assert ["You cut the connection." in notes[0], "Nothing is missing" in notes[1]] == [True, True]
    assert page.locator("#d-line .away").count() == 1


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_shows_its_events_and_the_same_text(dialect: str, page: Page, steady: Pair) -> None:
    opened(page, steady.edge)
    page.locator(f"#tab-{dialect}").click()
    assert page.locator("#cut").is_disabled()
    asked(page, seed=9)
    wait_for_state(page, "done", "failed")
    assert state(page) == "done"
    assert answer(page) == text_of(steady.edge, "x", 9)
    assert shown(page, "tokens") == "120"
    last = page.locator("#panel .event").last.inner_text()
    assert {"openai": "[DONE]"}.get(dialect, "usage") in last
    other = DIALECTS[DIALECTS.index(dialect) - 1]
    page.locator(f"#tab-{other}").click()
    assert page.locator("#panel .event").count() == 0
    page.locator(f"#tab-{dialect}").click()
    assert page.locator("#panel .event").count() > 10


@pytest.mark.parametrize("dialect", DIALECTS)
def test_stop_works_in_every_dialect(dialect: str, page: Page, endless: Pair) -> None:
    opened(page, endless.edge)
    page.locator(f"#tab-{dialect}").click()
    asked(page)
    wait_for_state(page, "streaming")
    page.locator("#stop").click()
    wait_until(lambda: running(endless.edge) == 0, "the worker has stopped", limit_s=2)


def test_a_chat_has_all_its_turns(page: Page) -> None:
    with processes.worker(WORKER_ENGINE_OPTIONS="echo=true") as (worker, _), processes.edge(worker) as (edge, _):
        opened(page, edge)
        page.get_by_label("Chat", exact=True).check()
        sent: list[Any] = []
        page.on("request", lambda request: sent.append(request.post_data_json) if request.method == "POST" else None)
        for prompt in ("One two.", "Three four."):
            asked(page, prompt)
            wait_for_state(page, "done")
            assert answer(page).strip() == prompt
        assert [turn["role"] for turn in sent[1]["messages"]] == ["user", "assistant", "user"]
        assert page.locator(".mine").all_inner_texts() == ["One two.", "Three four."]
        page.locator("#forget").click()
        assert page.locator(".mine").count() == 0


def test_two_tabs_stream_side_by_side(browser: Browser, steady: Pair) -> None:
    with browser.new_context() as context:
        pages = [opened(context.new_page(), steady.edge) for _ in range(2)]
        for number, page in enumerate(pages):
            asked(page, seed=number)
        wait_until(lambda: running(steady.edge) == 2, "both stream")
        for number, page in enumerate(pages):
            wait_for_state(page, "done")
            assert answer(page) == text_of(steady.edge, "x", number)


def test_event_source_and_fetch_see_the_same(page: Page, steady: Pair) -> None:
    opened(page, steady.edge)
    by_event_source, by_fetch = page.evaluate(
        """async () => {
            const path = "/api/v1/ai/generate";
            const bySource = new Promise((resolve, reject) => {
                const source = new EventSource(`${path}?prompt=x&seed=4`);
                let text = "";
                source.onerror = () => reject(new Error("EventSource"));
                source.onmessage = ({ data }) => {
                    const { delta, isFinal } = JSON.parse(data);
                    text += delta;
                    if (isFinal) resolve((source.close(), text));
                };
            });
            const headers = { "content-type": "application/json" };
            const body = JSON.stringify({ prompt: "x", seed: 4 });
            const all = await (await fetch(path, { method: "POST", headers, body })).text();
            const events = all.matchAll(/^event: message\\nid: .*\\ndata: (.*)$/gm);
            return [await bySource, [...events].map(([, data]) => JSON.parse(data).delta).join("")];
        }"""
    )
    assert by_event_source == by_fetch == text_of(steady.edge, "x", 4)


def test_twenty_seconds_of_silence_are_borne_with_pings(page: Page) -> None:
    options = "first_token_delay_ms=20000,tokens=20,tokens_per_second=100"
    with processes.worker(WORKER_ENGINE_OPTIONS=options) as (worker, _), processes.edge(worker) as (edge, _):
        asked(opened(page, edge))
        wait_for_state(page, "waiting")
        wait_for_state(page, "done", limit_s=30)
        assert shown(page, "pings") == "1"
        assert int(shown(page, "first")) >= 19_000
        assert page.locator(".event.ping").count() == 1
        assert page.locator(".seam").count() == 0


def test_a_wrong_setting_is_said_in_words(page: Page, steady: Pair) -> None:
    asked(opened(page, steady.edge), temperature=9)
    wait_for_state(page, "failed")
    said = page.get_by_role("alert").inner_text()
    assert "less than or equal to 2" in said
    assert "INVALID_REQUEST" in said


def test_a_model_that_fails_is_said_in_words_after_its_text(page: Page) -> None:
    with processes.worker(WORKER_ENGINE_OPTIONS="fail_at=20") as (worker, _), processes.edge(worker) as (edge, _):
        asked(opened(page, edge))
        wait_for_state(page, "failed")
        assert "GENERATION_ERROR" in page.get_by_role("alert").inner_text()
        assert "again" in page.get_by_role("alert").inner_text()
        assert answer(page)
        assert "error" in page.locator("#panel .event").last.inner_text()
        asked(page)
        wait_for_state(page, "streaming")
        assert page.get_by_role("alert").count() == 0, "what was said of the answer before is taken back"
        wait_for_state(page, "failed")


def test_a_server_that_asks_for_a_key_gets_it(page: Page, steady: Pair) -> None:
    """What the edge says of keys is played here, before the real edge; the page's side is real."""

    def guarded(route: Route) -> None:
        if route.request.headers.get("authorization") == "Bearer right":
            route.continue_()
            return
        problem = {"detail": "A valid API key is needed.", "code": "UNAUTHENTICATED", "status": 401}
        route.fulfill(status=401, content_type="application/problem+json", body=json.dumps(problem))

    for pattern in ("**/v1/**", "**/status.json"):
        page.route(pattern, guarded)
    page.goto(f"http://{steady.edge}/")
    asked(page)
    wait_for_state(page, "failed")
    assert "A valid API key is needed." in page.get_by_role("alert").inner_text()
    assert page.evaluate("document.activeElement.id") == "key"
    page.locator("#key").fill("right")
    asked(page)
    wait_for_state(page, "done")
    assert page.locator("#model").input_value() == "scripted"
    assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    opened(page, steady.edge, "/status")
    wait_until(lambda: "A valid API key" in page.locator("#verdict").inner_text(), "it says why")
    page.locator("#key").fill("right")
    page.locator("#key").press("Enter")
    wait_until(lambda: "Ready" in page.locator("#verdict").inner_text(), "it is shown")


def test_the_status_page_shows_workers_streams_and_errors(page: Page) -> None:
    with (
        processes.worker(WORKER_ENGINE_OPTIONS="tokens=100000") as (worker, service),
        processes.edge(worker, EDGE_MAX_STREAMS="1") as (edge, _),
    ):
        asked(opened(page, edge))
        wait_for_state(page, "streaming")
        status = page.context.new_page()
        opened(status, edge, "/status")
        wait_until(lambda: status.locator("#s-streams").inner_text() == "1", "the stream is shown")
        assert [worker in cell for cell in status.locator("#workers td").all_inner_texts()[:1]] == [True]
        assert "connected" in status.locator("#workers").inner_text()
        second = page.context.new_page()
        asked(opened(second, edge))
        wait_until(lambda: "OVERLOADED" in status.locator("#errors").inner_text(), "the refusal is shown")
        service.stop()
        wait_until(lambda: "lost" in status.locator("#workers").inner_text(), "the loss is shown")
        wait_until(lambda: "No worker" in status.locator("#verdict").inner_text(), "and what follows")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/status"])
def test_axe_finds_nothing_serious(path: str, scheme: Any, browser: Browser, steady: Pair) -> None:
    with browser.new_context(color_scheme=scheme, bypass_csp=True) as context:  # axe puts itself into the page
        page = opened(context.new_page(), steady.edge, path)
        if path == "/":
            asked(page, temperature=9)
            wait_for_state(page, "failed")
            page.locator("#temperature").fill("")
            cut_behind(page, 5)
            asked(page)
            wait_until(lambda: page.locator(".seam").count(), "it has been cut")
            wait_for_state(page, "done")
        else:
            wait_until(lambda: page.locator("#workers tr").count(), "the workers are shown")
        assert serious_faults(page) == []


@pytest.mark.parametrize("path", ["/", "/status"])
def test_nothing_is_wider_than_a_phone(path: str, browser: Browser, steady: Pair) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as context:
        page = opened(context.new_page(), steady.edge, path)
        if path == "/":
            asked(page)
            wait_for_state(page, "done")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        for button in page.locator("button:visible").all():
            box = button.bounding_box()
            assert box
            assert box["height"] >= 32


def test_the_page_is_used_by_keyboard_alone(page: Page, endless: Pair) -> None:
    opened(page, endless.edge)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the prompt"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.locator("#tab-native").focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.id") == "tab-openai"
    page.keyboard.press("Home")
    page.locator("#send").focus()
    page.keyboard.press("Enter")
    wait_for_state(page, "streaming")
    assert page.evaluate("document.activeElement.id") == "stop"
    page.keyboard.press("Enter")
    wait_for_state(page, "idle")
    assert page.evaluate("document.activeElement.id") == "send"


def test_a_live_region_is_told_of_beginning_and_end_alone(page: Page, steady: Pair) -> None:
    opened(page, steady.edge)
    page.evaluate(
        """() => {
            window.told = [];
            const said = document.getElementById("said");
            new MutationObserver((records) => told.push(...records.map(String))).observe(said, { childList: true });
        }"""
    )
    asked(page)
    wait_for_state(page, "done")
    told = page.evaluate("told")
    assert len(told) == 2
    assert page.locator("[aria-live], [role=log]").count() == 0


def test_every_request_goes_to_the_edge_and_a_second_visit_brings_nothing(page: Page, steady: Pair) -> None:
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    opened(page, steady.edge)
    opened(page, steady.edge, "/status")
    assert hosts == {steady.edge}
    opened(page, steady.edge)
    files = page.evaluate(
        """() => performance.getEntriesByType("resource")
            .filter(({ name }) => name.includes("/page/"))
            .map(({ transferSize }) => transferSize)"""
    )
    assert len(files) >= 6
    assert max(files) <= 300, "heads alone"  # which is what Chromium counts for one
