import pytest

from bench.markdown import number, table, text_table


def test_a_table_has_columns_of_even_width() -> None:
    assert table(["", "edge"], [["errors", "0"], ["age", "1,000"]]).splitlines() == [
        "|        |  edge |",
        "| ------ | ----: |",
        "| errors |     0 |",
        "| age    | 1,000 |",
    ]


def test_a_table_of_words_is_as_wide_as_they_are() -> None:
    assert text_table(["a", ""], [["b", "c"]]) == "| a |  |\n| --- | --- |\n| b | c |"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (3.0, "3"), (0.123, "0.12"), (5.678, "5.68"), (56.78, "56.8"), (567.8, "568"), (12345.6, "12,346")],
)
def test_numbers_have_the_digits_that_mean_something(value: float, text: str) -> None:
    assert number(value) == text
