"""Serves the edge's pages: a playground at `/`, conversations at `/conversations`, the status for people at `/status`.

Everything that they need is here, and their policy allows nothing else: no inline script or style, no other host. They
have nothing in them that is secret, so they are open where the edge asks for keys; what they ask for is not.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

FOLDER = Path(__file__).resolve().parent.parent / "page"
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGES = {"/": "index.html", "/conversations": "conversations.html", "/status": "status.html"}
PARTS = (
    "agent-form.js",
    "api.js",
    "asking.js",
    "beat.js",
    "conversations.css",
    "conversations.js",
    "dialects.js",
    "dom.js",
    "drawing.js",
    "figures.js",
    "icon.svg",
    "made.js",
    "messages.js",
    "page.css",
    "playground.js",
    "reply.js",
    "run.js",
    "sessions.js",
    "stages.css",
    "stages.js",
    "status.js",
    "stream-chat.js",  # the client library of clients/js: there is one copy
    "talk.js",
    "wire.js",
)
OPEN_PATHS = frozenset(PAGES) | {f"/page/{name}" for name in PARTS}

POLICY = "; ".join(  # Content Security Policy, level 3
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # a figure that came in an answer: only a script of this page can make such an address
        "connect-src 'self'",  # WebSockets of this host, too
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = {
    "cache-control": "no-cache",  # kept, and asked about each time: a new version shows at once
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file, read once."""

    body: bytes
    media_type: str
    etag: str

    @classmethod
    def read(cls, path: Path) -> "PageFile":
        """The file at `path`."""
        body = path.read_bytes()
        return cls(body, MEDIA_TYPES[path.suffix], f'"{sha256(body).hexdigest()[:32]}"')

    def answer(self, request: Request) -> Response:
        """The file, or that it is what the client has already: RFC 9110, section 13.1.2."""
        headers = HEADERS | {"etag": self.etag}
        known = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if self.etag in known or known == ["*"]:
            return Response(status_code=304, headers=headers)
        return Response(self.body, headers=headers, media_type=self.media_type)


def add_page_routes(app: FastAPI) -> None:
    """Have the app serve the pages, for GET and HEAD."""
    for path, name in [*PAGES.items(), *((f"/page/{name}", name) for name in PARTS)]:
        _add(app, path, PageFile.read(FOLDER / name))


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted


def _add(app: FastAPI, path: str, file: PageFile) -> None:
    async def page(request: Request) -> Response:
        if path == "/status" and _wants_json(request):
            return RedirectResponse("/status.json", 303, {"vary": "accept"})
        return file.answer(request)

    app.router.routes.append(Route(path, page, methods=["GET"], include_in_schema=False))
