"""``segmentry console``: pages of segments, people, syncs and quality, and who may open them."""

from __future__ import annotations

from typing import Annotated

import typer

from cli._output import Output, OutputOption, show
from cli._reading import lake_of
from console import access, server, visits
from identity import people
from segmentry.errors import UsageError
from segmentry.settings import Settings

app = typer.Typer(
    no_args_is_help=True, help="Serve the pages of the console, and grant people their roles."
)
UserName = Annotated[str, typer.Argument(help="name to sign in with")]


@app.command("serve")
def serve(
    host: Annotated[str, typer.Option(help="address to serve on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to serve on", min=1, max=65535)] = 8085,
    names: Annotated[
        str, typer.Option(help="other names of this server with their ports, between commas")
    ] = "",
) -> None:
    """Serve the console until SIGTERM. Sign in as admin with the password in the file
    secrets/pages.password of the home, or with the name and token of a grant.

    Example: segmentry console serve --port 8085
    """
    server.serve(Settings.from_environment(), host, port, names)


@app.command("grant")
def grant(
    name: UserName,
    role: Annotated[str, typer.Option(help="viewer, analyst or engineer")] = "viewer",
) -> None:
    """Print a new token for a person, once; it takes the place of a former one.

    Example: segmentry console grant ann --role analyst
    """
    if role not in access.Role.__members__:
        raise UsageError(
            f"'{role[:40]}' is not a role",
            allowed=", ".join(access.Role.__members__),
            remedy="choose one with --role",
        )
    token = access.grant(Settings.from_environment(), name, access.Role[role])
    print(f"name: {name}\nrole: {role}\ntoken: {token}")
    print("The token is the password of this name. It is not shown again.")


@app.command("revoke")
def revoke(name: UserName) -> None:
    """Make the token of a person void at once.

    Example: segmentry console revoke ann
    """
    access.revoke(Settings.from_environment(), name)
    print(f"{name} can no longer sign in")


@app.command("users")
def list_users(output: OutputOption = Output.table) -> None:
    """List who has a token, with their roles.

    Example: segmentry console users
    """
    found = access.users(Settings.from_environment())
    rows = [{"name": name, "role": role.name} for name, role in found.items()]
    show(rows, output, empty="only admin can sign in")


@app.command("views")
def list_views(
    person: Annotated[
        str, typer.Argument(help="profile_id, or type:value such as email:ann@example.com")
    ],
    output: OutputOption = Output.table,
) -> None:
    """List who looked at a person, in the console and by commands, oldest first.

    Example: segmentry console views email:ann@example.com
    """
    settings = Settings.from_environment()
    with lake_of(settings) as lake:
        profile = people.profile_named(lake, person)
    rows = [
        {key: line[key] for key in ("at", "visitor", "role", "what")}
        for line in visits.of_person(settings, profile)
    ]
    show(rows, output, empty="nobody has looked at this person")
