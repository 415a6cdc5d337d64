"""The results as tables of Markdown."""

from bench.curves import Curve, lines
from bench.markdown import number, table
from bench.plan import TABLES
from bench.results import Results

FIGURES = {
    "CPU, µs per token": "proxy_us_per_token",
    "CPU, µs per event": "proxy_us_per_event",
    "CPU, cores": "proxy_cores",
    "worker's CPU, µs per token": "worker_us_per_token",
    "worker's CPU, cores": "worker_cores",
    "age of a token p50, ms": "age_p50_ms",
    "age p99, ms": "age_p99_ms",
    "age at most, ms": "age_max_ms",
    "late streams (over 250 ms)": "late_streams",
    "gap between events p50, ms": "gap_p50_ms",
    "gap p99, ms": "gap_p99_ms",
    "time to first token p50, ms": "ttft_p50_ms",
    "time to first token p99, ms": "ttft_p99_ms",
    "peak memory, MiB": "peak_rss_mib",
    "KiB per stream": "kib_per_stream",
    "complete streams": "complete",
    "errors": "errors",
    "client's CPU, cores": "client_cores",
}
COMPARED = {"CPU per token": "proxy_us_per_token", "CPU per event": "proxy_us_per_event"}


def load_table(results: Results, load: str) -> str:
    """A column for each peer; medians over the rounds."""
    peers = results.peers_of(TABLES, load)
    medians = [results.median(TABLES, load, peer) for peer in peers]
    rows = [[label, *(number(getattr(median, name)) for median in medians)] for label, name in FIGURES.items()]
    return table(["", *peers], rows)


def ratios_table(results: Results, load: str) -> str:
    """The edge over each other peer; empty if there is no other, or no edge."""
    others = [peer for peer in results.peers_of(TABLES, load) if peer != "edge"]
    rows = []
    for label, figure in COMPARED.items():
        ratios = [results.ratio(TABLES, load, figure, "edge", peer) for peer in others]
        rows.append([f"{label}, edge over", *("" if ratio is None else number(ratio) for ratio in ratios)])
    return table(["", *others], rows) if any(cell for row in rows for cell in row[1:]) else ""


def first_token_table(results: Results) -> str:
    """Empty if it was not measured."""
    first = results.first_token
    if first is None:
        return ""
    rows = [
        ["through the edge", number(first.edge_p50_ms), number(first.edge_p99_ms)],
        ["the worker alone, by gRPC", number(first.worker_p50_ms), number(first.worker_p99_ms)],
        ["difference", number(first.added_by_edge_ms), ""],
    ]
    return table(["time to first token, ms", "p50", "p99"], rows)


def curve_table(curve: Curve, results: Results) -> str:
    """The points of a picture, for who can not see it; empty if there are none."""
    rows = [
        [line, number(point.x), number(point.us_per_token), number(point.age_p99_ms), "yes" if point.whole else "no"]
        for line, points in lines(curve, results).items()
        for point in points
    ]
    head = ["", curve.x_label, "CPU, µs per token", "age p99, ms", "all streams ended in time"]
    return table(head, rows) if rows else ""
