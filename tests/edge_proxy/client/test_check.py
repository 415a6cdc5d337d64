import pytest

from edge_proxy.client.check import check, verdict
from tests.end_to_end.conftest import Pair

PACED = [0.1 * number for number in range(1, 21)]


@pytest.mark.parametrize(
    ("arrivals", "fine", "words"),
    [
        (PACED, True, "Nothing buffers: 20 events in 2.0 s"),
        ([*PACED[:10], *[at + 0.005 for at in PACED[:2]]], True, "Nothing buffers"),
        ([2.0 + 0.001 * number for number in range(20)], False, "buffers: 20 events"),
        ([0.5, 0.501, 0.502, 0.503, 1.0, 1.001, 1.002, 1.003], False, "6 of them together"),
        ([0.1, 0.2], True, "too few"),
        ([], True, "Only 0 events"),
    ],
)
def test_what_arrives_in_heaps_was_gathered_on_the_way(arrivals: list[float], words: str, *, fine: bool) -> None:
    seen, said = verdict(sorted(arrivals))
    assert (seen, words in said) == (fine, True), said


def test_nothing_is_between_here_and_a_local_edge(pair: Pair, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"tokens_per_second": 50, "tokens": 60}
    assert check(f"http://{pair.edge}", {"prompt": "x", "engine_options": options}) == 0
    assert "Nothing buffers" in capsys.readouterr().out


def test_who_does_not_answer_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("http://127.0.0.1:9", {"prompt": "x"}) == 1
    assert "http://127.0.0.1:9: " in capsys.readouterr().err
