"""A small S3 on loopback: put, get, list and delete of objects, with its signatures asked for and
not checked.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.activation import loopback

BUCKET = "exports"
_EMPTY = '<?xml version="1.0"?><Error><Code>{}</Code><Message>no</Message></Error>'


class Objects:
    """The objects of the bucket. is_open: whether credentials are accepted."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.is_open = True
        self.puts: list[str] = []

    def answer(self, method: str, address: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        parts = urlsplit(address)
        key = unquote(parts.path).removeprefix(f"/{BUCKET}").lstrip("/")
        if not self.is_open or "Credential=" not in headers.get("authorization", ""):
            return 403, _EMPTY.format("AccessDenied").encode()
        if method == "PUT":
            self.content[key] = body
            self.puts.append(key)
            return 200, b""
        if method == "DELETE":
            self.content.pop(key, None)
            return 204, b""
        if method == "POST":  # many at once
            return 200, b'<?xml version="1.0"?><DeleteResult></DeleteResult>'
        if not key:
            return 200, self._listed(parse_qs(parts.query).get("prefix", [""])[0])
        if key not in self.content:
            return 404, _EMPTY.format("NoSuchKey").encode()
        return 200, self.content[key]

    def _listed(self, prefix: str) -> bytes:
        found = "".join(
            f"<Contents><Key>{escape(key)}</Key><Size>{len(data)}</Size><ETag>x</ETag>"
            "<LastModified>2026-06-01T00:00:00Z</LastModified></Contents>"
            for key, data in sorted(self.content.items())
            if key.startswith(prefix)
        )
        head = (
            f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix>"
            "<IsTruncated>false</IsTruncated>"
        )
        return f'<?xml version="1.0"?><ListBucketResult>{head}{found}</ListBucketResult>'.encode()


@contextmanager
def serving(objects: Objects) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, content = objects.answer(self.command, self.path, self.headers, body)
            self.send_response(status)
            headers = {
                "Content-Length": str(len(content)),
                "ETag": '"x"',
                "Last-Modified": formatdate(usegmt=True),
            }
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None: ...

    with loopback.serving(Handler) as address:
        yield address
