"""Takes the pictures of the pages that the documentation shows: `python -m tests.browser.make_screenshots`.

The answer is the bundled model's own, at the pace of a large one. Needs Chromium; and Pillow, as `make bench` does.
"""

import base64
import contextlib
import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.conftest import CHROMIUM, cut_behind, state, wait_for_state, wait_until
from tests.support import processes

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
WIDE: ViewportSize = {"width": 1280, "height": 900}
PHONE: ViewportSize = {"width": 390, "height": 844}
PICTURES: list[tuple[str, ViewportSize, Literal["light", "dark"]]] = [
    ("light", WIDE, "light"),
    ("dark", WIDE, "dark"),
    ("phone", PHONE, "light"),
]
FILM: ViewportSize = {"width": 1280, "height": 900}
CUT = (40, 240, 1240, 770)  # the answer, and the events that bring it
FILM_WIDTH = 880
LAST_MS = 4000
COLOURS = 96  # enough for these pages, and a file is half as large
PROMPT = "Tell me a story about an owl."


@contextlib.contextmanager
def pair() -> Iterator[str]:
    """The address of an edge whose model takes its time."""
    with (
        processes.worker(WORKER_ENGINE="llamacpp", WORKER_ENGINE_OPTIONS="tokens_per_second=40") as (worker, _),
        processes.edge(worker) as (edge, _),
    ):
        yield edge


def take(page: Page, name: str) -> None:
    """Keep what the page shows."""
    page.evaluate("document.fonts.ready")
    taken = page.screenshot(full_page=True, animations="disabled")
    picture = Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS)
    picture.save(FOLDER / f"{name}.png", optimize=True)


def begin(page: Page, edge: str) -> None:
    """An answer whose connection will be cut in its middle."""
    page.goto(f"http://{edge}/")
    wait_until(lambda: page.locator("#model").input_value(), "the models are known")
    page.locator("#settings").evaluate("node => { node.open = false; }")
    page.locator("#seed").evaluate("node => { node.value = '7'; }")
    page.locator("#prompt").fill(PROMPT)
    cut_behind(page, 12)
    page.locator("#send").click()


def stream(page: Page, edge: str) -> None:
    """Such an answer, to its end."""
    begin(page, edge)
    wait_until(lambda: page.locator(".seam").count(), "it has been cut")
    wait_for_state(page, "done")
    page.locator("#panel").evaluate("node => { node.scrollTop = 0; }")
    page.locator("#turns").evaluate("node => { node.scrollTop = 0; }")


def record(browser: Browser, edge: str) -> None:
    """Keep an answer as it comes, at the pace that it came."""
    with browser.new_context(viewport=FILM, color_scheme="light") as context:
        page = context.new_page()
        camera = context.new_cdp_session(page)
        taken: list[tuple[float, Image.Image]] = []

        def keep(frame: Any) -> None:
            taken.append((frame["metadata"]["timestamp"], shrunk(base64.b64decode(frame["data"]))))
            camera.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

        camera.on("Page.screencastFrame", keep)
        begin(page, edge)
        camera.send("Page.startScreencast", {"format": "jpeg", "quality": 95})
        while state(page) != "done":
            page.wait_for_timeout(20)
        page.wait_for_timeout(500)
    instants = [instant for instant, _ in taken]
    shown_ms = [max(1, round(1000 * (after - before))) for before, after in pairwise(instants)]
    first, *rest = [picture for _, picture in taken]
    first.save(
        FOLDER / "stream.webp", save_all=True, append_images=rest, duration=[*shown_ms, LAST_MS], loop=0, quality=60
    )


def shrunk(taken: bytes) -> Image.Image:
    """The part that is to be seen, at the size that it is shown in."""
    picture = Image.open(io.BytesIO(taken)).convert("RGB").crop(CUT)
    return picture.resize((FILM_WIDTH, picture.height * FILM_WIDTH // picture.width), Image.Resampling.LANCZOS)


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
        record(browser, edge)
        browser.close()


if __name__ == "__main__":
    main()
