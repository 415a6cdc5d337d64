import pytest

from edge_proxy.upstream.addresses import Addresses, Name, look_up, parse_name


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        ("worker:50051", Name("worker", 50051)),
        ("worker.internal.:1", Name("worker.internal.", 1)),
        ("10.0.0.1:50051", None),
        ("[::1]:50051", None),
        ("::1:50051", None),
        ("localhost:50051", None),
        ("unix:/run/worker:1", None),
        ("dns:///worker:50051", None),
    ],
)
def test_names_are_told_from_addresses(entry: str, name: Name | None) -> None:
    assert parse_name(entry) == name


def test_what_is_an_address_is_there_from_the_beginning() -> None:
    addresses = Addresses(["10.0.0.1:1", "localhost:2", "10.0.0.1:1"])
    assert addresses.all == ["10.0.0.1:1", "localhost:2"]
    assert not addresses.names
    assert not addresses.unknown


def test_a_name_has_all_its_addresses_and_then_others() -> None:
    addresses = Addresses(["worker:5", "10.0.0.9:5"])
    assert addresses.unknown
    assert addresses.all == ["10.0.0.9:5"]
    addresses.found("worker:5", ["10.0.0.2", "10.0.0.1", "fd00::1"])
    assert addresses.all == ["10.0.0.1:5", "10.0.0.2:5", "[fd00::1]:5", "10.0.0.9:5"]
    assert not addresses.unknown
    addresses.found("worker:5", ["10.0.0.3"])
    assert addresses.all == ["10.0.0.3:5", "10.0.0.9:5"]


def test_a_name_that_suddenly_has_none_keeps_what_it_had() -> None:
    addresses = Addresses(["worker:5"])
    addresses.found("worker:5", ["10.0.0.1"])
    addresses.found("worker:5", [])
    assert addresses.all == ["10.0.0.1:5"]


def test_an_address_of_two_names_is_there_once() -> None:
    addresses = Addresses(["a:5", "b:5"])
    addresses.found("a:5", ["10.0.0.1", "10.0.0.2"])
    addresses.found("b:5", ["10.0.0.2", "10.0.0.3"])
    assert addresses.all == ["10.0.0.1:5", "10.0.0.2:5", "10.0.0.3:5"]
    assert addresses.together("10.0.0.1:5") == {"10.0.0.1:5", "10.0.0.2:5"}


async def test_the_systems_resolver_is_asked() -> None:
    assert "127.0.0.1" in await look_up("localhost", 5)


async def test_a_name_that_nobody_knows_is_an_error() -> None:
    with pytest.raises((OSError, UnicodeError)):
        await look_up("no name at all", 5)
