"""How the edge is, as JSON: what its status page shows."""

from collections.abc import Callable

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from edge_proxy.core.status import Status


def add_status_routes(app: FastAPI, *, status: Callable[[], Status]) -> None:
    """Have the app answer `/status.json`."""

    @app.get("/status.json", tags=["operations"])
    async def status_as_json(request: Request) -> JSONResponse:
        """Workers with their load, streams, timing, and the last failures of this process."""
        return JSONResponse(status().as_json(), headers={"cache-control": "no-store"})
