"""The short way out says to each who writes whether the client takes it."""

from edge_proxy.downstream.wire import Wire


def test_it_says_when_the_client_takes_bytes_again() -> None:
    wire, told = Wire(lambda data: None), list[bool]()
    wire.watchers.append(told.append)
    wire.change(False)
    assert not wire.free
    wire.change(True)
    assert wire.free
    assert told == [False, True]


def test_who_is_told_after_one_that_has_filled_it_again_is_not_told_to_write() -> None:
    """As two answers on one stream do, whose client reads slowly."""
    wire, told = Wire(lambda data: None), list[bool]()

    def fill(free: bool) -> None:
        if free:
            wire.change(False)

    wire.watchers += [fill, told.append]
    wire.change(True)
    assert not wire.free
    assert told[-1] is False
