"""Where an engine's tokens end up in these tests."""

from inference_worker.label import Label


class ListSink:
    """Keeps every token; wants no more after `limit`, if there is one."""

    def __init__(self, limit: int = -1) -> None:
        self.tokens: list[str] = []
        self.labels: list[tuple[int, Label]] = []
        self._limit = limit

    @property
    def text(self) -> str:
        return "".join(self.tokens)

    def push(self, text: str) -> bool:
        self.tokens.append(text)
        return len(self.tokens) != self._limit

    def label(self, label: Label) -> None:
        self.labels.append((len(self.tokens), label))

    def push_bytes(self, data: bytes) -> bool:
        return self.push(data.decode())
