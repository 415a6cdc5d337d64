from bench.machine import field_of, machine

CPUINFO = "processor\t: 0\nmodel name\t: Fast: CPU\n\nprocessor\t: 1\nmodel name\t: Other\n"


def test_the_first_value_of_a_name_counts() -> None:
    assert field_of(CPUINFO, "model name") == "Fast: CPU"
    assert field_of(CPUINFO, "processor") == "0"
    assert field_of(CPUINFO, "model") == ""
    assert field_of("", "model name") == ""


def test_a_machine_says_what_it_is() -> None:
    this = machine()
    assert all(this.values())
    assert "grpcio 1." in this["packages"]
