"""`chat`, `models` and `check`: what their command lines say."""

import argparse
import sys
from collections.abc import Callable, Sequence

from edge_proxy.client.chat import chat
from edge_proxy.client.check import check
from edge_proxy.client.events import KEY_VARIABLE, StreamError, models

URL = "http://127.0.0.1:8080"
STORY = "Tell me a story about an owl."


def run_chat(arguments: Sequence[str]) -> int:
    """The exit code: 0; 1 for a failure, 130 when interrupted."""
    parser = _parser("chat", "Show an answer as it comes; without a prompt, a conversation.")
    parser.add_argument("prompt", nargs="?", default="")
    parser.add_argument("--model", default="")
    parser.add_argument("--max-tokens", type=int)
    parser.add_argument("--temperature", type=float)
    parser.add_argument("--seed", type=int)
    parser.add_argument("--json", action="store_true", help="print the events instead of the text")
    given = parser.parse_args(arguments)
    named = {name: getattr(given, name) for name in ("model", "max_tokens", "temperature", "seed")}
    options = {name: value for name, value in named.items() if value not in (None, "")}
    return chat(given.url, given.prompt, options, as_json=given.json)


def run_models(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 1 when the edge can not be reached."""
    given = _parser("models", "List the models that an edge serves.").parse_args(arguments)
    try:
        print("\n".join(models(given.url)))
    except StreamError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def run_check(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 1 when something buffers or the stream failed."""
    parser = _parser("check", "See whether something between here and an edge buffers its streams.")
    parser.add_argument("address", nargs="?", metavar="URL", help=f"{URL} if not given")
    parser.add_argument("--prompt", default=STORY)
    parser.add_argument("--model", default="")
    given = parser.parse_args(arguments)
    return check(given.address or given.url, {"prompt": given.prompt, "model": given.model})


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {"chat": run_chat, "models": run_models, "check": run_check}


def _parser(name: str, what: str) -> argparse.ArgumentParser:
    epilog = f"The API key, where one is asked for, is taken from the variable {KEY_VARIABLE}."
    parser = argparse.ArgumentParser(prog=f"python -m edge_proxy {name}", description=what, epilog=epilog)
    parser.add_argument("--url", default=URL, help=f"the edge's; {URL} if not given")
    return parser
