"""What is asked of a client: how long it may take, and what a request's head must not be; and how it is turned away.

The parser (llhttp) refuses nearly all that a proxy in front might read otherwise: bare line feeds, folded fields, two
lengths, signs and spaces in numbers. What it lets pass is here, because each of these is two requests to somebody:

    the head has                                     why not
    ----------------------------------------------   ------------------------------------------------------------
    no Host, two, or one that is no host             RFC 9112, section 3.2
    a target with a scheme and another host          section 3.2.2: this is no proxy
    CONNECT, or * with any other method than OPTIONS the same
    a fragment in its target                         section 3.2
    a transfer coding other than "chunked"           section 6.1: nothing here would undo it
    chunks from a client of old (HTTP/1.0)           section 6.1: the framing is faulty
    another version                                  section 2.3
    a great many fields                              each costs memory that its few bytes do not show
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

MAX_FIELDS = 128  # as many as websockets takes
VERSIONS = ("1.0", "1.1")
# RFC 3986, section 3.2.2, without the comma, which joins two fields of a name.
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[\w.~%!$&'()*+;=-]+)(?::[0-9]*)?", re.ASCII)
ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ClientTerms:
    """How long a client may take, and how many there may be.

    Attributes:
        slow_reader_timeout_s: To take what is written.
        head_timeout_s: To send the head of a request, from the connection's start or the head's first byte.
        body_timeout_s: To send its body, from the head's end.
        max_connections: So many at once; more are turned away.
    """

    slow_reader_timeout_s: float = 20.0
    head_timeout_s: float = 10.0
    body_timeout_s: float = 10.0
    max_connections: int = 6000


class Guarded:
    """A connection that is held to terms. uvicorn makes connections itself, and so of a class that knows its terms."""

    terms = ClientTerms()

    @classmethod
    def under(cls, terms: ClientTerms) -> type[Self]:
        """This class, with other terms."""
        return type(cls.__name__, (cls,), {"terms": terms})


def is_sound(headers: Iterable[tuple[bytes, bytes]], *, version: str, method: bytes, target: bytes) -> bool:
    """Whether a head that the parser takes has one meaning only. Names of headers are in lower case."""
    hosts, codings, count = [], [], 0
    for name, value in headers:
        count += 1
        if name == b"host":
            hosts.append(value)
        elif name == b"transfer-encoding":
            codings.append(value.strip().lower())
    return (
        version in VERSIONS
        and count <= MAX_FIELDS
        and (len(hosts) == 1 or (not hosts and version == "1.0"))
        and all(HOST.fullmatch(host) for host in hosts)
        and (not codings or (codings == [b"chunked"] and version == "1.1"))
        and _is_ours(target, method, hosts)
    )


def refusal(status: HTTPStatus, message: str, headers: bytes = b"") -> bytes:
    """A response that ends its connection."""
    lines = (
        b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()),
        headers,
        b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(message),
        b"connection: close\r\n\r\n",
        message.encode("ascii"),
    )
    return b"".join(lines)


def _is_ours(target: bytes, method: bytes, hosts: list[bytes]) -> bool:
    if b"#" in target or method == b"CONNECT":
        return False
    if target.startswith(b"/"):
        return True
    if target == b"*":
        return method == b"OPTIONS"
    absolute = ABSOLUTE.match(target)
    return absolute is not None and [absolute[1].lower()] == [host.lower() for host in hosts]
