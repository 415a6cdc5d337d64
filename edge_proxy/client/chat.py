"""`chat`: shows an answer as it comes; without a prompt, a conversation."""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from edge_proxy.client.events import StreamError, StreamEvent, stream

INTERRUPTED = 130  # the exit code of what Ctrl-C ended, as shells have it
UNREAD = 141  # and of what nobody reads any more


def say(url: str, request: Mapping[str, Any], *, as_json: bool, out: TextIO) -> str:
    """Show the answer to one request; its text.

    Raises:
        StreamError: See `stream`.
    """
    texts: list[str] = []
    begin, first = time.monotonic(), 0.0
    with stream(url, request) as events:
        for event in events:
            first = first or time.monotonic()
            out.write(_shown(event, as_json=as_json))
            out.flush()
            texts.append(event.data.get("delta", ""))
    out.write("" if as_json else "\n")
    print(_figures(event.data, total_s=time.monotonic() - begin, first_s=first - begin), file=sys.stderr)
    return "".join(texts)


def chat(url: str, prompt: str, options: Mapping[str, Any], *, as_json: bool) -> int:
    """Answer a prompt, or, if it is empty, one line after another; the exit code.

    A conversation goes on after an answer that failed or was stopped, as if its question had not been asked.
    """
    messages: list[dict[str, str]] = []
    for line in [prompt] if prompt else _lines():
        messages.append({"role": "user", "content": line})
        try:
            answer = say(url, {"messages": messages, **options}, as_json=as_json, out=sys.stdout)
        except StreamError as error:
            print(f"\n{error}", file=sys.stderr)
            code = 1
        except KeyboardInterrupt:
            print("\nstopped", file=sys.stderr)
            code = INTERRUPTED
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains at its end
            return UNREAD
        else:
            messages.append({"role": "assistant", "content": answer})
            continue
        if prompt:
            return code
        messages.pop()
    return 0


def _lines() -> Iterator[str]:
    """What a person types, until the end of it."""
    while True:
        try:
            line = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if line:
            yield line


def _shown(event: StreamEvent, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"type": event.name, **event.data}) + "\n"
    return str(event.data.get("delta", ""))


def _figures(final: Mapping[str, Any], *, total_s: float, first_s: float) -> str:
    usage = final.get("usage", {})
    tokens = usage.get("completionTokens", 0)
    return (
        f"{usage.get('promptTokens', 0)} tokens in, {tokens} out ({final.get('finishReason')}); "
        f"first after {1000 * first_s:.0f} ms, {tokens / total_s:.0f} tokens/s"
    )
