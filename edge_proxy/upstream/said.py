"""What a generation has said so far: what another worker needs to go on with it."""

from collections.abc import Iterable, Iterator

from protos import inference_pb2 as pb

Row = tuple[str, int]  # text, and the index behind it
MAX_ROWS = 64  # kept apart: readers may stand where a row ends, and who comes back stands near the end


class Said:
    """The text of one stream, in the rows that it came in; old rows become one, or one for each of their labels.

    Attributes:
        texts: Of the rows. Whoever has one appends to both lists: that is on the hot path, and pairs would take more
            time and room.
        ends: The index behind each.
    """

    __slots__ = ("_labels", "ends", "texts")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.ends: list[int] = []
        self._labels: dict[int, pb.Label] = {}  # by the index from which on it counts

    @property
    def rows(self) -> list[Row]:
        """What it is kept in."""
        return list(zip(self.texts, self.ends, strict=True))

    @property
    def plain(self) -> bool:
        """It is the answer, and nothing else: engines can go on with that."""
        return not self._labels

    @property
    def text(self) -> str:
        """All of it."""
        return "".join(self.texts)

    def label(self, index: int, label: pb.Label) -> None:
        """What the row is that begins at that index, and those behind it."""
        self._labels[index] = label

    def begin(self, text: str, index: int, pieces: Iterable[pb.Piece]) -> str:
        """Know what was said before the first row: to that index, in pieces if it has labels. Gives its answer."""
        rows: list[Row] = []
        answer: list[str] = []
        place = behind = channel = 0
        for piece in pieces:
            if piece.HasField("label"):
                channel = piece.label.channel
                self._labels[behind] = piece.label
            rows.append((text[place : place + piece.chars], piece.next_index))
            if channel == pb.ANSWER:
                answer.append(rows[-1][0])
            place, behind = place + piece.chars, piece.next_index
        # The first rows may be here already: they came in the same frame.
        self._replace(0, rows or [(text, index)])
        return "".join(answer) if rows else text

    def compact(self) -> None:
        """Put the older rows together, when there are many."""
        if len(self.texts) > MAX_ROWS:
            old = len(self.texts) - MAX_ROWS // 2
            texts, ends = self.texts[:old], self.ends[:old]
            merged = self._merged(zip(texts, ends, strict=True)) if self._labels else [("".join(texts), ends[-1])]
            self._replace(old, merged)

    def pieces(self) -> Iterator[pb.Piece]:
        """Where in the text readers may stand, and what it is."""
        before = 0
        for text, index in self.rows:
            yield pb.Piece(chars=len(text), next_index=index, label=self._labels.get(before))
            before = index

    def _replace(self, first: int, rows: list[Row]) -> None:
        """Have these instead of so many first ones."""
        self.texts[:first] = [text for text, _ in rows]
        self.ends[:first] = [index for _, index in rows]

    def _merged(self, rows: Iterable[Row]) -> list[Row]:
        merged: list[Row] = []
        texts: list[str] = []
        index = 0
        for text, index in rows:
            texts.append(text)
            if index in self._labels:
                merged.append(("".join(texts), index))
                texts = []
        return [*merged, ("".join(texts), index)] if texts else merged
