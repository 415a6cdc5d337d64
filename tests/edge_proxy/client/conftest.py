"""The command line is tested against a real pair."""

from tests.end_to_end.conftest import pair

__all__ = ["pair"]
