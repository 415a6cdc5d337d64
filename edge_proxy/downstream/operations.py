"""For who runs the edge: is it alive, and can it take streams."""

from collections.abc import Callable

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from starlette.concurrency import run_in_threadpool

from edge_proxy.downstream.documented import COUNT, Responses, answer

READINESS: Responses = {
    200: answer("It could.", status={"const": "ready"}, workers=COUNT),
    503: answer("No worker, or shutting down.", status={"enum": ["draining", "no worker"]}, workers=COUNT),
}
TROUBLE = {"conversations": "unavailable"}
for each in READINESS.values():
    each["content"]["application/json"]["schema"]["properties"]["conversations"] = {"const": "unavailable"}


def add_operations_routes(
    app: FastAPI,
    *,
    ready_workers: Callable[[], int],
    draining: Callable[[], bool],
    metrics: Callable[[], bytes] | None = None,
    troubled: Callable[[], bool] = lambda: False,
) -> None:
    """Have the app answer `/healthz` and `/readyz`; and `/metrics`, where that is not for a port of its own alone.

    `troubled` says that conversations can not be kept: that is told, and takes nothing from readiness for streams.
    """
    if metrics:
        _add_metrics(app, metrics)

    @app.get("/healthz", tags=["operations"], responses={200: answer("It does.", status={"const": "ok"})})
    async def healthz() -> JSONResponse:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", tags=["operations"], responses=READINESS)
    async def readyz() -> JSONResponse:
        """A stream could start: a worker is connected, and the edge is not shutting down."""
        workers, beside = ready_workers(), TROUBLE if troubled() else {}
        if draining():
            return JSONResponse({"status": "draining", "workers": workers, **beside}, 503)
        if not workers:
            return JSONResponse({"status": "no worker", "workers": 0, **beside}, 503)
        return JSONResponse({"status": "ready", "workers": workers, **beside})


def _add_metrics(app: FastAPI, metrics: Callable[[], bytes]) -> None:
    @app.get("/metrics", tags=["operations"], response_class=PlainTextResponse)
    async def show_metrics() -> Response:
        """What Prometheus reads; the same as on the port for that."""
        return Response(await run_in_threadpool(metrics), media_type="text/plain; version=0.0.4; charset=utf-8")
