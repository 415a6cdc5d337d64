"""`keys new`: makes an API key."""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from edge_proxy.access.keys import make
from edge_proxy.core.caller import Limits


def run_keys(arguments: Sequence[str]) -> int:
    """The exit code: 0, or 2 for a name that is none. Prints the key, which is shown once, and the line to store."""
    given = _parser().parse_args(arguments)
    limits = {name: getattr(given, name) for name in Limits.__dataclass_fields__}
    try:
        expires = datetime.now(UTC) + timedelta(days=given.days) if given.days else None
        key, line = make(given.name, owner=given.owner, expires=expires, limits=Limits(**limits))
    except (ValueError, OverflowError) as error:
        print(f"edge_proxy keys: {str(error).removeprefix('line 1: ')}", file=sys.stderr)
        return 2
    print("The key, for who is to use it. It is not shown again:", file=sys.stderr)
    print(key, flush=True)
    print("Its line, for EDGE_API_KEYS_FILE or EDGE_API_KEYS:", file=sys.stderr)
    print(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edge_proxy keys", description="Make an API key, and the line that it is stored by."
    )
    new = parser.add_subparsers(required=True, metavar="new").add_parser("new", help="make one")
    new.add_argument("name", metavar="NAME", help="what the key is for: letters, digits and ._@-")
    new.add_argument("--owner", default="", help="whose generations it reads and stops; NAME if not given")
    new.add_argument("--days", type=_amount, default=0, help="it expires after so many; without, it does not")
    for limit in Limits.__dataclass_fields__:
        new.add_argument(f"--{limit.replace('_', '-')}", type=_amount, default=0, metavar="N", help="0: no bound")
    return parser


def _amount(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("0 or more")
    return number
