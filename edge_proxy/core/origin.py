"""Which pages may open a socket: browsers let any page connect anywhere, and say only where the page is from.

    Origin                                   may connect
    --------------------------------------   -----------
    none: the client is no browser           yes
    listed, or "*" is listed                 yes
    http(s) with the host and port of Host   yes
    anything else, "null" among it           no

A port that is not written is the default of the page's scheme, in Host too: in front of us TLS may have been taken off.
"""

import re
from collections.abc import Collection

DEFAULT_PORTS = {"http": 80, "https": 443}
ORIGIN = re.compile(r"(https?)://(.+)", re.IGNORECASE)  # RFC 6454, section 6.2, of the schemes that pages here have
AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[^\s\[\]:/?#@,]+)(?::([0-9]{1,5}))?", re.IGNORECASE)  # RFC 9110, section 7.2


def may_connect(origin: str | None, *, host: str, listed: Collection[str]) -> bool:
    """Whether a page of `origin` may, at a server that was addressed as `host`: the fields of the request's head."""
    if origin is None or "*" in listed or origin in listed:
        return True
    match = ORIGIN.fullmatch(origin)
    if not match:
        return False
    default_port = DEFAULT_PORTS[match[1].lower()]
    page = _authority(match[2], default_port)
    return page is not None and page == _authority(host, default_port)


def _authority(text: str, default_port: int) -> tuple[str, int] | None:
    match = AUTHORITY.fullmatch(text)
    return (match[1].lower(), int(match[2] or default_port)) if match else None
