"""Sees to it that there are file descriptors for as many connections as are to be served.

Without one, a connection can be neither served nor refused, and the links to the workers can not be made again. So the
connections are kept below what the process may have open.
"""

import contextlib
import logging
import os
import resource

log = logging.getLogger(__name__)

SPARE = 48  # for links to workers, which open some each, and for what libraries open for a moment


def make_room(connections: int) -> int:
    """Raise the limit of open files for so many connections, as far as allowed; how many of them it has room for."""
    needed = len(os.listdir("/dev/fd")) + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return connections
    if soft < needed + connections:
        wanted = needed + connections if hard == resource.RLIM_INFINITY else min(hard, needed + connections)
        with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    room = max(1, min(connections, soft - needed))
    if room < connections:
        log.warning("This process may open %d files: it takes %d connections, not %d.", soft, room, connections)
    return room
