"""A real Chromium, and pairs for its pages. Where there is none, these tests are skipped, and say so."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.end_to_end.conftest import Pair
from tests.support import node, processes

AXE = node.CLIENTS / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM = Path("/usr/bin/chromium")
STEADY = "tokens_per_second=60,tokens=120"


@pytest.fixture(scope="module")  # no longer: its event loop keeps asynchronous tests from running
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}: install Debian's package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def steady() -> Iterator[Pair]:
    """Answers of 120 tokens in two seconds, with a ping every half second."""
    with (
        processes.worker(WORKER_ENGINE_OPTIONS=STEADY) as (worker, _),
        processes.edge(worker, EDGE_PING_INTERVAL_S="0.5") as (edge, _),
    ):
        yield Pair(worker, edge)


@pytest.fixture(scope="module")
def endless() -> Iterator[Pair]:
    """Answers that do not end by themselves."""
    with (
        processes.worker(WORKER_ENGINE_OPTIONS="tokens_per_second=60,tokens=1000000") as (worker, _),
        processes.edge(worker) as (edge, _),
    ):
        yield Pair(worker, edge)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page whose console must stay silent: a violation of its policy, or an error, would be said there."""
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert [text for text in said if "status of 4" not in text] == []  # which is how Chromium tells of a refusal


def wait_until(condition: Callable[[], object], what: str, *, limit_s: float = 15.0) -> None:
    """Poll until the condition holds. Playwright's own way evaluates text in the page, which the policy forbids."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {limit_s:g} s: {what}"
        time.sleep(0.01)


def state(page: Page) -> str | None:
    """What the page says that the stream does: idle, waiting, streaming, away, done or failed."""
    return page.locator("#state").get_attribute("data-state")


def wait_for_state(page: Page, *states: str, limit_s: float = 15.0) -> None:
    wait_until(lambda: state(page) in states, f"the state {states}", limit_s=limit_s)


def answer(page: Page) -> str:
    """The answer's text alone, without what the page says within it."""
    text: str = page.evaluate(
        """() => {
            const reply = document.querySelector(".reply:last-child").cloneNode(true);
            reply.querySelectorAll(".seam, .aside").forEach((node) => node.remove());
            return reply.textContent;
        }"""
    )
    return text


def cut_behind(page: Page, batches: int) -> None:
    """Have the page's button to cut the connection pressed behind so many batches, however slow the machine is."""
    page.evaluate(
        """(batches) => {
            const count = document.getElementById("n-events");
            const watch = new MutationObserver(() => {
                if (Number(count.textContent) < batches) return;
                watch.disconnect();
                document.getElementById("cut").click();
            });
            watch.observe(count, { childList: true });
        }""",
        batches,
    )


def shown(page: Page, name: str) -> str:
    """One of the figures."""
    return page.locator(f"#n-{name}").inner_text()


def serious_faults(page: Page) -> list[tuple[str, list[str]]]:
    """What axe finds on the page that keeps people from using it. The page's policy must be bypassed for that."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")
    return [
        (violation["id"], [node["target"] for node in violation["nodes"]])
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
    ]
