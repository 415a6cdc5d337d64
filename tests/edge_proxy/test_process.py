import gc
import logging

import pytest
import uvloop

from edge_proxy.process import run
from edge_proxy.settings import Settings


def test_a_process_serves_with_its_imports_out_of_the_collectors_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[int] = []

    def serve(coroutine: object) -> None:
        served.append(gc.get_freeze_count())
        coroutine.close()  # type: ignore[attr-defined]

    monkeypatch.setattr(uvloop, "run", serve)
    try:
        run(Settings(port=0))
    finally:
        gc.unfreeze()
    assert served
    assert served[0] > 10_000
    assert logging.getLogger("uvicorn").level == logging.WARNING
