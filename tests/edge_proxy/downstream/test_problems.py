import json
from typing import Any

import pytest
from fastapi import FastAPI, HTTPException

from edge_proxy.core.caller import Limits
from edge_proxy.core.errors import Code, Failure, Refused
from edge_proxy.core.quota import Left, quotas
from edge_proxy.downstream.problems import add_problem_handlers
from edge_proxy.downstream.request_id import RequestIdMiddleware
from tests.edge_proxy.asgi import Client


def make_app(error: Exception | None = None) -> RequestIdMiddleware:
    """An app with one address, asked by GET and POST, that raises the error."""
    app = FastAPI()
    add_problem_handlers(app)

    async def fail() -> None:
        if error:
            raise error

    app.get("/here")(fail)
    app.get("/v1/here")(fail)
    app.post("/here")(fail)
    return RequestIdMiddleware(app)


async def ask(app: RequestIdMiddleware, method: str = "GET", path: str = "/here") -> Client:
    return await Client(app, method, path, headers={"x-request-id": "r-1"}).response()


async def ask_in_vain(error: Exception) -> Client:
    """The client of a request that fails in a way nobody has foreseen: the server hears of it, too."""
    client = Client(make_app(error), "GET", "/here", headers={"x-request-id": "r-1"})
    with pytest.raises(type(error)):
        await client.response()
    return client


def problem(client: Client) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(client.body)
    assert client.headers["content-type"] == "application/problem+json"
    assert client.status == body["status"]
    assert body["requestId"] == "r-1"
    return body


@pytest.mark.parametrize("code", [code for code in Code if code not in (Code.CANCELLED, Code.ENDED)])
async def test_a_refusal_is_its_codes_status_with_problem_details(code: Code) -> None:
    client = await ask(make_app(Refused(Failure(code, "No.", "seed"))))
    details = problem(client)
    assert (details["code"], details["detail"], details["field"]) == (code.value, "No.", "seed")
    assert details["status"] == Failure(code).status
    assert details["retryable"] == Failure(code).retryable


async def test_that_all_was_read_is_said_by_the_status_alone() -> None:
    client = await ask(make_app(Refused(Failure(Code.ENDED))))
    assert (client.status, client.body) == (204, b"")


@pytest.mark.parametrize("code", Code)
async def test_who_should_come_back_is_told_when(code: Code) -> None:
    client = await ask(make_app(Refused(Failure(code))))
    expected = "1" if Failure(code).status in (429, 503) else None
    assert client.headers.get("retry-after") == expected


@pytest.mark.parametrize(
    ("code", "wait_s", "retry_after", "should_retry"),
    [
        (Code.RATE_LIMITED, 2.5, "3", "true"),
        (Code.RATE_LIMITED, 60.5, "61", "false"),  # the SDKs would not wait for so long
        (Code.QUOTA_EXCEEDED, 7200.0, "7200", "false"),
    ],
)
async def test_who_has_used_up_his_share_is_told_what_it_is_and_when_there_is_more(
    code: Code, wait_s: float, retry_after: str, should_retry: str
) -> None:
    (quota,) = quotas(Limits(requests_per_minute=5), Limits())
    refused = Refused(Failure(code, standing=(Left(quota, 0, more_s=wait_s, full_s=wait_s, wait_s=wait_s),)))
    client = await ask(make_app(refused))
    assert (client.status, problem(client)["code"]) == (429, code.value)
    assert client.headers["retry-after"] == retry_after
    assert client.headers["ratelimit-policy"] == '"requests";q=5;w=60'
    assert client.headers["ratelimit"] == f'"requests";r=0;t={retry_after}'
    assert "x-should-retry" not in client.headers
    sdk = await ask(make_app(refused), path="/v1/here")
    assert (sdk.headers["x-should-retry"], sdk.headers["retry-after"]) == (should_retry, retry_after)
    assert sdk.headers["x-ratelimit-remaining-requests"] == "0"


async def test_an_unknown_address_is_not_found() -> None:
    client = await ask(make_app(), path="/there")
    assert client.status == 404
    assert problem(client)["code"] == "NOT_FOUND"


async def test_a_method_that_is_not_there_is_told_which_are() -> None:
    client = await ask(make_app(), "PATCH")
    assert client.status == 405
    assert problem(client)["code"] == "METHOD_NOT_ALLOWED"
    assert client.headers["allow"] == "GET, POST"


async def test_what_the_framework_refuses_is_an_invalid_request() -> None:
    client = await ask(make_app(HTTPException(422, "words of the framework")))
    assert problem(client)["code"] == "INVALID_REQUEST"
    assert b"framework" not in client.body


async def test_what_nobody_has_foreseen_is_a_problem_without_its_words() -> None:
    client = await ask_in_vain(ZeroDivisionError("the secret number is 7"))
    details = problem(client)
    assert (details["status"], details["code"]) == (500, "INTERNAL_ERROR")
    assert b"secret" not in client.body
    assert b"ZeroDivision" not in client.body


async def test_what_nobody_has_foreseen_has_its_request_id_in_the_header_too() -> None:
    client = await ask_in_vain(ZeroDivisionError())
    assert client.headers["x-request-id"] == "r-1"
