"""The examples of docs/javascript.md, as they stand there, run against pairs."""

from pathlib import Path

import pytest

from tests.end_to_end.clients.conftest import running
from tests.end_to_end.conftest import Pair
from tests.end_to_end.test_readme import block, output
from tests.support.node import CLIENTS, NODE
from tests.support.worker_probe import WorkerProbe

PAGE = "docs/javascript.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the packages that the examples import, as npm would have put them there."""
    modules = tmp_path / "node_modules"
    modules.mkdir()
    for package in (CLIENTS / "node_modules").iterdir():
        if not package.name.startswith("."):
            (modules / package.name).symlink_to(package)
    (modules / "token-relay-client").symlink_to(CLIENTS.parent.parent / "clients" / "js")
    return tmp_path


def written(folder: Path, name: str, code: str) -> str:
    path = folder / name
    path.write_text(code)
    return str(path)


async def test_the_example_for_a_page_shows_a_story(folder: Path, real_pair: Pair) -> None:
    example = written(folder, "example.mjs", block("js", "querySelector", PAGE))
    printed = await output(str(NODE), str(CLIENTS / "documented_page.mjs"), real_pair.edge, example)
    assert "owl" in printed
    assert '"state":"stop"' in printed


async def test_the_example_for_a_page_says_an_error(folder: Path) -> None:
    with running("fail_at=5") as pair:
        example = written(folder, "example.mjs", block("js", "querySelector", PAGE))
        printed = await output(str(NODE), str(CLIENTS / "documented_page.mjs"), pair.edge, example)
    assert "(GENERATION_ERROR)" in printed
    assert '"state":"incomplete"' in printed


async def test_the_packages_own_example_shows_a_story(folder: Path, real_pair: Pair) -> None:
    example = written(folder, "example.mjs", block("js", "document.body", "clients/js/README.md"))
    assert "owl" in await output(str(NODE), str(CLIENTS / "documented_page.mjs"), real_pair.edge, example)


async def test_the_example_of_a_loop_prints_a_story(folder: Path, real_pair: Pair) -> None:
    code = block("js", "for await", PAGE).replace("localhost:8080", real_pair.edge)
    assert "fox" in await output(str(NODE), written(folder, "example.mjs", code))


async def test_the_react_example_renders_progressively_stops_and_stops_when_it_is_left(folder: Path) -> None:
    example = written(folder, "example.jsx", block("jsx", "useAnswer", PAGE))
    with running("tokens=100,tokens_per_second=100") as pair:
        async with WorkerProbe(pair.worker) as probe:
            printed = await output(str(NODE), str(CLIENTS / "documented_react.mjs"), pair.edge, example)
            await probe.wait_for_running(0, limit_s=3)
    assert '"texts":' in printed
    texts = int(printed.split('"texts":')[1].split(",")[0])
    assert texts >= 5
