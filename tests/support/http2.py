"""Bytes for a gRPC port, wrong at different depths: see RFC 9113 (HTTP/2), RFC 7541 (HPACK) and gRPC's own framing."""

import struct
from collections.abc import Callable

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  # RFC 9113, section 3.4
DATA, HEADERS, SETTINGS = 0x0, 0x1, 0x4
END_HEADERS = 0x4
KINDS = 10  # of frames: RFC 9113, section 6
METHODS = ("Exchange", "GenerateTextStream", "CancelGeneration", "ListModels", "Nothing")
SERVICE = "/inference.v1.AIAgentService/"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame: section 4.1."""
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


def head(method: str) -> bytes:
    """A call's, as a block of literal fields: RFC 7541, section 6.2.2."""
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": SERVICE + method,
        ":authority": "x",
        "te": "trailers",
        "content-type": "application/grpc",
    }
    spelled = [
        bytes([0, len(name)]) + name.encode() + bytes([len(said)]) + said.encode() for name, said in fields.items()
    ]
    return b"".join(spelled)


OPENED = PREFACE + frame(SETTINGS, 0, 0, b"")


def plain(data: bytes) -> bytes:
    """Whatever there is."""
    return data


def opened(data: bytes) -> bytes:
    """The same, where frames are expected."""
    return OPENED + data


def frames(data: bytes) -> bytes:
    """Frames of any kind for any stream, whose lengths are right: else the first is the last."""
    out = [OPENED]
    while len(data) > 4:
        kind, flags, stream, size = data[:4]
        out.append(frame(kind % (KINDS + 2), flags, stream % 8, data[4 : 4 + size % 64]))
        data = data[4 + size % 64 :]
    return b"".join(out)


def call(data: bytes) -> bytes:
    """A call of a method, whose messages have right lengths, or wrong ones, and nothing right within."""
    out = [OPENED, frame(HEADERS, END_HEADERS, 1, head(METHODS[data[0] % len(METHODS)] if data else METHODS[0]))]
    data = data[1:]
    while len(data) > 2:
        compressed, size = data[:2]
        message, data = data[2 : 2 + size], data[2 + size :]
        length = size if compressed % 8 == 1 else len(message)
        out.append(frame(DATA, 0, 1, struct.pack(">BI", compressed % 2 if compressed > 250 else 0, length) + message))
    return b"".join(out)


SHAPES: tuple[Callable[[bytes], bytes], ...] = (plain, opened, frames, call)


def shaped(data: bytes) -> bytes:
    """What the data's first byte makes of the rest."""
    return SHAPES[data[0] % len(SHAPES)](data[1:]) if data else b""
