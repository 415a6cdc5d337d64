"""The documentation says what the code does."""

import re
from pathlib import Path

import pytest

from edge_proxy.core.errors import ERRORS
from edge_proxy.dialects.native_request import GenerateBody
from scripts import make_metrics_tables
from scripts.make_settings_table import FILE, page

ROOT = Path(__file__).resolve().parent.parent
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
