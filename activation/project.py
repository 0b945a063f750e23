"""The dbt project that audiences are built in: the repository's own, or a copy that fits another configuration."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from activation import generate
from segmentry.generated import GeneratedFile
from segmentry.settings import Settings


def fitting(settings: Settings) -> tuple[Settings, bool]:
    """Settings whose dbt project holds the configuration's audience models, and whether that is a copy.

    The repository's project is used as it is when its generated models are current. Otherwise it is copied to
    ``home/dbt_project`` and the models are generated there, so that a run never writes into the repository.
    """
    if all(file.is_current() for file in generate.files(settings)):
        return settings, False
    copy = settings.home / "dbt_project"
    _mirror(settings.dbt_project, copy)
    fitted = replace(settings, dbt_project=copy)
    for file in generate.files(fitted):
        if not file.is_current():
            file.write()
    return fitted, True


def _mirror(source: Path, target: Path) -> None:
    wanted = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    for path in sorted(target.rglob("*")) if target.exists() else []:
        if path.is_file() and path.relative_to(target) not in wanted:
            path.unlink()
    for name in sorted(wanted):
        held = GeneratedFile(target / name, (source / name).read_text(encoding="utf-8"))
        if not held.is_current():
            held.write()


def remove_copy(settings: Settings) -> None:
    """Drop the copy, as when the configuration fits the repository again."""
    shutil.rmtree(settings.home / "dbt_project", ignore_errors=True)
