"""Files that follow from others: of the repository, kept current by a check, and of a run, made
when it needs them.

dbt reads the project from a copy in the home: what people write as it is, and what follows from the
configuration and the segments in folders called generated/. A run never writes into the repository,
and there is no generated copy to forget.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from segmentry.errors import SegmentryError
from segmentry.settings import Settings
from segmentry.stages import resolve

# Each entry is called with the settings and returns the files of the repository that it makes.
GENERATORS: tuple[str, ...] = (
    "segments.manifest:generated_files",
    "activation.reference:generated_files",
    "cli._reference:generated_files",
    "cli._editors:generated_files",
    "sources.judgement:generated_files",
    "sources.reference:generated_files",
    "segmentry.identifier_words:generated_files",
    "runtime.metrics.reference:generated_files",
)
# Each entry is called with the settings and returns files of the dbt project that exist in the
# home's copy alone. One that raises is left to the stage that needs its files, which calls the same
# function and reports the fault.
RUN_TIME: tuple[str, ...] = (
    "segmentry.registry:run_time_files",
    "segments.manifest:run_time_files",
    "activation.generate:files",
)
# The folder of a layer's models or macros that contains what a run makes, and nothing else.
FOLDER = "generated"
_READ = {".sql", ".yml", ".yaml", ".py", ".csv", ".md"}
_LEFT_OUT = {"__pycache__", "target", "logs", "dbt_packages"}
# The input that each copy was last written from, by this process: most calls of a run have nothing
# to do.
_written: dict[Path, str] = {}


@dataclass(frozen=True)
class GeneratedFile:
    """A file and the text it must contain; text None means that the file must not exist."""

    path: Path
    text: str | None

    @property
    def shown(self) -> str:
        """The path as a person in the repository would write it."""
        return os.path.relpath(self.path)

    def is_current(self) -> bool:
        """Whether the file on disk contains exactly the text."""
        existing = self.path.read_text(encoding="utf-8") if self.path.exists() else None
        return existing == self.text

    def write(self) -> None:
        """Bring the file on disk to the text, in one step."""
        if self.text is None:
            self.path.unlink(missing_ok=True)
            return
        _replace(self.path, self.text.encode("utf-8"))


def all_files(settings: Settings) -> list[GeneratedFile]:
    """Every generated file of the repository, from every generator."""
    return [file for entry in GENERATORS for file in _made_by(entry, settings)]


def project_folder(settings: Settings) -> Path:
    """The home's copy of the dbt project."""
    return settings.home / "dbt" / "project"


def write_all(settings: Settings) -> Settings:
    """Bring the home's copy of the dbt project up to date; returns the settings that point at it.

    Writes a file only where its bytes differ, so that dbt parses again what changed and nothing
    else. Two processes take turns.
    """
    target = project_folder(settings)
    if settings.dbt_project == target:
        return settings
    source = dict(_files_of(settings.dbt_project))
    given = _digest(source, dict(_files_of(settings.config)))
    with _one_at_a_time(target):
        if _written.get(target) != given or not target.exists():
            _bring_up_to_date(target, {**source, **_run_time_texts(settings)})
            _written[target] = given
    return replace(settings, dbt_project=target)


def project_digest(settings: Settings) -> str:
    """One value for all text of the dbt project, with what is made at run time, and of the
    configuration.
    """
    written = write_all(settings)
    return _digest(dict(_files_of(written.dbt_project)), dict(_files_of(settings.config)))


def _run_time_texts(settings: Settings) -> dict[str, bytes | None]:
    """Path in the project to text, of what is made at run time; None for a file that must not be in
    the copy.
    """
    found: dict[str, bytes | None] = {}
    for entry in RUN_TIME:
        try:
            files = _made_by(entry, settings)
        except SegmentryError:
            continue
        for file in files:
            name = file.path.relative_to(settings.dbt_project)
            part = settings.dbt_project.joinpath(*name.parts[:2])
            if not part.is_dir():  # a project that has no such part has no use for its files
                continue
            found[str(name)] = None if file.text is None else file.text.encode("utf-8")
    return found


def _made_by(entry: str, settings: Settings) -> list[GeneratedFile]:
    return cast("Callable[[Settings], list[GeneratedFile]]", resolve(entry))(settings)


def _files_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        is_text = path.suffix in _READ and not path.name.startswith(".")
        if is_text and _LEFT_OUT.isdisjoint(name.parts) and path.is_file():
            yield str(name), path.read_bytes()


def _digest(*folders: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for files in folders:
        for name, text in sorted(files.items()):
            digest.update(f"{name}\n{len(text)}\n".encode("utf-8", "surrogateescape") + text)
    return digest.hexdigest()


def _bring_up_to_date(target: Path, wanted: Mapping[str, bytes | None]) -> None:
    existing = dict(_files_of(target)) if target.exists() else {}
    for name, text in wanted.items():
        if text is not None and existing.get(name) != text:
            _replace(target / name, text)
    for name in existing:
        if wanted.get(name) is None:
            (target / name).unlink(missing_ok=True)


def _replace(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(text)
    partial.replace(path)


@contextmanager
def _one_at_a_time(target: Path) -> Iterator[None]:
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name("project.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
