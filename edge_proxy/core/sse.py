"""Server-Sent Events on the wire: WHATWG HTML, section 9.2 "Server-sent events".

Everything a dialect writes goes through here, so that nothing untrusted can reach a field other than JSON data: JSON
made with ASCII escapes has no line break in it, ids are our own, and event names are from a fixed set.
"""

from json.encoder import encode_basestring_ascii

HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache, no-transform"),  # no-transform: a proxy that compresses would also buffer
    (b"x-accel-buffering", b"no"),  # nginx: pass every write on at once
)
LAST_EVENT_ID_CHARS = 128


def quote(text: str) -> str:
    """The text as a JSON string: ASCII only, so that no reader can stumble over U+2028 or a lone surrogate."""
    return encode_basestring_ascii(text)


def event(name: str, data: str, event_id: str = "") -> bytes:
    """One event. `data` is one line of JSON in ASCII; `name` and `event_id` are ours."""
    identity = f"id: {event_id}\n" if event_id else ""
    return f"event: {name}\n{identity}data: {data}\n\n".encode("ascii")


def comment(text: str) -> bytes:
    """A block that readers skip."""
    return f": {text}\n\n".encode("ascii")
