"""For who runs the edge: is it alive, and can it take streams."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import JSONResponse


def add_operations_routes(app: FastAPI, *, ready_workers: Callable[[], int], draining: Callable[[], bool]) -> None:
    """Have the app answer `/healthz` and `/readyz`."""

    @app.get("/healthz", tags=["operations"])
    async def healthz() -> JSONResponse:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", tags=["operations"], responses={503: {"description": "No worker, or shutting down."}})
    async def readyz() -> JSONResponse:
        """A stream could start: a worker is connected, and the edge is not shutting down."""
        workers = ready_workers()
        if draining():
            return JSONResponse({"status": "draining", "workers": workers}, 503)
        if not workers:
            return JSONResponse({"status": "no worker", "workers": 0}, 503)
        return JSONResponse({"status": "ready", "workers": workers})
