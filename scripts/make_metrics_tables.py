"""Writes the tables of docs/observability.md from the services' measures; a test holds the page against the code."""

from collections.abc import Mapping
from pathlib import Path

from edge_proxy.core.measures import MEASURES as EDGE
from inference_worker.measures import MEASURES as WORKER

FILE = Path(__file__).resolve().parent.parent / "docs" / "observability.md"


def table(measures: Mapping[str, tuple[str, tuple[str, ...], str, object]]) -> str:
    """One service's measures as a Markdown table."""
    rows = ["| name | type | labels | |", "| --- | --- | --- | --- |"]
    for name, (kind, labels, says, *_) in measures.items():
        rows.append(f"| `{name}` | {kind} | {', '.join(f'`{label}`' for label in labels)} | {says} |")
    return "\n".join(rows)


def page(text: str) -> str:
    """The page, with its tables as the code has them."""
    for name, measures in (("edge", EDGE), ("worker", WORKER)):
        before, _, rest = text.partition(f"<!-- {name} -->")
        _, _, after = rest.partition(f"<!-- /{name} -->")
        text = f"{before}<!-- {name} -->\n\n{table(measures)}\n\n<!-- /{name} -->{after}"
    return text


if __name__ == "__main__":
    FILE.write_text(page(FILE.read_text()))
