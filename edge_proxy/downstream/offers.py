"""Offers to change the protocol that are not taken: RFC 9110, section 7.8, has them ignored.

Java's HttpClient, and what is built on it, makes one with its first request: `Upgrade: h2c`. The parser stops behind
that head, and would leave its body unread. So what is left of the head without the offer is parsed anew,
and the rest behind it.
"""

from collections.abc import Iterable, Sequence
from typing import Protocol

import httptools


class Hearing(Protocol):
    """Who the parser tells, and who decides."""

    def without_offer(self) -> bytes | None:
        """The head that has just been parsed, without its offer; None if the offer is taken."""


class Parser:
    """httptools' parser, as far as uvicorn uses it.

    Args:
        hearing: Gets the parser's calls. Of a head that is parsed anew it gets them twice.
    """

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._begin()

    def _begin(self) -> None:
        self._parser = parser = httptools.HttpRequestParser(self._hearing)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it: for pipelined requests
        self.should_upgrade = parser.should_upgrade
        self.should_keep_alive = parser.should_keep_alive
        self.get_method = parser.get_method
        self.get_http_version = parser.get_http_version

    def feed_data(self, data: bytes) -> None:
        """See httptools.

        Raises:
            HttpParserUpgrade: An offer is taken.
            HttpParserError: This is no request.
        """
        while True:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                head = self._hearing.without_offer()
                if head is None:
                    raise
                self._begin()
                data = head + data[upgrade.args[0] :]
            else:
                return


def spell_without_offer(method: bytes, target: bytes, version: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The head of a request, without what offers another protocol. Names of headers are in lower case."""
    lines = [b"%b %b HTTP/%b" % (method, target, version.encode())]
    for name, value in headers:
        if name == b"connection":
            lines.append(b"connection: " + _joined(value.split(b",")))
        elif name != b"upgrade":
            lines.append(name + b": " + value)
    return b"\r\n".join([*lines, b"", b""])


def _joined(options: Sequence[bytes]) -> bytes:
    return b", ".join(option.strip() for option in options if option.strip().lower() != b"upgrade")
