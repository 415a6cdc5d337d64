import json

import pytest
from fastapi import FastAPI

from edge_proxy.downstream.operations import add_operations_routes
from tests.edge_proxy.asgi import Client


async def ask(path: str, *, workers: int = 1, draining: bool = False) -> tuple[int | None, object]:
    app = FastAPI()
    add_operations_routes(app, ready_workers=lambda: workers, draining=lambda: draining)
    client = await Client(app, "GET", path).response()
    return client.status, json.loads(client.body)


@pytest.mark.parametrize(
    ("workers", "draining", "answer"),
    [
        pytest.param(2, False, (200, {"status": "ready", "workers": 2}), id="ready"),
        pytest.param(0, False, (503, {"status": "no worker", "workers": 0}), id="no worker"),
        pytest.param(2, True, (503, {"status": "draining", "workers": 2}), id="draining"),
        pytest.param(0, True, (503, {"status": "draining", "workers": 0}), id="draining, no worker"),
    ],
)
async def test_it_is_ready_when_a_stream_could_start(workers: int, draining: bool, answer: object) -> None:
    assert await ask("/readyz", workers=workers, draining=draining) == answer


async def test_it_is_alive_whatever_its_workers_do() -> None:
    assert await ask("/healthz", workers=0, draining=True) == (200, {"status": "ok"})


async def test_metrics_are_shown_where_they_are_given() -> None:
    app = FastAPI()
    add_operations_routes(app, ready_workers=lambda: 1, draining=lambda: False, metrics=lambda: b"x 1\n")
    client = await Client(app, "GET", "/metrics").response()
    assert (client.status, client.body) == (200, b"x 1\n")


async def test_metrics_are_not_shown_elsewhere() -> None:
    app = FastAPI()
    add_operations_routes(app, ready_workers=lambda: 1, draining=lambda: False)
    assert (await Client(app, "GET", "/metrics").response()).status == 404


async def test_conversations_that_can_not_be_kept_are_told_and_streams_could_start_all_the_same() -> None:
    app = FastAPI()
    add_operations_routes(app, ready_workers=lambda: 1, draining=lambda: False, troubled=lambda: True)
    client = await Client(app, "GET", "/readyz").response()
    told = {"status": "ready", "workers": 1, "conversations": "unavailable"}
    assert (client.status, json.loads(client.body)) == (200, told)
