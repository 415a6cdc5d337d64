"""JSON as a server should read it: what RFC 8259 leaves to the reader is refused, not guessed."""

import json
from collections import Counter
from typing import Any

from edge_proxy.core.errors import Code, Failure, Refused

MAX_DEPTH = 32  # no request of ours nests deeper than 6


def loads(data: bytes, *, what: str = "body") -> dict[str, Any]:
    """The object that `data` is; messages call it `what`.

    Raises:
        Refused: INVALID_REQUEST: it is not UTF-8, not JSON, not an object, nests too deep, or names a member twice.
    """
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise _refused(f"The {what} is not UTF-8.") from None
    except RecursionError:
        raise _refused(f"The {what} nests deeper than {MAX_DEPTH} levels.") from None
    except json.JSONDecodeError as error:
        raise _refused(f"The {what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise _refused(f"A number in the {what} has too many digits.") from None
    if not isinstance(value, dict):
        raise _refused(f"The {what} must be a JSON object.")
    if _deeper_than(value, MAX_DEPTH):
        raise _refused(f"The {what} nests deeper than {MAX_DEPTH} levels.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise Refused(Failure(Code.INVALID_REQUEST, "The field is given twice.", twice[:100]))
    return members


def _deeper_than(value: object, levels: int) -> bool:
    """Whether containers nest deeper than `levels`; level by level, so that the answer needs no stack."""
    layer = [value]
    for _ in range(levels):
        inner: list[object] = []
        for item in layer:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        layer = [item for item in inner if isinstance(item, dict | list)]
        if not layer:
            return False
    return True


def _refused(message: str) -> Refused:
    return Refused(Failure(Code.INVALID_REQUEST, message))
