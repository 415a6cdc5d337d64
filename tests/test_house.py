"""The house rules that a script can hold: sizes, names, and a test module for every module."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted([*ROOT.glob("edge_proxy/**/*.py"), *ROOT.glob("inference_worker/**/*.py")])
MAX_MODULE_LINES = 250
MAX_FUNCTION_LINES = 40
SAYS_NOTHING = {"utils", "helpers", "common", "manager", "misc", "types", "models"}
# Shapes without behaviour; what uses them tests them.
WITHOUT_TESTS = {
    "edge_proxy/conversations/patience.py",
    "edge_proxy/conversations/records.py",
    "edge_proxy/core/caller.py",
    "edge_proxy/core/claim.py",
    "edge_proxy/core/events.py",
    "edge_proxy/core/reader.py",
    "edge_proxy/core/request.py",
    "edge_proxy/dialects/base.py",
    "edge_proxy/downstream/close_codes.py",
    "inference_worker/engines/base.py",
    "inference_worker/engines/config.py",
    "inference_worker/engines/openai_chunks.py",
    "inference_worker/pipelines/steps.py",
}


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_is_small_and_says_what_it_is(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MAX_MODULE_LINES
    assert ast.get_docstring(ast.parse(text))
    assert path.stem not in SAYS_NOTHING


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_functions_are_small(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= MAX_FUNCTION_LINES, f"{node.name}: {lines} lines"


def test_every_module_has_its_test_module() -> None:
    missing = [
        name(path)
        for path in MODULES
        if path.stem != "__init__"
        and name(path) not in WITHOUT_TESTS
        and not (ROOT / "tests" / path.relative_to(ROOT)).with_name(f"test_{path.stem.strip('_')}.py").exists()
    ]
    assert missing == []
