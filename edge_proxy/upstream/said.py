"""What a generation has said so far: what another worker needs to go on with it."""

from collections.abc import Iterator

from protos import inference_pb2 as pb

MAX_ROWS = 64  # kept apart: readers may stand where a row ends, and who comes back stands near the end


class Said:
    """The text of one stream, in the rows that it came in; old rows become one.

    `rows` is appended to by whoever has it, as (text, index behind it): that is on the hot path.
    """

    __slots__ = ("plain", "rows")

    def __init__(self) -> None:
        self.rows: list[tuple[str, int]] = []
        self.plain = True  # it is the answer, and nothing else: engines can go on with that

    @property
    def text(self) -> str:
        """All of it."""
        return "".join([text for text, _ in self.rows])

    def compact(self) -> None:
        """Put the older rows together, when there are many."""
        if len(self.rows) > MAX_ROWS:
            old = self.rows[: -MAX_ROWS // 2]
            self.rows[: -MAX_ROWS // 2] = [("".join([text for text, _ in old]), old[-1][1])]

    def pieces(self) -> Iterator[pb.Piece]:
        """Where in the text readers may stand."""
        return (pb.Piece(chars=len(text), next_index=index) for text, index in self.rows)
