"""Serves the console by itself, behind the password of the pages: ``python -m console.server --port
N``.
"""

from __future__ import annotations

import argparse
import threading
from contextlib import suppress

from console import access
from console.app import application
from console.app import pages as listed_pages
from console.asked import Asked
from runtime import pages
from runtime.processes import LOOPBACK
from segmentry.permissions import keep_private
from segmentry.settings import Settings


def serve(settings: Settings, host: str, port: int, names: str = "") -> None:
    """Serve until SIGTERM or SIGINT. names: other values of the Host header, between commas."""
    import uvicorn

    app = application(settings, access.by_password(settings), pages.names(port, names))
    # The first pages would take two seconds longer.
    threading.Thread(target=_warm_up, args=(settings,), daemon=True).start()
    # No access log: addresses have profile ids.
    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=20,
    )


def _warm_up(settings: Settings) -> None:
    """Load what the first page of each kind would wait for."""
    from console import plots

    visitor = access.ConsoleVisitor("warm-up", access.Role.viewer)
    plots.lines("warm-up", {"none": [0.0, 1.0]}, ["a", "b"])
    for page in listed_pages():
        asked = Asked(settings, visitor, {}, {}, {})
        with suppress(Exception), asked.closing:
            page.routes[0].function(asked)


def main(arguments: list[str] | None = None) -> None:
    """Serve the home of the environment."""
    parser = argparse.ArgumentParser(prog="python -m console.server")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument(
        "--names", default="", help="other values of the Host header, between commas"
    )
    words = parser.parse_args(arguments)
    keep_private()
    serve(Settings.from_environment(), words.host, words.port, words.names)


if __name__ == "__main__":
    main()
