"""One call to an OpenAI-compatible service: sent again while nothing has come back, read, and closed whatever happens.

send  -- head of the answer, or a refusal --> events ... -- last event --> the connection serves the next call
  '--- no connection: again, after a pause that grows
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any

import httpx
from httpx_sse import EventSource

from inference_worker.engines.openai_replies import refusal
from inference_worker.status import Code, EngineError, Refused

ATTEMPTS = 3
FIRST_PAUSE_S = 0.1
LAST_BYTES_S = 1.0  # for the end of a body whose last event has come
ERROR_CHARS = 10_000

NOTHING_CAME = (httpx.ConnectError, httpx.ConnectTimeout, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Call:
    """A request that is on its way, from its making on.

    `troubles` counts what goes wrong with it, by what it was.
    """

    def __init__(self, http: httpx.AsyncClient, path: str, body: Mapping[str, Any], troubles: Counter[str]) -> None:
        self._troubles = troubles
        self.complete = False  # the last event has come: the connection is worth keeping
        self._response: httpx.Response | None = None
        self._events: AsyncIterator[str] | None = None
        self._sending = asyncio.create_task(self._send(http, path, body))

    async def head(self, *, patience_s: float | None = None) -> None:
        """Wait for the answer's head; for so long, if it may come later.

        Raises:
            Refused: The service does not answer, or refuses.
        """
        await asyncio.wait([self._sending], timeout=patience_s)
        if self._sending.done():
            self._sending.result()

    async def events(self) -> AsyncGenerator[str]:
        """The data of each event; of an answer in one piece, all of it.

        Raises:
            EngineError: The connection broke.
            Refused: As `head`; or the service was silent for too long.
        """
        await self.head()
        assert self._response is not None  # noqa: S101 - there is a head
        self._events = _read(self._response)
        try:
            async for data in self._events:
                yield data
        except httpx.TimeoutException:
            self._troubles["timeout"] += 1
            raise Refused(Code.DEADLINE_EXCEEDED, "The service was silent for too long.") from None
        except httpx.HTTPError as error:
            self._troubles["broken"] += 1
            raise EngineError(f"The connection to the service broke: {error or type(error).__name__}") from error

    async def close(self) -> None:
        """Let go of the connection, and stop what is not over."""
        self._sending.cancel()
        await asyncio.gather(self._sending, return_exceptions=True)
        if self._response is None:
            return
        try:
            if self.complete and self._events:
                async with asyncio.timeout(LAST_BYTES_S):
                    async for _ in self._events:
                        pass
        except (TimeoutError, httpx.HTTPError):
            pass  # then it is not worth keeping
        finally:
            await self._response.aclose()

    async def _send(self, http: httpx.AsyncClient, path: str, body: Mapping[str, Any]) -> None:
        request = http.build_request("POST", path, json=body)
        response = await _sent(http, request, self._troubles)
        if response.status_code == 200:
            self._response = response
            return
        try:
            text = (await response.aread()).decode(errors="replace")[:ERROR_CHARS]
        except httpx.HTTPError:
            text = ""
        finally:
            await response.aclose()
        self._troubles["refused"] += 1
        raise refusal(response.status_code, text)


async def _sent(http: httpx.AsyncClient, request: httpx.Request, troubles: Counter[str]) -> httpx.Response:
    """The answer's head, after as many attempts as it takes."""
    for attempt in range(ATTEMPTS):
        try:
            return await http.send(request, stream=True)
        except httpx.PoolTimeout:
            troubles["busy"] += 1
            raise Refused(Code.RESOURCE_EXHAUSTED, "All connections to the service are in use.") from None
        except NOTHING_CAME as error:
            troubles["connect"] += 1
            if attempt == ATTEMPTS - 1:
                raise Refused(Code.UNAVAILABLE, f"The service can not be reached: {error!r}") from None
            await asyncio.sleep(FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1))  # noqa: S311 - no secret
        except httpx.TimeoutException:
            troubles["timeout"] += 1
            raise Refused(Code.DEADLINE_EXCEEDED, "The service was silent for too long.") from None
        except httpx.HTTPError as error:
            troubles["broken"] += 1
            raise Refused(Code.UNAVAILABLE, f"The service can not be asked: {error!r}") from None
    raise AssertionError("the last attempt returns or raises")


async def _read(response: httpx.Response) -> AsyncIterator[str]:
    response.encoding = "utf-8"  # an event stream is, whatever its header says
    if response.headers.get("content-type", "").partition(";")[0].strip() == "text/event-stream":
        async for event in EventSource(response).aiter_sse():
            yield event.data
    else:
        yield (await response.aread()).decode(errors="replace")
