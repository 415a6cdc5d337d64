"""From pydantic's findings to one clear refusal that names the field as the client wrote it."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from edge_proxy.core.errors import Refused, invalid

NAME_CHARS = 100  # of a field's name that a client made up

M = TypeVar("M", bound=BaseModel)


def _clean(text: str) -> str:
    if "\0" in text:
        raise ValueError("text must not contain NUL")
    if not _is_text(text):
        raise ValueError("text must not contain a lone surrogate")
    return text


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: JSON can spell half of a surrogate pair, which is no character."""
    return value.isascii() or not any("\ud800" <= character <= "\udfff" for character in value)


Text = Annotated[str, AfterValidator(_clean)]
"""Text that can be sent on as UTF-8."""

NonEmptyText = Annotated[str, Field(min_length=1), AfterValidator(_clean)]
"""The same, at least one character of it."""


def validate(model: type[M], data: Mapping[str, Any], *, strings: bool = False) -> M:
    """The data as `model`; with `strings`, every value is text to be read as what the field is (a query string's).

    Raises:
        Refused: INVALID_REQUEST with the first field that is wrong.
    """
    for name in data:
        if not _is_text(name):  # pydantic would not say which it was
            raise invalid(name[:NAME_CHARS], "The field's name is no text.")
    try:
        return model.model_validate_strings(data) if strings else model.model_validate(data)
    except ValidationError as error:
        raise _refused(error) from None


def _refused(error: ValidationError) -> Refused:
    first = error.errors(include_url=False, include_input=False)[0]
    match first["type"]:
        case "extra_forbidden":
            message = "There is no such field."
        case "missing":
            message = "The field is missing."
        case _:
            message = first["msg"].removeprefix("Value error, ") + "."
    return invalid(_path(first["loc"]), message[0].upper() + message[1:])


def _path(loc: tuple[int | str, ...]) -> str:
    """("messages", 1, "role") as messages[1].role."""
    path = ""
    for part in loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.removeprefix(".")[:NAME_CHARS]
