"""Requests made from the document of the API, as it is and nearly so, to real processes.

Each answer is one that the document has, and none is a 500; and every stream ends, in the words of its dialect. `make
fuzz` makes more of them: FUZZ_EXAMPLES says how many.
"""

import asyncio
import json
import os
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case, CheckContext, Response
from schemathesis.checks import CHECKS

from edge_proxy.access.keys import make
from edge_proxy.app import Edge
from edge_proxy.core.caller import Limits
from edge_proxy.settings import Settings
from tests.support import processes
from tests.support.sse import Reader, check_ask, check_lines, check_native, check_openai, check_staged

MANY = "FUZZ_EXAMPLES" in os.environ
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
SHORT = {"WORKER_ENGINE_OPTIONS": "tokens=5,tokens_per_second=0"}  # whatever is asked for, its stream is soon over
PATIENCE_S = 20.0  # for a stream's next bytes: one that does not end fails
KEY, LINE = make("alice", owner="alice", expires=None, limits=Limits())
BEARER = {"Authorization": f"Bearer {KEY}"}
FUZZED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=not MANY,  # every run of the tests tries the same
    database=None,
    suppress_health_check=list(HealthCheck),
)


AnyCase = Case[Any]
Check = Callable[[CheckContext, Response, AnyCase], bool | None]
STREAMING = [
    f"{method} {path}"
    for path, methods in {
        "/api/v1/ai/generate": ("GET", "POST"),
        "/ask/stream": ("GET", "POST"),
        "/chat/stream": ("GET", "POST"),
        "/v1/chat/completions": ("POST",),
        "/v1/completions": ("POST",),
    }.items()
    for method in methods
]


class Site(NamedTuple):
    """An edge, and a session with it: one connection, or a few."""

    url: str
    session: requests.Session


def document(**given: Any) -> dict[str, Any]:
    """What an edge of these settings says of itself: here, for tests are found before any process runs."""

    async def made() -> dict[str, Any]:
        return Edge(Settings(**given)).api.openapi()

    with patch.dict(os.environ, processes.clean_environment(), clear=True):
        return asyncio.run(made())


OPEN, KEYS = [schemathesis.openapi.from_dict(document(api_keys=keys)) for keys in ("", LINE)]
KEYS.config.phases.coverage.enabled = MANY  # each bound of each field: once is enough for every run


@pytest.fixture(scope="module")
def worker() -> Iterator[str]:
    with processes.worker(**SHORT) as (address, _):
        yield address


@pytest.fixture(scope="module")
def open_site(worker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database = f"sqlite:///{tmp_path_factory.mktemp('open')}/relay.db"
    with processes.edge(worker, EDGE_DATABASE_URL=database) as (address, _), requests.Session() as session:
        yield Site(f"http://{address}", session)


@pytest.fixture(scope="module")
def keys_site(worker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    database = f"sqlite:///{tmp_path_factory.mktemp('keys')}/relay.db"
    with (
        processes.edge(worker, EDGE_API_KEYS=LINE, EDGE_DATABASE_URL=database) as (address, _),
        requests.Session() as session,
    ):
        yield Site(f"http://{address}", session)


def no_500(context: CheckContext, response: Response, case: AnyCase) -> None:
    assert response.status_code != 500


def ends_in_its_words(context: CheckContext, response: Response, case: AnyCase) -> None:
    """A stream is whole, by its strict reader."""
    media_type = response.headers.get("content-type", [""])[0]
    if media_type.startswith("application/x-ndjson"):
        check_lines(response.content)
    elif media_type.startswith("text/event-stream"):
        reader = Reader()
        events = list(reader.feed(response.content))
        reader.close()
        if case.path.startswith("/v1/"):
            assert isinstance(case.body, dict)
            check_openai(events, answers=int(str(case.body.get("n") or 1)))
        else:
            checks = {"/ask/stream": check_ask, "/chat/stream": check_staged}
            checks.get(case.path, check_native)(events)


# That statuses, media types and shapes are those of the document; and that other methods are refused.
CONFORMANCE = (
    "status_code_conformance content_type_conformance response_headers_conformance response_schema_conformance"
)
ANSWERS: list[Any] = [
    no_500,
    ends_in_its_words,
    *CHECKS.get_by_names([*CONFORMANCE.split(), "unsupported_method"]),
]
seen: defaultdict[str, set[int]] = defaultdict(set)
DENIALS = CHECKS.get_by_names(["ignored_auth"])


def likely(case: AnyCase) -> None:
    """Make it one that can get a stream: what the document can not say of a request, or of this worker, is seen to."""
    said = case.body if isinstance(case.body, dict) else case.query
    case.headers.pop("Last-Event-ID", None)
    case.query.pop("last_event_id", None)
    if "model" in said:
        said["model"] = "scripted"
    for name in ("engine_options", "messages" if said.get("prompt") else "prompt"):
        said.pop(name, None)


def try_it(case: AnyCase, site: Site, *checks: Any, **headers: str) -> None:
    """Send it, or for half of them what is likely to get a stream, and look at the answer."""
    made = zlib.crc32(repr((case.body, case.query)).encode("utf-8", "replace"))
    if made % 2:
        likely(case)
    if made % 3 == 0:
        headers["Accept"] = "application/x-ndjson"
    response = case.call(base_url=site.url, session=site.session, timeout=PATIENCE_S, headers=headers)
    seen[case.operation.label].add(response.status_code)
    case.validate_response(response, checks=[*ANSWERS, *checks], headers=headers)


@OPEN.parametrize()
@FUZZED
def test_every_answer_is_in_the_document(case: AnyCase, open_site: Site) -> None:
    try_it(case, open_site)


@KEYS.parametrize()
@FUZZED
def test_every_answer_to_who_has_a_key_is_in_the_document(case: AnyCase, keys_site: Site) -> None:
    try_it(case, keys_site, *DENIALS, **BEARER)


@KEYS.parametrize()
@FUZZED
def test_every_answer_to_who_has_none_is_in_the_document(case: AnyCase, keys_site: Site) -> None:
    try_it(case, keys_site)


def test_an_edge_serves_that_document(open_site: Site, keys_site: Site) -> None:
    for site, schema in ((open_site, OPEN), (keys_site, KEYS)):
        served = site.session.get(f"{site.url}/openapi.json", headers=BEARER, timeout=PATIENCE_S).json()
        assert served == json.loads(json.dumps(schema.raw_schema))


def test_streams_were_among_the_answers() -> None:
    """Or the tests above have seen refusals, and little else."""
    if len(seen) < len(document()["paths"]):
        pytest.skip("only some of the routes were asked in this run")
    assert [label for label in STREAMING if 200 not in seen[label]] == []
