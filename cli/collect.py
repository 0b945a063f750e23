"""``segmentry collect``: takes events of web pages, apps and servers over HTTP."""

from __future__ import annotations

from typing import Annotated

import typer

from collector import server
from segmentry.settings import Settings


def command(
    host: Annotated[str, typer.Option(help="address to serve on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to serve on", min=1, max=65535)] = 8083,
) -> None:
    """Serve the Segment tracking API; events go to the inbox of the source events.

    Write keys, the pages that may use them and limits are in config/collector.yml. A request is
    acknowledged when its events are on the disk. SIGTERM ends it after the requests that run.

    Example: segmentry collect --port 8083
    """
    server.serve(Settings.from_environment(), host, port)
