from collections import Counter

from edge_proxy.core.rendezvous import rank

KEYS = [f"key {number}" for number in range(3000)]


def first(key: str, candidates: str) -> str:
    return min(candidates, key=lambda candidate: rank(key, candidate))


def test_keys_are_spread_over_all_candidates() -> None:
    shares = Counter(first(key, "abc") for key in KEYS)
    assert all(900 < shares[candidate] < 1100 for candidate in "abc")


def test_only_the_keys_of_a_candidate_that_is_gone_go_elsewhere() -> None:
    moved = [key for key in KEYS if first(key, "ab") != first(key, "abc")]
    assert moved == [key for key in KEYS if first(key, "abc") == "c"]


def test_the_order_is_the_same_in_every_process() -> None:
    assert sorted("abcdef", key=lambda candidate: rank("session", candidate)) == list("dbaefc")
