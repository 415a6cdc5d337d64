"""docs/benchmarks.md: its generated part, and the pictures in it. What stands outside the marks is written by hand."""

from pathlib import Path

from bench.curves import CURVES, lines
from bench.goals import goals_table, outcomes
from bench.loads import Load
from bench.markdown import text_table
from bench.plan import TABLES
from bench.processes import ROOT
from bench.results import Results
from bench.tables import curve_table, first_token_table, load_table, ratios_table

PAGE = ROOT / "docs/benchmarks.md"
PICTURES = ROOT / "docs/images"
BEGIN, END = "<!-- begin: make bench -->", "<!-- end: make bench -->"


def report(results: Results) -> str:
    """All of a full run, as Markdown."""
    parts = [_machine(results), _peers(results), *_loads(results), _first_token(results)]
    parts += ["### Goals", goals_table(outcomes(results)), *_curves(results)]
    return "\n\n".join(filter(None, parts))


def partial_report(results: Results) -> str:
    """What was measured of it, for the terminal."""
    reached = [outcome for outcome in outcomes(results) if outcome.measured is not None]
    parts = [*_loads(results), _first_token(results), goals_table(reached) if reached else ""]
    return "\n\n".join(filter(None, parts))


def spliced(page: str, generated: str) -> str:
    """The page with a new generated part.

    Raises:
        ValueError: It does not have the two marks, once and in order.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before + after:
        raise ValueError(f"The page has to say {BEGIN} and {END}, once each")
    return f"{before}{BEGIN}\n\n{generated}\n\n{END}{after}"


def write(results: Results) -> list[Path]:
    """Write the page and the pictures; the files."""
    from bench.plots import draw  # noqa: PLC0415 - matplotlib is there for who writes, not for who looks

    written = []
    for curve in CURVES:
        if found := lines(curve, results):
            written.append(_picture(curve.name))
            draw(curve, found, written[-1])
    PAGE.write_text(spliced(PAGE.read_text(), report(results)))
    return [*written, PAGE]


def _picture(name: str) -> Path:
    return PICTURES / f"bench-{name}.svg"


def _machine(results: Results) -> str:
    return "### The machine\n\n" + text_table(["", ""], list(results.machine.items()))


def _peers(results: Results) -> str:
    rows = [
        [name, f"{what} (left out: {results.unavailable[name]})" if name in results.unavailable else what]
        for name, what in results.peers.items()
    ]
    return "### The peers\n\n" + text_table(["", ""], rows)


def _loads(results: Results) -> list[str]:
    return [part for load in results.loads(TABLES) for part in _load(results, load)]


def _load(results: Results, text: str) -> list[str]:
    load = Load.parse(text)
    rounds = max(len(results.rounds(TABLES, text, peer)) for peer in results.peers_of(TABLES, text))
    head = f"### {load.streams:,} streams of {load.tokens_per_s} tokens a second"
    return [
        head,
        "Measured once." if rounds == 1 else f"Medians of {rounds} rounds.",
        load_table(results, text),
        ratios_table(results, text),
    ]


def _first_token(results: Results) -> str:
    first = results.first_token
    if first is None:
        return ""
    words = f"{first.requests} requests, one at a time. The engine makes its first token at once, so all time is added."
    return f"### One stream\n\n{words}\n\n{first_token_table(results)}"


def _curves(results: Results) -> list[str]:
    parts = ["### Curves", "One short run for each point."]
    for curve in CURVES:
        if lines(curve, results):
            picture = _picture(curve.name).relative_to(PAGE.parent)
            parts += [f"#### {curve.title}", f"![{curve.title}]({picture})", curve_table(curve, results)]
    return parts if len(parts) > 2 else []
