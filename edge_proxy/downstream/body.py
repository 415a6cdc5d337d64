"""Reads what a request says: a JSON body, within bounds, or a query string."""

from starlette.requests import ClientDisconnect, Request

from edge_proxy.core.errors import Code, Failure, Refused, invalid
from edge_proxy.core.strict_json import loads


async def read_json(request: Request, *, max_bytes: int) -> dict[str, object]:
    """The body as a JSON object.

    Raises:
        Refused: UNSUPPORTED_MEDIA_TYPE, TOO_LARGE (as soon as that is known), or INVALID_REQUEST.
    """
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    if media_type.strip().lower() != "application/json":
        raise Refused(Failure(Code.UNSUPPORTED_MEDIA_TYPE))
    charset = parameters.replace(" ", "").lower()
    if charset not in ("", "charset=utf-8", 'charset="utf-8"'):
        raise Refused(Failure(Code.UNSUPPORTED_MEDIA_TYPE, "The body must be UTF-8."))
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refused(Failure(Code.UNSUPPORTED_MEDIA_TYPE, "The body must not be compressed."))
    return loads(await _read(request, max_bytes))


def read_query(request: Request) -> dict[str, str]:
    """The query string as a dict.

    Raises:
        Refused: A field is given twice.
    """
    data: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in data:
            raise invalid(name[:100], "The field is given twice.")
        data[name] = value
    return data


async def _read(request: Request, max_bytes: int) -> bytes:
    too_large = Refused(Failure(Code.TOO_LARGE, f"The body can have {max_bytes:,} bytes at most."))
    if int(request.headers.get("content-length", "0")) > max_bytes:  # a number: the HTTP parser has seen to it
        raise too_large
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > max_bytes:
                raise too_large
    except ClientDisconnect:
        raise Refused(Failure(Code.CANCELLED)) from None
    return bytes(body)
