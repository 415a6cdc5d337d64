"""`python -m bench`: measure the edge and its peers on the same work, and print a table.

python -m bench                                     every peer, the standard loads, medians of three
python -m bench --quick                             one short load, once
python -m bench --peers edge,envoy --loads 500x100
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import fields

from bench.line_up import PEERS
from bench.loads import Load
from bench.measure import Result, measure
from bench.peers.base import Unavailable

STANDARD = "1000x25,500x100,1000x50"
COLUMNS = {
    "CPU us/token": "proxy_us_per_token",
    "us/event": "proxy_us_per_event",
    "cores": "proxy_cores",
    "worker us/token": "worker_us_per_token",
    "age p50 ms": "age_p50_ms",
    "p99": "age_p99_ms",
    "late": "late_streams",
    "gap p99 ms": "gap_p99_ms",
    "TTFT p50 ms": "ttft_p50_ms",
    "RSS MiB": "peak_rss_mib",
    "errors": "errors",
    "client cores": "client_cores",
}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="one short load, once")
    parser.add_argument("--peers", default=",".join(PEERS), help="comma-separated")
    parser.add_argument("--loads", help="streams x tokens per second, comma-separated")
    parser.add_argument("--repeat", type=int, help="runs of each; the medians are printed")
    arguments = parser.parse_args()
    loads = arguments.loads or ("300x25" if arguments.quick else STANDARD)
    repeat = arguments.repeat or (1 if arguments.quick else 3)
    for text in loads.split(","):
        load = Load.parse(text, seconds=4.0 if arguments.quick else 10.0)
        print(f"\n{load} tokens/s, {load.seconds:g} s\n\n{_row('', COLUMNS)}\n{_row('---', ['---'] * len(COLUMNS))}")
        for name in arguments.peers.split(","):
            try:
                result = _median([measure(PEERS[name](), load) for _ in range(repeat)])
            except Unavailable as reason:
                print(f"| {name} | skipped: {reason} |")
            else:
                print(_row(name, [_number(getattr(result, field)) for field in COLUMNS.values()]), flush=True)


def _median(results: Sequence[Result]) -> Result:
    """Each figure's own median."""
    names = [field.name for field in fields(Result)]
    return Result(**{name: statistics.median(getattr(result, name) for result in results) for name in names})


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def _row(name: str, cells: Sequence[str] | dict[str, str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
