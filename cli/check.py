"""``segmentry check``: what a change must satisfy before it lands."""

from __future__ import annotations

from typing import Annotated

import typer

from segmentry import class_check, classes, generated
from segmentry.classes import ColumnClass
from segmentry.errors import SegmentryError
from segmentry.settings import Settings
from segments import installed

app = typer.Typer(
    no_args_is_help=True,
    help="Check generated files, segment predicates, classes of columns and features.",
)


@app.command("generated")
def check_generated(
    write: Annotated[
        bool, typer.Option("--write", help="write what is stale instead of failing")
    ] = False,
) -> None:
    """Check that every generated file is current.

    Example: segmentry check generated --write
    """
    stale = [
        file for file in generated.all_files(Settings.from_environment()) if not file.is_current()
    ]
    if write:
        for file in stale:
            file.write()
            print(f"written: {file.shown}")
    elif stale:
        raise SegmentryError(
            "stale generated file(s): " + ", ".join(file.shown for file in stale),
            allowed="files equal to what their generators give",
            remedy="run `make generate` and commit the result",
        )
    print(f"{'now ' if write else ''}all generated files are current")


@app.command("segments")
def check_segments() -> None:
    """Check every segment: a predicate that the guard accepts (or free SQL), meta, a description, a
    unit test.

    Example: segmentry check segments
    """
    found = installed.load_all(Settings.from_environment()).values()
    predicates = [segment for segment in found if segment.predicate is not None]
    print(f"{len(predicates)} segments are predicates over known columns")
    if free := [segment.name for segment in found if segment.predicate is None]:
        print(f"{len(free)} of free SQL, whose text is not checked: {', '.join(free)}")


@app.command("classes")
def check_classes() -> None:
    """Check that every column of the models, and of the home's lake, has a class of dbt_project/
    classes. A column without one is masked as a direct identifier.

    Example: segmentry check classes
    """
    settings = Settings.from_environment()
    columns = {*class_check.documented(settings.dbt_project), *class_check.in_lake(settings)}
    if missing := class_check.without_class(classes.load(settings), columns):
        raise SegmentryError(
            f"{len(missing)} column(s) without a class: {', '.join(map(str, missing[:20]))}",
            allowed=f"each column in one list of its schema's file: {', '.join(ColumnClass)}",
            remedy="add the column, or relation.column, to dbt_project/classes/<schema>.yml",
        )
    print(f"all {len(columns):,} columns have a class")


@app.command("leakage")
def check_leakage() -> None:
    """Compute the features of past dates again from what was known then, and name those that knew
    more.

    It reads the lake at the snapshot that models learn from. Exit status 3: a feature looked ahead.

    Example: segmentry check leakage
    """
    from ml.evaluate import leakage

    found = leakage.recomputed(Settings.from_environment())
    print(f"{found.columns} columns are as they were known, in {found.rows:,} row(s) of the past")
    for table, reason in sorted(found.unproven.items()):
        print(f"warning: features.{table} is not proven: {reason}")
