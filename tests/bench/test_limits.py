import resource

from bench.limits import complaint, descriptors, raise_limit
from bench.plan import tables


def test_a_plan_that_fits_gets_no_complaint() -> None:
    plan = tables({"10x1": ("edge",), "5000x10": ("edge",)}, repeat=1)
    assert complaint(plan, descriptors(5000)) == ""
    assert complaint([], descriptors(0)) == ""


def test_a_limit_that_is_too_low_is_named() -> None:
    words = complaint(tables({"5000x10": ("edge",)}, repeat=1), 4096)
    assert "5,000 streams need 10,500 open files" in words
    assert "4,096" in words


def test_the_limit_is_raised_to_what_is_allowed() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert raise_limit() == before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
