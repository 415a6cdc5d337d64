import pytest

from bench.first_token import FirstToken
from bench.report import BEGIN, END, PAGE, partial_report, report, spliced
from bench.results import Results
from tests.bench.measured import run


def results() -> Results:
    return Results(
        machine={"CPU": "fast"},
        peers={"edge": "this edge", "envoy": "Envoy"},
        runs=[run("1000x25", "edge"), run("100x25", "edge", part="streams")],
        unavailable={"envoy": "not installed"},
        first_token=FirstToken(200, 2.0, 4.0, 1.0, 2.0),
    )


def test_only_what_is_between_the_marks_is_replaced() -> None:
    page = f"# By hand\n\n{BEGIN}\nold\n{END}\n\n## By hand, too\n"
    new = spliced(page, "new")
    assert new == f"# By hand\n\n{BEGIN}\n\nnew\n\n{END}\n\n## By hand, too\n"
    assert spliced(new, "new") == new


@pytest.mark.parametrize("page", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"])
def test_a_page_without_its_marks_is_left_alone(page: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        spliced(page, "new")


def test_the_page_has_its_marks() -> None:
    assert "new" in spliced(PAGE.read_text(), "new")


def test_a_full_report_has_all_that_there_is() -> None:
    text = report(results())
    heads = [line for line in text.splitlines() if line.startswith("### ")]
    assert heads == [
        "### The machine",
        "### The peers",
        "### 1,000 streams of 25 tokens a second",
        "### One stream",
        "### Goals",
        "### Curves",
    ]
    assert "| envoy | Envoy (left out: not installed) |" in text
    assert "(images/bench-streams.svg)" in text
    assert "bench-tokens" not in text  # it was not measured


def test_a_report_in_part_has_only_goals_that_were_measured() -> None:
    text = partial_report(results())
    assert "time to the first token, p50" in text
    assert "not measured" not in text
    assert "machine" not in text
