"""`python -m bench`: measure the edge beside its peers on the same work, and print a report.

python -m bench                         all loads, goals and curves; about half an hour
python -m bench --quick                 one short load, once; less than a minute
python -m bench --peers edge,envoy --loads 500x100,1x50 --repeat 1
python -m bench --report                print the report of the last full run again
"""

import argparse
from functools import partial

from bench import plan
from bench.limits import complaint, descriptors, raise_limit
from bench.line_up import PEERS
from bench.loads import Load
from bench.report import partial_report, report, write
from bench.results import FULL_FILE, PARTIAL_FILE, Results, from_json, save
from bench.runner import run


def main() -> None:
    """Measure what the command line asks for."""
    parser = _parser()
    arguments = parser.parse_args()
    in_part = bool(arguments.quick or arguments.peers or arguments.loads)
    if arguments.report and in_part:
        parser.error("--report is of the last full run, whole")
    if arguments.report and not FULL_FILE.exists():
        parser.error(f"there is no full run to report: {FULL_FILE} is missing")
    results = from_json(FULL_FILE.read_text()) if arguments.report else _measured(arguments, in_part=in_part)
    print(f"\n{partial_report(results) if in_part else report(results)}\n")
    if arguments.write and in_part:
        print("Nothing is written: that is for a full run.")
    elif arguments.write:
        print("\n".join(f"Written: {file}" for file in write(results)))


def _measured(arguments: argparse.Namespace, *, in_part: bool) -> Results:
    repeat, limit = arguments.repeat or 0, raise_limit()
    if in_part:
        steps = plan.some(arguments.loads or (), arguments.peers or (), quick=arguments.quick, repeat=repeat)
    else:
        steps = plan.full(repeat or plan.REPEAT)
    if words := complaint(steps, limit):
        print(words)
    steps = [step for step in steps if descriptors(step.load.streams) <= limit]
    return run(steps, partial(save, file=PARTIAL_FILE if in_part else FULL_FILE))


def _parser() -> argparse.ArgumentParser:
    words = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, formatter_class=words)
    parser.add_argument("--quick", action="store_true", help="one short load, once, of the edge, Envoy and the floor")
    parser.add_argument("--peers", type=_peers, help=f"comma-separated, of {', '.join(PEERS)}")
    parser.add_argument("--loads", type=_loads, help="streams x tokens per second, comma-separated")
    parser.add_argument("--repeat", type=int, help=f"rounds; the medians are printed; {plan.REPEAT} if not given")
    parser.add_argument("--report", action="store_true", help="measure nothing: take the last full run's results")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md and its pictures, of a full run")
    return parser


def _peers(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not set(names) <= set(PEERS):
        raise argparse.ArgumentTypeError(f"the peers are {', '.join(PEERS)}")
    return names


def _loads(text: str) -> list[str]:
    try:
        return [Load.parse(load).text for load in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError("a load is streams x tokens per second, such as 500x100") from None


if __name__ == "__main__":
    main()
