import pytest

from edge_proxy.core.trace import Span, child, valid

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
HEADER = f"00-{TRACE}-{CALLER}-01"


@pytest.mark.parametrize("header", [HEADER, HEADER[:-2] + "00", f"cc-{TRACE}-{CALLER}-01-what-the-future-will-be-like"])
def test_a_header_of_the_standard_is_taken(header: str) -> None:
    assert valid(header) == header


@pytest.mark.parametrize(
    "header",
    [
        "",
        "secret",
        HEADER.upper(),
        HEADER + "-more",
        f"ff-{TRACE}-{CALLER}-01",
        f"00-{'0' * 32}-{CALLER}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{CALLER}",
        HEADER + "\n",
        f"cc-{TRACE}-{CALLER}-01-" + "x" * 600,
    ],
)
def test_any_other_is_as_if_there_were_none(header: str) -> None:
    assert valid(header) == ""


@pytest.mark.parametrize(("flags", "recorded"), [("01", True), ("00", False), ("03", True), ("02", False)])
def test_a_span_is_under_its_callers_and_recorded_if_that_is(flags: str, recorded: bool) -> None:
    span = child(f"00-{TRACE}-{CALLER}-{flags}", random_hex=lambda size: "ab" * size)
    assert span == Span(TRACE, "ab" * 8, CALLER, recorded)
    assert span.header == f"00-{TRACE}-{'ab' * 8}-{'01' if recorded else '00'}"
    assert valid(span.header)


def test_without_a_caller_it_begins_a_trace() -> None:
    span = child("", random_hex=lambda size: "ab" * size)
    assert span == Span("ab" * 16, "ab" * 8, "", recorded=True)
