import pytest

from edge_proxy.core.errors import ERRORS, Code, Failure, Refused, invalid


def test_every_code_has_a_row() -> None:
    assert set(ERRORS) == set(Code)


@pytest.mark.parametrize("code", Code)
def test_every_message_is_a_sentence(code: Code) -> None:
    message = ERRORS[code].message
    assert message[0].isupper()
    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (Code.INVALID_REQUEST, 400),
        (Code.UNAUTHENTICATED, 401),
        (Code.PERMISSION_DENIED, 403),
        (Code.NOT_FOUND, 404),
        (Code.METHOD_NOT_ALLOWED, 405),
        (Code.CONFLICT, 409),
        (Code.RESUME_EXPIRED, 410),
        (Code.TOO_LARGE, 413),
        (Code.UNSUPPORTED_MEDIA_TYPE, 415),
        (Code.OVERLOADED, 429),
        (Code.RATE_LIMITED, 429),
        (Code.QUOTA_EXCEEDED, 429),
        (Code.CANCELLED, 499),
        (Code.INTERNAL_ERROR, 500),
        (Code.NOT_SUPPORTED, 501),
        (Code.GENERATION_ERROR, 502),
        (Code.BAD_UPSTREAM, 502),
        (Code.WORKER_UNAVAILABLE, 503),
        (Code.WORKER_LOST, 503),
        (Code.SERVER_DRAINING, 503),
        (Code.TIMEOUT, 504),
    ],
)
def test_a_failure_has_its_codes_status(code: Code, status: int) -> None:
    assert Failure(code).status == status


@pytest.mark.parametrize("code", Code)
def test_what_the_client_did_wrong_is_not_worth_retrying(code: Code) -> None:
    passing = {409, 429, 502, 503, 504}  # a conflict, a full server, and what is behind this one
    for_long = code is Code.QUOTA_EXCEEDED
    assert Failure(code).retryable == (Failure(code).status in passing and not for_long)


def test_a_failure_says_its_codes_message_unless_it_has_its_own() -> None:
    assert Failure(Code.WORKER_LOST).message == "The worker went away."
    assert Failure(Code.WORKER_LOST, "It left.").message == "It left."


def test_a_failure_without_words_equals_one_with_its_codes_words() -> None:
    assert Failure(Code.TIMEOUT) == Failure(Code.TIMEOUT, ERRORS[Code.TIMEOUT].message)


def test_invalid_names_the_field() -> None:
    refused = invalid("seed", "Too odd.")
    assert refused.failure == Failure(Code.INVALID_REQUEST, "Too odd.", "seed")


def test_a_refusal_reads_as_its_message() -> None:
    assert str(Refused(Failure(Code.OVERLOADED))) == "Too many generations run at the moment."
