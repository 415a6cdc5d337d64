"""What every engine's text goes through before the log: UTF-8 made whole, stop strings found, small chunks held.

    engine -> TextStage.push(token's text) -> append(entry) ... -> log

A token is appended whole or held whole, so that an index of the log always counts tokens: text that waits for the rest
of a character, of a stop string or of a chunk has no index yet, and a generation continued elsewhere makes it again.
"""

import codecs
from collections.abc import Callable, Sequence

from inference_worker.label import ANSWER, Channel, Label


class TextStage:
    """Stands between one run of an engine and its log.

    Args:
        append: Takes one token's text; False means make no more. `GenerationLog.append`.
        label: Takes what the text from here on is. `GenerationLog.label`.
        stop: The answer ends before the first of these to be complete. What may be the beginning of one is held.
        min_chunk_chars: Let the answer's text out only when at least so much of it is ready.
    """

    def __init__(
        self,
        append: Callable[[str], bool],
        *,
        label: Callable[[Label], None],
        stop: Sequence[str] = (),
        min_chunk_chars: int = 0,
    ) -> None:
        self.tokens = 0
        self.stopped = False  # a stop string was found
        self._append = append
        self._label = label
        self._answer_rules = (stop, min_chunk_chars)
        self._expect(ANSWER)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held: list[str] = []  # tokens not yet appended
        self._text = ""  # the same, as one string
        self._whole = 0  # how many of them end before the character that is not complete yet

    def push(self, text: str) -> bool:
        """Take one token's text, "" if it completes no character. False: make no more tokens."""
        self.tokens += 1
        if self._plain and text and not self._held:
            return self._append(text)
        return self._hold(text)

    def push_bytes(self, data: bytes) -> bool:
        """Take one token's bytes. A character cut by the token's end is held; invalid bytes become U+FFFD at once."""
        text = self._decoder.decode(data)
        if self._decoder.getstate()[0]:  # the token ends within a character: it waits for the rest, whole
            self.tokens += 1
            return self._hold(text, whole=False)
        return self.push(text)

    def label(self, label: Label) -> None:
        """What follows is something else: what is held goes out, for no character or stop string spans the two."""
        self.flush()
        self._label(label)
        self._expect(label)

    def flush(self) -> None:
        """The engine is done: what is held goes out."""
        if self.stopped:
            return
        tail = self._decoder.decode(b"", final=True)
        if tail:  # of the last token, which is held because of it
            self._held[-1] += tail
        self._release(len(self._held))

    def _expect(self, label: Label) -> None:
        self._stop, self._min_chunk_chars = self._answer_rules if label.channel is Channel.ANSWER else ((), 0)
        self._plain = not self._stop and self._min_chunk_chars <= 1

    def _hold(self, text: str, *, whole: bool = True) -> bool:
        seen = len(self._text)
        self._held.append(text)
        self._text += text
        start = self._find_stop(seen)
        if start is not None:
            self._end_at(start)
            return False
        self._whole = len(self._held) if whole else min(self._whole, len(self._held) - 1)
        count, chars = self._ready()
        return self._release(count) if chars >= self._min_chunk_chars else True

    def _find_stop(self, seen: int) -> int | None:
        """Where the stop string begins that is complete first; `seen` characters were searched before."""
        found: tuple[int, int] | None = None  # (end, start): the same answer however the text was cut into tokens
        for stop in self._stop:
            start = self._text.find(stop, max(0, seen - len(stop) + 1))
            if start >= 0:
                found = min(found or (len(self._text) + 1, 0), (start + len(stop), start))
        return found and found[1]

    def _end_at(self, end: int) -> None:
        self.stopped = True
        for token in self._held:
            if end <= 0:
                break
            self._append(token[:end])
            end -= len(token)
        self._held, self._text = [], ""

    def _ready(self) -> tuple[int, int]:
        """How many held tokens can go, and their characters: all whole ones but what may become a stop string."""
        safe = len(self._text) - self._partial_stop()
        count = chars = ready_chars = 0
        for number, token in enumerate(self._held[: self._whole], 1):
            chars += len(token)
            if chars > safe:
                break
            if token:  # a token that ends within a character waits for the next
                count, ready_chars = number, chars
        return count, ready_chars

    def _partial_stop(self) -> int:
        """The length of the longest end of the held text that begins a stop string."""
        longest = 0
        for stop in self._stop:
            for length in range(min(len(stop) - 1, len(self._text)), longest, -1):
                if self._text.endswith(stop[:length]):
                    longest = length
                    break
        return longest

    def _release(self, count: int) -> bool:
        if count == 0:
            return True
        tokens, self._held = self._held[:count], self._held[count:]
        self._text = self._text[sum(map(len, tokens)) :]
        self._whole -= count
        more = True
        for token in tokens:
            more = self._append(token)
        return more
