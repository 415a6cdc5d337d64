"""From the workers that the settings name to the addresses that there are now.

A name may have many addresses, one for each replica, and they change. Each is looked up again and again; what is an
address already, and `localhost`, is left to gRPC as it is. A lookup that fails changes nothing.
"""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import NamedTuple

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
LOOK_UP_S = 5.0  # a resolver may take so long


class Name(NamedTuple):
    """What is to be looked up."""

    host: str
    port: int


class Addresses:
    """Which addresses each entry has, as far as is known.

    Args:
        entries: As in the settings: `host:port`, or whatever else gRPC takes.
    """

    def __init__(self, entries: Iterable[str]) -> None:
        self.names: dict[str, Name] = {}  # by entry
        self._found: dict[str, tuple[str, ...]] = {}  # in the order of the settings
        for entry in entries:
            name = parse_name(entry)
            self._found[entry] = () if name else (entry,)
            if name:
                self.names[entry] = name

    @property
    def all(self) -> list[str]:
        """Every address once, in the order of the entries."""
        return list(dict.fromkeys(address for found in self._found.values() for address in found))

    @property
    def unknown(self) -> bool:
        """There is a name of which no address is known."""
        return not all(self._found.values())

    def found(self, entry: str, hosts: Sequence[str]) -> None:
        """A name's hosts, as looked up. None at all is taken for a failure, and changes nothing."""
        if hosts:
            port = self.names[entry].port
            self._found[entry] = tuple(
                sorted(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts)
            )

    def together(self, address: str) -> set[str]:
        """The addresses of the entries that have this one: they may be several ways to one worker."""
        return {other for found in self._found.values() if address in found for other in found}


def parse_name(entry: str) -> Name | None:
    """The name in an entry; None if it is an address already, or gRPC's own way of naming one."""
    host, _, port = entry.rpartition(":")
    if not host or not port.isdecimal() or host == "localhost" or set(host) & set(":/["):
        return None
    with contextlib.suppress(ValueError):
        ipaddress.ip_address(host)
        return None
    return Name(host, int(port))


async def look_up(host: str, port: int) -> Sequence[str]:
    """The addresses that a name has now, by the system's resolver.

    Raises:
        OSError: There are none, or nobody can say.
    """
    async with asyncio.timeout(LOOK_UP_S):  # its TimeoutError is an OSError
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))
