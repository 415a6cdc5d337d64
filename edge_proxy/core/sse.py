"""Server-Sent Events on the wire: WHATWG HTML, section 9.2 "Server-sent events".

Everything a dialect writes goes through here, so that nothing untrusted can reach a field other than JSON data: JSON
made with ASCII escapes has no line break in it, ids are our own, and event names are from a fixed set.
"""

from json.encoder import encode_basestring_ascii

UNBUFFERED = (
    (b"cache-control", b"no-cache, no-transform"),  # no-transform: a proxy that compresses would also buffer
    (b"x-accel-buffering", b"no"),  # nginx: pass every write on at once
)
HEADERS = ((b"content-type", b"text/event-stream; charset=utf-8"), *UNBUFFERED)
LAST_EVENT_ID_CHARS = 128


quote = encode_basestring_ascii
"""The text as a JSON string: ASCII only, so that no reader can stumble over U+2028 or a lone surrogate."""


def event(name: str, data: str, event_id: str = "") -> bytes:
    """One event. `data` is one line of JSON in ASCII; `name` and `event_id` are ours."""
    return f"{head(name, event_id)}\ndata: {data}\n\n".encode("ascii")


def head(name: str, event_id: str = "") -> str:
    """An event's lines before its data, without the last line's end: for who writes many that begin alike."""
    return f"event: {name}\nid: {event_id}" if event_id else f"event: {name}"


def comment(text: str) -> bytes:
    """A line that readers skip.

    Not a block: a blank line behind an `id`, even a block before, makes httpx-sse, fetch-event-source and OpenAI's SDKs
    dispatch an event without data.
    """
    return f": {text}\n".encode("ascii")
