"""Writes docs/settings.md from the two services' Settings; a test holds the file against the code."""

from pathlib import Path

from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from edge_proxy.settings import Settings as EdgeSettings
from inference_worker.settings import Settings as WorkerSettings

FILE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
HEAD = """# Settings

Every setting is an environment variable and a flag of the same name (`WORKER_MAX_STREAMS=8` is `--max-streams 8`).
A value that is wrong stops the start with one line that names it. This page is made by `make docs`.
"""


def table(title: str, command: str, settings: type[BaseSettings]) -> str:
    """One service's settings as a Markdown table."""
    prefix = settings.model_config.get("env_prefix", "")
    rows = [f"\n## {title}\n\n`{command}`\n\n| variable | default | |\n| --- | --- | --- |"]
    for name, field in settings.model_fields.items():
        variable = (prefix + name).upper()
        rows.append(f"| `{variable}` | {_default(field.default)} | {field.description} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """The whole page."""
    worker = table("The worker", "python -m inference_worker", WorkerSettings)
    edge = table("The edge", "python -m edge_proxy serve", EdgeSettings)
    return HEAD + worker + edge


def _default(value: object) -> str:
    if value is PydanticUndefined or str(value) in ("", "[]", "{}", "None"):
        return ""
    if isinstance(value, list):
        value = ",".join(value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    FILE.write_text(page())
