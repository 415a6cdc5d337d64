"""The page of conversations in a real browser, before real pairs that keep them."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from edge_proxy.access.keys import make
from edge_proxy.core.caller import Limits
from tests.browser.conftest import serious_faults, state, wait_for_state, wait_until
from tests.browser.test_playground import running
from tests.support import processes

QUICK = {"tokens": 12, "tokens_per_second": 0}
ENDLESS = {"tokens": 1_000_000, "tokens_per_second": 40}
ECHO = {"echo": "true", "tokens_per_second": 0}

LOST = """(error) => {
    const real = window.fetch;
    window.fetch = async (url, init) => {
        const response = await real(url, init);
        if (!url.endsWith("/chat/stream")) return response;
        window.fetch = real;
        const losing = new TransformStream({
            transform(bytes, to) {
                to.enqueue(bytes);
                if (!new TextDecoder().decode(bytes).includes('"content":" ')) return;
                if (error) to.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(error)}\\n\\n`));
                to.terminate();
            },
        });
        return new Response(response.body.pipeThrough(losing), response);
    };
}"""
"""Has the page lose the first stream of a reply behind its first text; behind this error event, if there is one."""


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[str]:
    """An edge with a database of its own."""
    with (
        processes.worker() as (worker, _),
        processes.edge(worker, EDGE_DATABASE_URL=f"sqlite:///{tmp_path}/relay.db") as (address, _),
    ):
        yield address


def call(edge: str, method: str, path: str, body: Any = None, *, key: str = "") -> Any:
    """What the API answers."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{edge}{path}", data, headers, method=method)
    with urllib.request.urlopen(request) as response:  # noqa: S310 - our own edge
        said = response.read()
    return json.loads(said) if said else None


def new_agent(edge: str, options: dict[str, Any], **fields: Any) -> str:
    made = call(edge, "POST", "/api/agents", {"name": "Owl", "engine_options": options} | fields)
    return str(made["id"])


def opened(page: Page, edge: str, what: str = "") -> Page:
    page.goto(f"http://{edge}/conversations{what}")
    wait_until(lambda: page.locator("#rooms, #nobody, #off, #locked").locator("visible=true").count(), "it has loaded")
    return page


def say(page: Page, message: str) -> None:
    page.locator("#message").fill(message)
    page.locator("#message").press("Enter")


def messages(page: Page) -> list[str]:
    """What the page shows of the conversation."""
    return [text.strip() for text in page.locator("#messages > *").all_inner_texts()]


def listed(page: Page) -> list[str]:
    """The titles of the conversations that the page lists."""
    return [text.split("\n")[0] for text in page.locator("#sessions .open").all_inner_texts()]


def stored(edge: str, page: Page) -> list[dict[str, Any]]:
    """The messages of the session that is open, as they are kept."""
    session: dict[str, Any] = call(edge, "GET", f"/api/sessions/{page.url.partition('#')[2]}")
    found: list[dict[str, Any]] = session["messages"]
    return found


def test_an_agent_is_made_changed_and_deleted(edge: str, page: Page) -> None:
    opened(page, edge)
    page.locator("#first").click()
    page.locator("#agent-keep").click()
    assert page.locator("#agent-dialog").is_visible(), "without a name there is none"
    page.locator("#agent-name").fill("Owl")
    page.locator("#agent-system_prompt").fill("You are an owl.")
    page.locator("#agent-greeting").fill("Hoo!")
    page.locator("#agent-name").press("Enter")
    wait_until(lambda: messages(page) == ["Hoo!"], "it greets")
    (kept,) = call(edge, "GET", "/api/agents")["agents"]
    assert (kept["name"], kept["system_prompt"], kept["greeting"]) == ("Owl", "You are an owl.", "Hoo!")
    page.locator("#change").click()
    assert page.locator("#agent-system_prompt").input_value() == "You are an owl."
    page.locator("#agent-greeting").fill("Who is there?")
    page.locator("#agent-keep").click()
    wait_until(lambda: messages(page) == ["Who is there?"], "it greets as it is to now")
    page.locator("#change").click()
    page.locator("#agent-delete").click()
    page.locator("#sure-yes").click()
    page.locator("#nobody").wait_for()
    assert call(edge, "GET", "/api/agents")["agents"] == []


def test_a_conversation_goes_on_after_the_page_was_left(edge: str, page: Page) -> None:
    new_agent(edge, ECHO, greeting="Hoo!")
    opened(page, edge)
    say(page, "One two.")
    wait_for_state(page, "done")
    assert messages(page) == ["Hoo!", "One two.", "One two."]
    wait_until(lambda: "3 messages" in page.locator("#sessions").inner_text(), "it is listed")
    page.reload()
    wait_until(lambda: len(messages(page)) == 3, "it is open again")
    assert page.locator("#sessions [aria-current]").count() == 1
    say(page, "Three.")
    wait_for_state(page, "done")
    assert messages(page) == ["Hoo!", "One two.", "One two.", "Three.", "Three."]
    assert [each["text"] for each in stored(edge, page)] == messages(page)
    wait_until(lambda: page.locator("#stats").inner_text().startswith("1 conversation · 5 messages"), "it is counted")


def test_conversations_are_listed_opened_and_apart(edge: str, page: Page) -> None:
    new_agent(edge, ECHO)
    opened(page, edge)
    for message in ("First.", "Second."):
        page.locator("#new").click()
        say(page, message)
        wait_for_state(page, "done")
    wait_until(lambda: listed(page) == ["Second.", "First."], "the newest is listed first")
    page.locator("#sessions .open").last.click()
    wait_until(lambda: messages(page) == ["First.", "First."], "it is opened")
    assert page.locator("#title").inner_text() == "First."


def test_more_conversations_than_a_page_has_are_there_when_asked_for(edge: str, page: Page) -> None:
    agent = new_agent(edge, QUICK)
    for number in range(32):
        call(edge, "POST", f"/api/agents/{agent}/sessions", {"title": f"Number {number}"})
    opened(page, edge)
    wait_until(lambda: len(listed(page)) == 30, "a page of them")
    page.locator("#older").click()
    wait_until(lambda: len(listed(page)) == 32, "all of them")
    assert not page.locator("#older").is_visible()


def test_a_conversation_is_deleted_if_one_is_sure(edge: str, page: Page) -> None:
    agent = new_agent(edge, ECHO)
    opened(page, edge)
    say(page, "Forget this.")
    wait_for_state(page, "done")
    page.get_by_role("button", name="Delete “Forget this.”").click()
    assert page.evaluate("document.activeElement.id") == "sure-no"
    page.keyboard.press("Escape")
    assert listed(page) == ["Forget this."]
    page.get_by_role("button", name="Delete “Forget this.”").click()
    page.locator("#sure-yes").click()
    wait_until(lambda: listed(page) == [], "it is gone")
    assert page.locator("#title").inner_text() == "New conversation"
    assert call(edge, "GET", f"/api/agents/{agent}/sessions")["sessions"] == []


def test_an_interrupted_reply_is_kept_so_and_shown_so(edge: str, page: Page) -> None:
    new_agent(edge, ENDLESS)
    opened(page, edge)
    say(page, "Tell me all.")
    wait_for_state(page, "streaming")
    page.locator("#stop").click()
    wait_until(lambda: page.locator("#send").is_visible(), "one can go on")
    assert running(edge) == 0
    assert page.locator(".reply .chip").inner_text() == "interrupted"
    assert [each["state"] for each in stored(edge, page)] == ["complete", "interrupted"]
    text = stored(edge, page)[1]["text"]
    assert text
    page.reload()
    wait_until(lambda: page.locator(".reply").count(), "it is open again")
    wait_until(lambda: page.locator("#send").is_visible(), "nothing of it runs")
    assert messages(page)[1].startswith(text.strip()[:40])
    assert page.locator(".reply .chip").inner_text() == "interrupted"
    say(page, "Again.")
    wait_for_state(page, "streaming")
    page.keyboard.press("Escape")
    wait_until(lambda: page.locator(".reply .chip").count() == 2, "that is shown, too")


def test_one_that_is_interrupted_before_its_first_word_is_kept_so(edge: str, page: Page) -> None:
    new_agent(edge, ENDLESS | {"first_token_delay_ms": 60_000})
    opened(page, edge)
    say(page, "Tell me all.")
    wait_until(lambda: running(edge) == 1, "the model thinks")
    page.locator("#stop").click()
    wait_until(lambda: page.locator("#send").is_visible(), "one can go on")
    assert stored(edge, page)[-1]["state"] == "interrupted"
    assert running(edge) == 0


def test_a_reply_is_read_on_by_who_comes_back_to_it(edge: str, page: Page) -> None:
    new_agent(edge, {"tokens": 60, "tokens_per_second": 20})
    opened(page, edge)
    say(page, "Slowly.")
    wait_for_state(page, "streaming")
    page.reload()
    wait_for_state(page, "streaming")
    wait_for_state(page, "done")
    (_, reply) = stored(edge, page)
    assert (reply["state"], reply["completion_tokens"]) == ("complete", 60)
    assert messages(page)[1] == reply["text"].strip()


@pytest.mark.parametrize("told", [None, "SERVER_DRAINING"])
def test_a_reply_whose_connection_is_lost_goes_on(told: str | None, edge: str, page: Page) -> None:
    new_agent(edge, {"tokens": 60, "tokens_per_second": 20})
    event = told and {"type": "error", "error": "The server shuts down.", "metadata": {"code": told}}
    page.add_init_script(f"({LOST})({json.dumps(event)})")
    opened(page, edge)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.headers.get("last-event-id", "")))
    say(page, "Slowly.")
    wait_for_state(page, "done")
    assert len([post for post in posts if post]) == 1, "it has come back, once"
    (_, reply) = stored(edge, page)
    assert (reply["state"], reply["completion_tokens"]) == ("complete", 60)
    assert messages(page)[1] == reply["text"].strip()


def test_a_reply_is_interrupted_from_another_page(edge: str, page: Page) -> None:
    new_agent(edge, ENDLESS)
    opened(page, edge)
    say(page, "Tell me all.")
    wait_for_state(page, "streaming")
    other = opened(page.context.new_page(), edge, f"#{page.url.partition('#')[2]}")
    wait_for_state(other, "streaming")
    other.locator("#stop").click()
    wait_until(lambda: page.locator("#send").is_visible(), "it has ended in the first page, too")
    assert stored(edge, page)[-1]["state"] == "interrupted"
    assert page.locator(".reply .chip").inner_text() == "interrupted"


def test_a_reply_goes_on_while_another_conversation_is_open(edge: str, page: Page) -> None:
    new_agent(edge, {"tokens": 50, "tokens_per_second": 20})
    opened(page, edge)
    say(page, "First.")
    wait_for_state(page, "streaming")
    page.locator("#new").click()
    assert page.locator("#send").is_visible()
    page.locator("#sessions .open").first.click()
    wait_until(lambda: page.locator("#stop").is_visible(), "it is still being written")
    wait_for_state(page, "done")
    assert messages(page)[1] == stored(edge, page)[1]["text"].strip()


def test_a_refused_message_is_given_back_and_leaves_nothing(edge: str, page: Page) -> None:
    agent = new_agent(edge, QUICK, model="nobody has this")
    opened(page, edge)
    say(page, "Hello?")
    page.get_by_role("alert").wait_for()
    assert "No worker serves that model." in page.get_by_role("alert").inner_text()
    assert page.locator("#message").input_value() == "Hello?"
    wait_until(lambda: call(edge, "GET", f"/api/agents/{agent}/sessions")["sessions"] == [], "none is kept")
    wait_until(lambda: listed(page) == [], "none is listed")
    assert page.locator(".mine").count() == 0


def test_a_model_that_fails_is_said_in_words_after_its_text(edge: str, page: Page) -> None:
    new_agent(edge, QUICK | {"fail_at": 5})
    opened(page, edge)
    say(page, "Try.")
    page.get_by_role("alert").wait_for()
    assert "GENERATION_ERROR" in page.get_by_role("alert").inner_text()
    wait_for_state(page, "failed")
    assert page.locator(".reply .chip").inner_text() == "failed: GENERATION_ERROR"
    assert stored(edge, page)[-1]["text"].strip() in messages(page)[-1]


def test_who_keeps_no_conversations_says_how_to(browser: Browser) -> None:
    with (
        processes.worker() as (worker, _),
        processes.edge(worker, EDGE_DATABASE_URL="") as (edge, _),
        browser.new_context() as context,  # whose console may tell of the refusal
    ):
        page = opened(context.new_page(), edge)
        page.locator("#off").wait_for()
        assert "EDGE_DATABASE_URL" in page.locator("#off").inner_text()
        assert not page.locator("#rooms").is_visible()
        assert page.get_by_role("alert").count() == 0, "it is no fault"


def test_a_server_that_asks_for_a_key_gets_it(page: Page, tmp_path: Path) -> None:
    key, line = make("alice", owner="alice", expires=None, limits=Limits())
    (tmp_path / "keys").write_text(line)
    given = {"EDGE_API_KEYS_FILE": f"{tmp_path}/keys", "EDGE_DATABASE_URL": f"sqlite:///{tmp_path}/relay.db"}
    with processes.worker() as (worker, _), processes.edge(worker, **given) as (edge, _):
        call(edge, "POST", "/api/agents", {"name": "Owl", "engine_options": ECHO}, key=key)
        opened(page, edge)
        page.locator("#locked").wait_for()
        assert page.evaluate("document.activeElement.id") == "key"
        page.locator("#key").fill(key)
        page.locator("#key").press("Enter")
        page.locator("#rooms").wait_for()
        say(page, "Hello.")
        wait_for_state(page, "done")
        assert messages(page) == ["Hello.", "Hello."]
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(scheme: Any, edge: str, browser: Browser) -> None:
    new_agent(edge, ENDLESS, greeting="Hoo!\n```py\nprint(1)\n```\n")
    with browser.new_context(color_scheme=scheme, bypass_csp=True) as context:  # axe puts itself into the page
        page = opened(context.new_page(), edge)
        say(page, "Tell me all.")
        wait_for_state(page, "streaming")
        assert serious_faults(page) == []
        page.locator("#stop").click()
        page.locator(".chip").wait_for()
        assert serious_faults(page) == []
        page.locator("#sessions .remove").click()
        assert serious_faults(page) == []
        page.locator("#sure-no").click()
        page.locator("#change").click()
        assert serious_faults(page) == []


def test_nothing_is_wider_than_a_phone(edge: str, browser: Browser) -> None:
    new_agent(edge, ECHO, greeting="x" * 300)
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as context:
        page = opened(context.new_page(), edge)
        say(page, f"```\n{'y' * 300}\n```\n{'z' * 300}")
        wait_for_state(page, "done")
        wait_until(lambda: listed(page), "it is listed")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        within = "document.getElementById('messages')"
        assert page.evaluate(f"{within}.scrollWidth <= {within}.clientWidth"), "long lines scroll in their own places"
        for button in page.locator("button:visible").all():
            box = button.bounding_box()
            assert box
            assert box["height"] >= 32
        page.locator("#change").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_the_page_is_used_by_keyboard_alone(edge: str, page: Page) -> None:
    new_agent(edge, ENDLESS)
    opened(page, edge)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the message"
    page.locator("#message").fill("Hello.")
    page.locator("#send").focus()
    page.keyboard.press("Enter")
    wait_for_state(page, "streaming")
    assert page.evaluate("document.activeElement.id") == "stop"
    page.keyboard.press("Enter")
    wait_for_state(page, "idle")
    assert page.evaluate("document.activeElement.id") == "send"


def test_a_live_region_is_told_of_beginning_and_end_alone(edge: str, page: Page) -> None:
    new_agent(edge, {"tokens": 40, "tokens_per_second": 40})
    opened(page, edge)
    page.evaluate(
        """() => {
            window.told = [];
            const said = document.getElementById("said");
            new MutationObserver(() => told.push(said.textContent)).observe(said, { childList: true });
        }"""
    )
    say(page, "Hello.")
    wait_for_state(page, "done")
    assert page.evaluate("told") == ["Said. The reply is on its way.", "The reply is complete."]
    assert state(page) == "done"
