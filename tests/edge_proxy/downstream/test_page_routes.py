import re
from html.parser import HTMLParser

import pytest
from fastapi import FastAPI

from edge_proxy.downstream.page_routes import FOLDER, OPEN_PATHS, PAGES, PARTS, POLICY, add_page_routes
from edge_proxy.downstream.problems import add_problem_handlers
from edge_proxy.downstream.request_id import RequestIdMiddleware
from tests.edge_proxy.asgi import Client

LIBRARY = FOLDER.parent.parent / "clients" / "js" / "stream-chat.js"


async def ask(path: str, method: str = "GET", **headers: str) -> Client:
    app = FastAPI()
    add_problem_handlers(app)
    add_page_routes(app)
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return await Client(RequestIdMiddleware(app), method, path, headers=given).response()


class Links(HTMLParser):
    """What a page loads, and what it has that its policy forbids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: set[str] = set()
        self.inline: list[str] = []
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get("src") or (given.get("href") if tag == "link" else None)
        if address:
            self.loaded.add(address)
        self.inline += [name for name in given if name == "style" or name.startswith("on")]
        self.inline += [tag] if tag == "style" or (tag == "script" and "src" not in given) else []


@pytest.mark.parametrize("path", sorted(OPEN_PATHS))
async def test_every_file_is_served_with_its_type_and_its_policy(path: str) -> None:
    client = await ask(path)
    assert client.status == 200
    assert client.body == (FOLDER / PAGES.get(path, path.rpartition("/")[2])).read_bytes()
    types = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
    assert client.headers["content-type"].startswith(types[path.rpartition(".")[2] if "." in path else "html"])
    assert client.headers["content-security-policy"] == POLICY
    assert client.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["/", "/page/page.css"])
async def test_what_a_client_has_is_not_sent_again(path: str) -> None:
    etag = (await ask(path)).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        client = await ask(path, if_none_match=known)
        assert (client.status, client.body, client.headers["etag"]) == (304, b"", etag)
    assert (await ask(path, if_none_match='"other"')).status == 200


async def test_head_has_the_same_head_and_other_methods_are_refused() -> None:
    assert (await ask("/", "HEAD")).headers | {"x-request-id": ""} == (await ask("/")).headers | {"x-request-id": ""}
    refused = await ask("/", "POST")
    assert (refused.status, refused.headers["allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", ["/page/", "/page/index.html", "/page/../app.py", "/page/%2e%2e/app.py", "/page/x.js"])
async def test_nothing_else_of_the_folder_or_beside_it_is_served(path: str) -> None:
    assert (await ask(path)).status == 404


async def test_the_status_goes_to_its_json_for_who_asks_for_that() -> None:
    client = await ask("/status", accept="application/json")
    assert (client.status, client.headers["location"]) == (303, "/status.json")
    assert (await ask("/status", accept="text/html,application/json;q=0.9")).status == 200
    assert (await ask("/status", accept="*/*")).status == 200


def test_the_policy_lets_nothing_in_from_elsewhere_and_nothing_inline() -> None:
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert POLICY.startswith("default-src 'none'; ")


@pytest.mark.parametrize("name", PAGES.values())
def test_a_page_loads_what_is_served_and_has_nothing_inline(name: str) -> None:
    links = Links((FOLDER / name).read_text())
    assert links.inline == []
    assert links.loaded
    assert links.loaded <= OPEN_PATHS


@pytest.mark.parametrize("name", [name for name in PARTS if name.endswith(".js")])
def test_a_module_imports_what_is_served(name: str) -> None:
    text = (FOLDER / name).read_text()
    imported = set(re.findall(r'from "\./([^"]+)"', text))
    assert imported <= set(PARTS)
    assert not re.search(r"https?://(?!www\.w3\.org/)", text)


def test_every_file_of_the_folder_is_served() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {*PAGES.values(), *PARTS}


def test_there_is_one_copy_of_the_client_library() -> None:
    assert (FOLDER / "stream-chat.js").resolve() == LIBRARY
