"""``segmentry api``: serve the profile API, make tokens, and feed the real-time store."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated, Any

import typer

from api import rules, server
from cli._output import Output, OutputOption, show
from live.store import feed as feeding
from live.store import opened
from runtime.console import errors
from segmentry.errors import UsageError
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    help="Answer who a profile is, over HTTP: traits, segments, scores, consent.",
)
token = typer.Typer(no_args_is_help=True, help="Tokens of those who may ask.")
app.add_typer(token, name="token")


RoleOption = Annotated[
    str | None,
    typer.Option(help="marketer, analyst, engineer or auditor: what it may not read is masked"),
]


@app.command("serve")
def serve(
    host: Annotated[str, typer.Option(help="address to serve on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to serve on", min=1, max=65535)] = 8084,
) -> None:
    """Serve the profile API from the real-time store.

    Tokens and limits are in config/api.yml; the OpenAPI document is at /openapi.json. SIGTERM ends
    it after the requests that run.

    Example: segmentry api serve --port 8084
    """
    settings = Settings.from_environment()
    if not rules.load(settings).callers:
        errors.print("config/api.yml has no token yet: `segmentry api token new NAME` makes one")
    server.serve(settings, host, port)


@app.command("feed")
def feed(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="write every profile again")] = False,
    output: OutputOption = Output.table,
) -> None:
    """Bring the real-time store to the newest snapshot of the lake; every run does this itself.

    Example: segmentry api feed --rebuild
    """
    settings = Settings.from_environment()
    with closing(opened.open_store(settings)) as store:
        report = feeding.feed(settings, store, is_rebuilt=rebuild)
        rows = {name.replace(" ", "_"): count for name, count in report.rows.items()}
        show([{"status": report.status, **rows, "note": "; ".join(report.notes)}], output)


@app.command("status")
def status(output: OutputOption = Output.table) -> None:
    """How much the real-time store contains, and from which snapshot of the lake.

    Example: segmentry api status --output json
    """
    with closing(opened.open_store(Settings.from_environment())) as store:
        state = store.state()
        stats = store.stats()._asdict()
        show([{"snapshot": state.snapshot, **stats, "generation": state.generation}], output)


@token.command("new")
def new(
    name: Annotated[str, typer.Argument(help="what the caller is called, such as shop-page")],
    purpose: Annotated[
        list[str] | None,
        typer.Option("--purpose", "-p", help="what the answers are used for, or purpose/channel"),
    ] = None,
    trait: Annotated[
        list[str] | None,
        typer.Option("--trait", "-t", help="a trait or score that the caller gets, or a pattern"),
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option("--origin", help="a page that may use it in a browser")
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", help="a type of identifiers to ask by; none for all"),
    ] = None,
    changes: Annotated[
        bool, typer.Option("--changes", help="may follow entries and exits")
    ] = False,
    role: RoleOption = None,
    per_second: Annotated[float, typer.Option(min=0.1, help="requests, on average")] = 100.0,
    output: OutputOption = Output.table,
) -> None:
    """Make a token. It is printed here once; config/api.yml gets its hash.

    Example: segmentry api token new shop-page --purpose personalization --type cookie
    --origin https://shop.example
    """
    if not purpose:
        raise _without_purpose()
    entry = {
        "name": name,
        "traits": trait or [],
        "purposes": purpose,
        **({"role": role} if role else {}),
        **({"types": type_} if type_ else {}),
        **({"origins": origin} if origin else {}),
        "changes": changes,
        "per_second": per_second,
    }
    _print_token(entry, output)


def _without_purpose() -> UsageError:
    return UsageError(
        "no purpose was given",
        allowed="marketing, advertising, personalization or analytics, or purpose/channel",
        remedy="add --purpose once for each use of the answers",
    )


def _print_token(rights: dict[str, Any], output: Output) -> None:
    made = rules.new_token()
    entry = {"name": rights["name"], "hash": rules.hashed(made), **rights}
    rules.check(Settings.from_environment(), entry)
    line = rules.line(entry)
    if output is Output.json:
        show([{"token": made, "entry": line}], output)
        return
    print(f"token, printed only now: {made}")
    print("add to tokens in config/api.yml, and start `segmentry api serve` again:")
    print(f"  - {line}")
