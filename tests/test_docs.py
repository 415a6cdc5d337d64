"""The documentation says what the code does."""

import ast
import re
from pathlib import Path

import pytest

from edge_proxy.core.errors import ERRORS
from edge_proxy.dialects.native_request import GenerateBody
from scripts import make_metrics_tables
from scripts.make_settings_table import FILE, page

ROOT = Path(__file__).resolve().parent.parent
# What can run but is not run from the page, by the page and the block's first line, and why.
NOT_RUN = {
    ("README.md", "make run "): "test_run_local.py runs the one, and is run by the other",
    ("README.md", "make up "): "needs docker; make test-cluster",
    ("docs/benchmarks.md", "make bench "): "takes half an hour",
    ("docs/operations.md", 'make up ARGS="--scale'): "needs docker; make test-cluster",
    ("docs/operations.md", "docker build"): "needs a registry and a cluster",
    ("recipes/tiny_model/README.md", "cd recipes/tiny_model"): "takes hours",
}
SHOWN = ("text", "json")  # languages that nothing runs
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("recipes/**/*.md")]


def test_the_settings_page_is_what_the_code_says() -> None:
    assert FILE.read_text() == page(), "run make docs"


def test_the_tables_of_metrics_are_what_the_code_says() -> None:
    text = make_metrics_tables.FILE.read_text()
    assert text == make_metrics_tables.page(text), "run make docs"


def test_every_setting_is_described() -> None:
    empty = [line for line in page().splitlines() if line.startswith("| `") and line.endswith("| None |")]
    assert empty == []


def test_every_error_code_is_in_the_native_page_as_the_table_has_it() -> None:
    text = (ROOT / "docs/native.md").read_text()
    rows = [
        f"| `{code}` | {row.status} | {'yes' if row.retryable else 'no'} | {row.message} |"
        for code, row in ERRORS.items()
    ]
    assert [row for row in rows if row not in text] == []


def test_every_field_of_a_request_is_in_the_native_page() -> None:
    text = (ROOT / "docs/native.md").read_text()
    assert [name for name in GenerateBody.model_fields if f"| `{name}` |" not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path}: {target}"


def blocks(page: Path) -> list[tuple[str, str]]:
    """Language and code of each block that can run."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)
    return [(language, code) for language, code in found if language not in SHOWN]


def taken_by_tests() -> set[tuple[str, str, str]]:
    """Language, contained text and page of each block that a test takes from its page by `block`."""
    taken = set()
    for path in ROOT.glob("tests/end_to_end/**/*.py"):
        source = path.read_text()
        own_page = re.search(r'^PAGE = "(.*)"$', source, re.MULTILINE)
        source = source.replace(", PAGE)", f', "{own_page[1]}")') if own_page else source
        for call in re.findall(r"\bblock\(([^()]*)\)", source):
            if call.startswith('"'):
                language, containing, *page = ast.literal_eval(f"({call},)")
                taken.add((language, containing, page[0] if page else "README.md"))
    return taken


@pytest.mark.parametrize("path", [*PAGES, ROOT / "clients/js/README.md"], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_that_can_run_is_run(path: Path) -> None:
    page, taken = str(path.relative_to(ROOT)), taken_by_tests()
    for language, code in blocks(path):
        run = any(of == page and name == language and text in code for name, text, of in taken)
        excused = any(of == page and code.startswith(begin) for of, begin in NOT_RUN)
        assert run != excused, f"{page} has an example that no test runs, or that one does: {code}"
