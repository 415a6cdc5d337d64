"""How the edge is, as JSON: what its status page shows."""

from collections.abc import Callable
from typing import get_args

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from edge_proxy.core.status import Status, WorkerState
from edge_proxy.downstream.documented import COUNT, TEXT, answer, exactly

PERHAPS_MS = {"type": ["number", "null"], "minimum": 0}
WORKER = exactly(
    address=TEXT,
    id=TEXT,
    state={"enum": get_args(WorkerState)},
    running=COUNT,
    places=COUNT,
    streams=COUNT,
    models={"type": "array", "items": TEXT},
)
STATUS = answer(
    "How it is now.",
    status={"enum": ["ready", "draining", "no worker"]},
    time={"type": "number"},
    upSeconds={"type": "number", "minimum": 0},
    streams=exactly(open=COUNT, most=COUNT),
    firstTextMs=PERHAPS_MS,
    gapMs=PERHAPS_MS,
    lagMs=PERHAPS_MS,
    busyPercent={"type": "number", "minimum": 0},
    workers={"type": "array", "items": WORKER},
    errors={"type": "array", "items": exactly(code=TEXT, message=TEXT, at={"type": "number"})},
)


def add_status_routes(app: FastAPI, *, status: Callable[[], Status]) -> None:
    """Have the app answer `/status.json`."""

    @app.get("/status.json", tags=["operations"], responses={200: STATUS})
    async def status_as_json(request: Request) -> JSONResponse:
        """Workers with their load, streams, timing, and the last failures of this process."""
        return JSONResponse(status().as_json(), headers={"cache-control": "no-store"})
