"""May a stream start, and on which terms. Asked before anything is sent, so that a refusal is a status."""

from dataclasses import dataclass, replace

from edge_proxy.core.errors import Code, Failure, Refused, invalid
from edge_proxy.core.request import GenerationRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the server gives, and how far a request may go."""

    max_streams: int
    timeout_s: float
    first_token_timeout_s: float
    gap_timeout_s: float
    max_timeout_s: float  # of each of them, that a request can ask for
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
        granted = self._on_terms(request)
        self.streams += 1
        return granted

    def release(self) -> None:
        """A stream that was admitted has ended."""
        self.streams -= 1

    def _on_terms(self, request: GenerationRequest) -> GenerationRequest:
        terms = self._terms
        interval_s = request.batch_interval_s
        return replace(
            request,
            timeout_s=self._bounded("timeout_s", request.timeout_s, terms.timeout_s),
            first_token_timeout_s=self._bounded(
                "first_token_timeout_s", request.first_token_timeout_s, terms.first_token_timeout_s
            ),
            gap_timeout_s=self._bounded("gap_timeout_s", request.gap_timeout_s, terms.gap_timeout_s),
            batch_interval_s=terms.batch_interval_s if interval_s is None else interval_s,
            impatient=any(
                asked_s is not None and asked_s < own_s
                for asked_s, own_s in (
                    (request.timeout_s, terms.timeout_s),
                    (request.first_token_timeout_s, terms.first_token_timeout_s),
                    (request.gap_timeout_s, terms.gap_timeout_s),
                )
            ),
        )

    def _bounded(self, field: str, asked_s: float | None, otherwise_s: float) -> float:
        if asked_s is None:
            return otherwise_s
        if asked_s > self._terms.max_timeout_s:
            raise invalid(field, f"At most {self._terms.max_timeout_s:g} seconds can be asked for.")
        return asked_s
