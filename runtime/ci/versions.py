"""Two versions of the definitions: those of a git commit, and those of the working tree."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from segmentry.errors import UsageError
from segmentry.settings import Settings


@dataclass(frozen=True)
class Versions:
    """base, head: settings that point at each version's files and at the same lake; each has a
    temporary home for what dbt compiles. changed: files that differ, relative to the repository.
    commit: of the base.
    """

    base: Settings
    head: Settings
    changed: tuple[str, ...]
    commit: str


@contextmanager
def compared(settings: Settings, ref: str) -> Iterator[Versions]:
    """The files of ``ref`` in a temporary folder, next to the working tree.

    UsageError where the definitions are in no git repository, or ``ref`` is no commit of it or
    lacks them.
    """
    top = _repository(settings.dbt_project)
    config, project = (_within(top, path) for path in (settings.config, settings.dbt_project))
    commit = _commit(top, ref)
    with tempfile.TemporaryDirectory(prefix="segmentry-ci-") as name:
        folder = Path(name)
        _extract(top, commit, ref, [config, project], folder / "files")
        yield Versions(
            base=replace(
                _homed(settings, folder / "base"),
                config=folder / "files" / config,
                dbt_project=folder / "files" / project,
            ),
            head=_homed(settings, folder / "head"),
            changed=_changed(top, commit),
            commit=commit,
        )


def _homed(settings: Settings, home: Path) -> Settings:
    """The settings with a home that has nothing but the extensions; the lake stays the same."""
    home.mkdir(parents=True)
    (home / "duckdb_extensions").symlink_to(settings.extensions)
    return replace(settings, home=home)


def _repository(folder: Path) -> Path:
    done = _git(folder if folder.is_dir() else folder.parent, "rev-parse", "--show-toplevel")
    if done.returncode != 0:
        raise UsageError(
            f"{folder} is in no git repository",
            allowed="definitions that are kept in git",
            remedy="run the command in a clone, with the whole history of the base",
        )
    return Path(done.stdout.decode().strip()).resolve()


def _within(top: Path, path: Path) -> str:
    if not path.is_relative_to(top):
        raise UsageError(
            f"{path} is outside of the repository {top}",
            allowed="the configuration and the dbt project in one repository",
            remedy="set SEGMENTRY_CONFIG and SEGMENTRY_DBT_PROJECT to folders of one clone",
        )
    return str(path.relative_to(top))


def _commit(top: Path, ref: str) -> str:
    words = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    done = _git(top, *words)
    if done.returncode != 0:
        raise UsageError(
            f"--base is '{ref}', which is no commit of this repository",
            allowed="a branch, a tag or a commit that is fetched",
            remedy=f"run `git fetch origin {ref}`, or check out with the whole history",
        )
    return done.stdout.decode().strip()


def _extract(top: Path, commit: str, ref: str, paths: list[str], target: Path) -> None:
    done = _git(top, "archive", "--format=tar", commit, "--", *paths)
    if done.returncode != 0:
        raise UsageError(
            f"'{ref}' does not have {' and '.join(paths)}",
            allowed="a commit with the configuration and the dbt project in the same folders",
            remedy="choose a later commit with --base",
        )
    target.mkdir()
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(target, filter="data")


def _changed(top: Path, commit: str) -> tuple[str, ...]:
    tracked = _git(top, "diff", "--name-only", "--no-renames", "-z", commit).stdout
    new = _git(top, "ls-files", "--others", "--exclude-standard", "-z").stdout
    names = (tracked + new).decode("utf-8", "surrogateescape").split("\0")
    return tuple(sorted({name for name in names if name}))


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, check=False, timeout=120
        )
    except FileNotFoundError:
        raise UsageError(
            "git is not installed", allowed="git on the PATH", remedy="install it"
        ) from None
