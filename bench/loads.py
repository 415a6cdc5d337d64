"""The work that every peer is given."""

import json
from dataclasses import dataclass

OPENS_PER_S = 500
MANY_STREAMS, MANY_OPENS_PER_S = 5000, 250  # opening that many must not be what is measured
MIN_RAMP_S = 2.0
LIFE_PER_RAMP = 1.5  # streams live so much longer than the ramp takes, so that all are open together for a while


@dataclass(frozen=True, slots=True)
class Load:
    """So many streams, each of so many tokens a second, for so long."""

    streams: int
    tokens_per_s: int
    seconds: float = 10.0
    ramp_s: float = MIN_RAMP_S  # the streams are opened evenly over this time

    @classmethod
    def parse(cls, text: str, *, seconds: float = 10.0) -> "Load":
        """1000x25 is 1,000 streams of 25 tokens a second.

        How many streams there are decides how long the ramp is: no more than 500 are opened in a second, and from 5,000
        streams on 250, in at least 2 s. So 5,000 streams take 20 s to open, and live for 30 s.

        Args:
            text: Streams, an x, and tokens a second of each.
            seconds: How long each stream lives, unless the ramp needs more.

        Raises:
            ValueError: The text is not that.
        """
        streams, rate = (int(part) for part in text.split("x"))
        if streams < 1 or rate < 1:
            raise ValueError(f"{text!r} has no streams or no tokens")
        opens_per_s = OPENS_PER_S if streams < MANY_STREAMS else MANY_OPENS_PER_S
        ramp_s = max(MIN_RAMP_S, streams / opens_per_s)
        return cls(streams, rate, max(seconds, LIFE_PER_RAMP * ramp_s), ramp_s)

    def __str__(self) -> str:
        return f"{self.streams:,} x {self.tokens_per_s}"

    @property
    def text(self) -> str:
        """As `parse` takes it."""
        return f"{self.streams}x{self.tokens_per_s}"

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
