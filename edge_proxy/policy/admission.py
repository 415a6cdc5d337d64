"""May a stream start, and on which terms. Asked before anything is sent, so that a refusal is a status."""

from dataclasses import dataclass, replace

from edge_proxy.core.errors import Code, Failure, Refused, invalid
from edge_proxy.core.request import GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the server gives, and how far a request may go."""

    max_streams: int
    timeout_s: float
    max_timeout_s: float
    batch_interval_s: float


class Admission:
    """Decides by counting; who is admitted says when it is done."""

    def __init__(self, terms: Terms) -> None:
        self.streams = 0
        self.draining = False
        self.late = False  # this process is behind with what it has
        self._terms = terms

    def admit(self, request: GenerationRequest) -> GenerationRequest:
        """The request on the server's terms: what it left open is filled in. `release` must follow.

        Raises:
            Refused: The server is full, behind or draining, or the request asks for more than it gives.
        """
        if self.draining:
            raise Refused(Failure(Code.SERVER_DRAINING))
        if self.late:
            raise Refused(Failure(Code.SERVER_BUSY))
        if self.streams >= self._terms.max_streams:
            raise Refused(Failure(Code.OVERLOADED))
        # Streams at once for each API key are counted here, once there are keys.
        timeout_s = self._terms.timeout_s if request.timeout_s is None else request.timeout_s
        if request.timeout_s is not None and timeout_s > self._terms.max_timeout_s:
            raise invalid("timeout_s", f"At most {self._terms.max_timeout_s:g} seconds can be asked for.")
        interval_s = self._terms.batch_interval_s if request.batch_interval_s is None else request.batch_interval_s
        self.streams += 1
        return replace(request, timeout_s=timeout_s, batch_interval_s=interval_s)

    def release(self) -> None:
        """A stream that was admitted has ended."""
        self.streams -= 1
