"""Assembles ``segmentry`` from the files of this folder and turns errors into messages and exit
codes.

A file gives either ``app`` (a typer.Typer: a noun with verbs) or ``command`` (a function: a verb of
its own); its command name is the file's name. Files that begin with an underscore are helpers.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer

from cli._commands import Root
from segmentry import faults
from segmentry.errors import SegmentryError, UsageError
from segmentry.permissions import keep_private
from segmentry.settings import Settings, switch_off_telemetry


def build() -> typer.Typer:
    """The whole command tree."""
    root = typer.Typer(
        name="segmentry",
        cls=Root,
        help=(
            "Warehouse-native customer segmentation: identity, profiles, segments, models,"
            " activation."
        ),
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    root.callback()(_root)
    return root


def _print_version(is_asked: bool) -> None:
    if is_asked:
        print(f"segmentry {metadata.version('segmentry')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


# Faults of a path that a person named or of the disk it is on, not of the program.
_ABOUT_A_PLACE = {
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENOSPC,
    errno.ENAMETOOLONG,
}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong use, 3 stopped by a gate or
    guardrail.
    """
    switch_off_telemetry()
    keep_private()
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        typer.main.get_command(build())(arguments, prog_name="segmentry")
    except SegmentryError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except SystemExit as stop:  # how the framework ends: 0 done, 1 aborted, 2 wrong use
        return stop.code if isinstance(stop.code, int) else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (
        Exception
    ) as error:  # of a fault of the code, too, values of records stay out of the terminal
        reported = _reported(error)
        print(reported, file=sys.stderr)
        return reported.exit_code
    return 0


def _reported(error: Exception) -> SegmentryError:
    if full := faults.disk_full(error):
        return full
    if isinstance(error, OSError) and error.filename is not None and error.errno in _ABOUT_A_PLACE:
        return _unusable(error)
    return _unexpected(error)


def _unexpected(error: Exception) -> SegmentryError:
    place = Settings.from_environment().home / "logs" / "command.traceback.txt"
    with contextlib.suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(faults.frames(error), encoding="utf-8")
    return SegmentryError(
        f"the command ended with an unexpected {type(error).__name__}",
        remedy=f"read {place}, and report it with the version of Segmentry",
    )


def _unusable(error: OSError) -> UsageError:
    return UsageError(
        f"{error.filename} cannot be used: {(error.strerror or 'refused').lower()}",
        allowed="a place that the user who runs this may read and write, on a disk with room",
        remedy="name another place, or correct its permissions",
    )
