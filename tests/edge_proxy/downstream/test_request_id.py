import re

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from edge_proxy.core.errors import Code, Failure
from edge_proxy.downstream.problems import refuse
from edge_proxy.downstream.request_id import RequestIdMiddleware
from tests.edge_proxy.asgi import Client


class App:
    """Answers, and keeps the scope that it was called with."""

    scope: Scope

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        await Response("hello")(scope, receive, send)


async def ask(given: str | None) -> tuple[str, str]:
    """The id in the response's header, and the one that the app knows."""
    app = App()
    headers = {} if given is None else {"X-Request-ID": given}
    client = await Client(RequestIdMiddleware(app), "GET", headers=headers).response()
    assert client.body == b"hello"
    return client.headers["x-request-id"], app.scope["state"]["request_id"]


@pytest.mark.parametrize("given", ["a", "req-1.2_3", "0123456789abcdef" * 4], ids=["short", "plain", "longest"])
async def test_a_short_and_plain_id_is_kept(given: str) -> None:
    assert await ask(given) == (given, given)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(None, id="none"),
        pytest.param("", id="empty"),
        pytest.param("x" * 65, id="too long"),
        pytest.param("a b", id="with a space"),
        pytest.param("a\n", id="with a line break"),
        pytest.param("é", id="not ASCII"),
        pytest.param("<script>", id="not plain"),
    ],
)
async def test_any_other_is_replaced_by_a_new_one(given: str | None) -> None:
    in_header, known = await ask(given)
    assert in_header == known
    assert re.fullmatch("[0-9a-f]{16}", known)


async def test_new_ids_differ() -> None:
    assert len({(await ask(None))[0] for _ in range(20)}) == 20


async def test_what_is_not_http_passes_untouched() -> None:
    scope: Scope = {"type": "lifespan"}
    seen: list[object] = []

    async def app(*arguments: object) -> None:
        seen.extend(arguments)

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None: ...

    await RequestIdMiddleware(app)(scope, receive, send)
    assert seen == [scope, receive, send]
    assert scope == {"type": "lifespan"}


@pytest.mark.parametrize(
    ("given", "known"),
    [
        ("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",) * 2,
        ("a secret", ""),
        (None, ""),
    ],
)
async def test_a_trace_is_known_to_the_app_if_it_is_one(given: str | None, known: str) -> None:
    app = App()
    await Client(RequestIdMiddleware(app), "GET", headers={"traceparent": given} if given else {}).response()
    assert app.scope["state"]["trace_parent"] == known


async def test_what_was_refused_is_told_whoever_refused_it() -> None:
    told: list[Code] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/bad":
            await refuse(Failure(Code.UNAUTHENTICATED), scope, receive, send)
        else:
            await Response("hello")(scope, receive, send)

    for path in ("/good", "/bad", "/good"):
        await Client(RequestIdMiddleware(app, told.append), "GET", path).response()
    assert told == [Code.UNAUTHENTICATED]
