"""Serves the page that follows a run on loopback: read-only, behind a random token.

A page elsewhere on the web could point the reader's browser at a server on the reader's own
machine. So the path holds a token, the `Host` header must name loopback itself (a foreign name
that resolves to loopback is refused), and requests from other sites are refused.
"""

from __future__ import annotations

import hashlib
import math
import secrets
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from time import monotonic
from typing import Any

LOOPBACK = "127.0.0.1"
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class LiveServer(ThreadingHTTPServer):
    """Serves `page` at ``/TOKEN/`` and `data` (JSON) at ``/TOKEN/data``, and nothing else.

    Args:
        page, data: make what is served; either may raise. Readers that ask within `FRESH` seconds
            share what was made for the first of them.
        port: 0 takes a free one.
    """

    daemon_threads = True
    request_queue_size = 256  # connections that wait to be taken; the default of 5 refuses readers

    def __init__(self, page: Callable[[], str], data: Callable[[], str], port: int = 0) -> None:
        super().__init__((LOOPBACK, port), LiveHandler)
        self.token = secrets.token_urlsafe(16)
        self.page, self.data = _Shared(page), _Shared(data)
        self.hosts = {f"{name}:{self.server_port}" for name in (LOOPBACK, "localhost")}

    @property
    def url(self) -> str:
        """The address of the page, with the token."""
        return f"http://{LOOPBACK}:{self.server_port}/{self.token}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore errors: a reader that goes away in the middle is none of relume's."""


FRESH = 0.5  # seconds; a page polls once a second


class _Shared:
    """Makes a text for several readers at once: one thread makes it, the others wait for it."""

    def __init__(self, make: Callable[[], str]) -> None:
        self._make = make
        self._lock = Lock()
        self._made = -math.inf
        self._text = b""

    def __call__(self) -> bytes:
        with self._lock:
            if monotonic() - self._made > FRESH:
                self._text = self._make().encode()
                self._made = monotonic()
            return self._text


class LiveHandler(BaseHTTPRequestHandler):
    """Answers one GET or HEAD request; the base class refuses every other method."""

    server: LiveServer  # pyright: ignore[reportIncompatibleVariableOverride]
    server_version = "relume"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        """Send the page, or its data if they changed since the reader's `If-None-Match`."""
        refusal = self._refusal()
        if refusal:
            self._send(403, refusal.encode(), "text/plain; charset=utf-8")
            return
        _, token, *rest = self.path.split("?", 1)[0].split("/")
        if not secrets.compare_digest(token.encode(), self.server.token.encode()):
            self._send(404, b"not found", "text/plain; charset=utf-8")
        elif rest == [""]:
            body = self._made_by(self.server.page)
            if body is not None:
                self._send(200, body, "text/html; charset=utf-8")
        elif rest == ["data"]:
            self._data()
        else:
            self._send(404, b"not found", "text/plain; charset=utf-8")

    do_HEAD = do_GET  # noqa: N815 - the base class wants this name

    def _refusal(self) -> str:
        if self.headers.get("Host", "") not in self.server.hosts:
            return "this page is for this machine only"
        origin = self.headers.get("Origin")
        if origin is not None and origin.removeprefix("http://") not in self.server.hosts:
            return "this page is for no other site"
        if self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            return "this page is for no other site"
        return ""

    def _made_by(self, make: Callable[[], bytes]) -> bytes | None:
        """Return what is made, or send why it cannot be: the run file may be gone or locked."""
        try:
            return make()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            self._send(503, reason.encode("utf-8", "replace"), "text/plain; charset=utf-8")
            return None

    def _data(self) -> None:
        body = self._made_by(self.server.data)
        if body is None:
            return
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        if self.headers.get("If-None-Match") == tag:
            self._send(304, b"", "application/json", {"ETag": tag})
        else:
            self._send(200, body, "application/json", {"ETag": tag})

    def _send(
        self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in {**HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD" and status != 304:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: every line would show the token."""
