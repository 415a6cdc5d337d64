"""Takes the pictures of the pages that the documentation shows: `python -m tests.browser.make_screenshots`.

Answers are the bundled model's own, at the pace of a large one; but what stages say is played, for that model plans
nothing and writes no code. What is played is executed. Needs Chromium and bubblewrap; and Pillow, as `make bench` does.
"""

import base64
import contextlib
import io
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from tests.browser.conftest import CHROMIUM, cut_behind, state, wait_for_state, wait_until
from tests.browser.test_conversations import call, say
from tests.browser.test_playground import asked
from tests.browser.test_stages import agents
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
OWL = {
    "name": "The old owl",
    "system_prompt": "You tell stories.",
    "greeting": "Good evening. What shall I tell you?",
    "sampling": {"seed": 7},
}
MORE = "What is a young owl called?"
OTHERS = ["What is streaming?", "Count from three to nine.", "Tell me a story about a fox."]
CODE = '''```python
import struct
import zlib

WIDTH, HEIGHT, MOST = 550, 300, 60


def steps(x: int, y: int) -> int:
    """How many steps it takes to leave; MOST: it stays."""
    c = complex(x / 180 - 2.25, y / 120 - 1.25)
    z = 0j
    for step in range(MOST):
        if abs(z) > 2:
            return step
        z = z * z + c
    return MOST


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


rows, stay = [], 0
for y in range(HEIGHT):
    counts = [steps(x, y) for x in range(WIDTH)]
    stay += counts.count(MOST)
    rows.append(b"\\0" + bytes(counts))
colours = [(max(20, 250 - 9 * n), max(90, 250 - 4 * n), max(85, 246 - 5 * n)) for n in range(MOST)] + [(18, 38, 36)]
with open("figure.png", "wb") as file:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 3, 0, 0, 0))
    palette = chunk(b"PLTE", b"".join(bytes(colour) for colour in colours))
    body = chunk(b"IDAT", zlib.compress(b"".join(rows), 9))
    file.write(b"\\x89PNG\\r\\n\\x1a\\n" + head + palette + body + chunk(b"IEND", b""))
print(f"{stay} of {WIDTH * HEIGHT} points stay: {100 * stay / (WIDTH * HEIGHT):.1f} %")
```'''
SAID = "The set takes up about a fifth of the picture: its points are those whose steps never lead away."
PLAYED = {
    "tokens_per_second": 150,
    "planner.text": "1. Step z = z² + c for each point of a grid.\n2. Count the points that stay.\n3. Draw them.",
    "executor.1.text": "The Mandelbrot set is a fractal. About half of the picture belongs to it.",
    "verifier.1.text": "OBJECT\nNothing was counted, and there is no figure.",
    "executor.2.text": f"{SAID}\n{CODE}",
    "verifier.2.text": "ACCEPT",
}


@contextlib.contextmanager
def pair() -> Iterator[str]:
    """The address of an edge whose model takes its time, and which keeps conversations."""
    with (
        tempfile.TemporaryDirectory() as folder,
        processes.worker(WORKER_ENGINE="llamacpp", WORKER_ENGINE_OPTIONS="tokens_per_second=40") as (worker, _),
        processes.edge(worker, EDGE_DATABASE_URL=f"sqlite:///{folder}/relay.db") as (edge, _),
    ):
        yield edge


def take(page: Page, name: str, *, way: Image.Quantize = Image.Quantize.MEDIANCUT, colours: int = COLOURS) -> None:
    """Keep what the page shows."""
    page.evaluate("document.fonts.ready")
    taken = page.screenshot(full_page=True, animations="disabled")
    picture = Image.open(io.BytesIO(taken)).convert("RGB").quantize(colours, way)
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


def converse(browser: Browser, edge: str) -> None:
    """The page of conversations, with some that are kept."""
    agent = call(edge, "POST", "/api/agents", OWL)["id"]
    for message in OTHERS:
        call(edge, "POST", f"/api/agents/{agent}/chat", {"message": message})
    with browser.new_context(viewport=WIDE, color_scheme="light") as context:
        page = context.new_page()
        page.goto(f"http://{edge}/conversations")
        for message in (PROMPT, MORE):
            say(page, message)
            wait_for_state(page, "streaming")
            wait_for_state(page, "done", limit_s=60)
        page.locator("#new").focus()  # so that no caret blinks in the picture
        page.evaluate("document.activeElement.blur()")
        wait_until(lambda: "5 messages" in page.locator("#sessions").inner_text(), "the list is as of now")
        page.locator("#messages").evaluate("node => { node.scrollTop = 0; }")
        take(page, "conversations-light")


def perform(browser: Browser) -> None:
    """An answer in stages, with code that is executed."""
    with (
        processes.worker(WORKER_EXECUTE_CODE="true") as (worker, _),
        processes.edge(worker) as (edge, _),
        browser.new_context(viewport=WIDE, color_scheme="light") as context,
    ):
        page = agents(context.new_page(), edge, PLAYED)
        asked(page, "How large is the Mandelbrot set? Draw it.")
        wait_for_state(page, "done", limit_s=60)
        page.evaluate("document.activeElement.blur()")
        page.locator("#panel").evaluate("node => { node.scrollTop = 0; }")
        page.locator("#turns").evaluate("node => { node.scrollTop = 0; }")
        take(page, "stages-light", way=Image.Quantize.MAXCOVERAGE, colours=256)  # its figure has many


def main() -> None:
    """Take them."""
    with pair() as edge, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        pictures(browser, edge)
        converse(browser, edge)
        perform(browser)
        record(browser, edge)
        browser.close()


if __name__ == "__main__":
    main()
