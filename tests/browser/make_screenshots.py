"""Takes the pictures of the pages that the documentation shows: `python -m tests.browser.make_screenshots`.

The answer is the bundled model's own, at the pace of a large one. Needs Chromium; and Pillow, as `make bench` does.
"""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.conftest import CHROMIUM, cut_behind, wait_for_state, wait_until
from tests.browser.paced_service import paced
from tests.support import processes

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PICTURES: list[tuple[str, ViewportSize, Literal["light", "dark"]]] = [
    ("light", WIDE, "light"),
    ("dark", WIDE, "dark"),
    ("phone", PHONE, "light"),
]
COLOURS = 96  # enough for these pages, and a file is half as large
PROMPT = "Tell me a story about an owl."


@contextlib.contextmanager
def pair() -> Iterator[str]:
    """The address of an edge whose model takes its time."""
    with contextlib.ExitStack() as stack:
        tiny, _ = stack.enter_context(processes.worker(WORKER_ENGINE="llamacpp"))
        fast, _ = stack.enter_context(processes.edge(tiny))
        url = stack.enter_context(paced(fast, pieces_per_s=40))
        slow, _ = stack.enter_context(
            processes.worker(WORKER_ENGINE="openai", WORKER_UPSTREAM_URL=url, WORKER_MODEL="tiny")
        )
        edge, _ = stack.enter_context(processes.edge(slow))
        yield edge


def take(page: Page, name: str) -> None:
    """Keep what the page shows."""
    page.evaluate("document.fonts.ready")
    taken = page.screenshot(full_page=True, animations="disabled")
    picture = Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS)
    picture.save(FOLDER / f"{name}.png", optimize=True)


def stream(page: Page, edge: str) -> None:
    """An answer whose connection is cut in its middle, to its end."""
    page.goto(f"http://{edge}/")
    wait_until(lambda: page.locator("#model").input_value(), "the models are known")
    page.locator("#settings").evaluate("node => { node.open = false; }")
    page.locator("#seed").evaluate("node => { node.value = '7'; }")
    page.locator("#prompt").fill(PROMPT)
    cut_behind(page, 12)
    page.locator("#send").click()
    wait_until(lambda: page.locator(".seam").count(), "it has been cut")
    wait_for_state(page, "done")
    page.locator("#panel").evaluate("node => { node.scrollTop = 0; }")
    page.locator("#turns").evaluate("node => { node.scrollTop = 0; }")


def pictures(browser: Browser, edge: str) -> None:
    """All of them."""
    for name, viewport, scheme in PICTURES:
        with browser.new_context(viewport=viewport, color_scheme=scheme) as context:
            page = context.new_page()
            stream(page, edge)
            take(page, f"playground-{name}")
            if name == "light":
                page.goto(f"http://{edge}/status")
                page.locator("#workers tr").first.wait_for()
                take(page, "status-light")


def main() -> None:
    """Take them."""
    with pair() as edge, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        pictures(browser, edge)
        browser.close()


if __name__ == "__main__":
    main()
