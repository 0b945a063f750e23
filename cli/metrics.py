"""``segmentry metrics``: the end point that Prometheus scrapes."""

from __future__ import annotations

from typing import Annotated

import typer

from runtime import pages
from segmentry import warehouse
from segmentry.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Serve and print metrics for Prometheus.")


@app.command("serve")
def serve(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="port to listen on")] = 9464,
    host: Annotated[str, typer.Option(help="address to listen on")] = "127.0.0.1",
    names: Annotated[
        str, typer.Option(help="other values of the Host header, with ports, between commas")
    ] = "",
) -> None:
    """Serve /metrics until it is stopped, behind the password of the pages.

    Example: segmentry metrics serve --port 9464
    """
    warehouse.prepare(Settings.from_environment())
    pages.serve("metrics", port, host, names)


@app.command("show")
def show() -> None:
    """Print the metrics once, as Prometheus reads them.

    Example: segmentry metrics show
    """
    from prometheus_client import generate_latest

    from runtime.metrics import collect

    settings = Settings.from_environment()
    warehouse.prepare(settings)
    print(generate_latest(collect.registry(settings)).decode(), end="")
