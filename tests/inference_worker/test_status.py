import grpc
import pytest

from inference_worker.status import Code, EngineError, Failed, invalid


@pytest.mark.parametrize("code", Code)
def test_codes_are_those_of_grpc(code: Code) -> None:
    number, _ = grpc.StatusCode[code.name].value
    assert code == number


def test_invalid_names_the_field() -> None:
    assert invalid("top_p", "Too much.").failed == Failed(Code.INVALID_ARGUMENT, "Too much.", "top_p")


def test_an_engines_error_is_internal_with_its_words() -> None:
    assert EngineError("Out of memory.").failed == Failed(Code.INTERNAL, "Out of memory.")
