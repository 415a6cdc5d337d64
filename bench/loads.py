"""The work that every peer is given."""

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """So many streams, each of so many tokens a second, for so long."""

    streams: int
    tokens_per_s: int
    seconds: float = 10.0
    ramp_s: float = 2.0  # the streams are opened evenly over this time

    @classmethod
    def parse(cls, text: str, *, seconds: float = 10.0) -> "Load":
        """1000x25 is 1,000 streams of 25 tokens a second."""
        streams, rate = text.split("x")
        return cls(int(streams), int(rate), seconds)

    def __str__(self) -> str:
        return f"{self.streams:,} x {self.tokens_per_s}"

    @property
    def tokens(self) -> int:
        """Of one stream."""
        return round(self.tokens_per_s * self.seconds)

    @property
    def engine_options(self) -> dict[str, str]:
        """For the scripted engine, or what plays its part: each token says when it was made."""
        return {"tokens": str(self.tokens), "tokens_per_second": str(self.tokens_per_s), "stamp": "true"}

    @property
    def body(self) -> bytes:
        """The request, in JSON that the native dialect and proto transcoders read alike, but for the names' case."""
        return json.dumps({"prompt": "x", "engine_options": self.engine_options}).encode()
