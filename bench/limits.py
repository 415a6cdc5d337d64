"""How many descriptors may be open: each stream of a load is one in the client, and one or two in a peer."""

import resource
from collections.abc import Sequence

from bench.plan import Step

OTHER_FILES = 500  # logs, libraries, listeners, and what an event loop needs


def descriptors(streams: int) -> int:
    """What a peer needs that holds a connection for each stream on both its sides."""
    return 2 * streams + OTHER_FILES


def raise_limit() -> int:
    """Allow this process, and all that it starts, as many descriptors as the system lets it; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def complaint(plan: Sequence[Step], limit: int) -> str:
    """What to say when the limit is too low for a step of the plan; empty if it is not."""
    wanted = max((step.load.streams for step in plan), default=0)
    if limit >= descriptors(wanted):
        return ""
    return (
        f"{wanted:,} streams need {descriptors(wanted):,} open files, and no more than {limit:,} are allowed here: "
        "loads that need more are left out. Raise the hard limit (ulimit -Hn, or LimitNOFILE= of systemd)."
    )
