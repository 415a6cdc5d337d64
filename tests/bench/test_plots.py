from pathlib import Path

import pytest

from bench.curves import CURVES, Measured

pytest.importorskip("matplotlib", reason="bench/requirements.txt is not installed")


def test_the_same_results_give_the_same_picture(tmp_path: Path) -> None:
    from bench.plots import draw  # noqa: PLC0415 - not before it is known to be there

    lines = {
        "this edge": [Measured(100, 20, 50, True), Measured(5000, 10, 90, True)],
        "Envoy": [Measured(100, 40, 4, True), Measured(5000, 41, 4000, False)],
    }
    for name in ("one", "two"):
        draw(CURVES[0], lines, tmp_path / f"{name}.svg")
    one = (tmp_path / "one.svg").read_text()
    assert one == (tmp_path / "two.svg").read_text()
    assert "<dc:date>" not in one


def test_a_single_point_is_a_picture(tmp_path: Path) -> None:
    from bench.plots import draw  # noqa: PLC0415

    draw(CURVES[2], {"this edge": [Measured(1, 20, 50, True)]}, tmp_path / "images/one.svg")
    assert (tmp_path / "images/one.svg").stat().st_size > 0
