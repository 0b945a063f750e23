"""The segments of an installation: those written as files and those that follow from the
configuration, by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path

from segmentry import configuration
from segmentry.errors import ConfigError, SegmentryError, UsageError
from segmentry.settings import Settings
from segments import families
from segments.definitions import Segment, build, duration, folder, load, parsed, vocabulary

__all__ = [
    "Segment", "build", "duration", "folder", "load", "load_all", "named", "names", "parsed",
    "readable", "vocabulary",
]  # fmt: skip

# More names than this are no help in a message.
_LISTED = 60
_SUFFIXES = {".sql", ".yml", ".yaml", ".py", ".csv", ".md"}


def load_all(settings: Settings, words: Mapping[str, str] | None = None) -> dict[str, Segment]:
    """Every enabled segment, in order of name; the first that does not fit is a ConfigError naming
    its file.

    words: the vocabulary; by default that of the contract on disk.
    """
    words = words or vocabulary(settings)
    paths = _files(settings)
    taken = families.names(settings)
    for path in paths:
        _check_place(folder(settings), path, taken)
    read = [load(path, words) for path in paths if path.suffix == ".sql"]
    found = {segment.name: segment for segment in read if segment.is_enabled}
    found = dict(sorted({**found, **families.built(settings, words)}.items()))
    _check_references(found)
    return found


def readable(settings: Settings, only: str | None = None) -> tuple[dict[str, Segment], list[Path]]:
    """The enabled segments that can be read, in order of name, and the other files of the folder.

    only: at most the segment of this name, and its files.
    """
    words = vocabulary(settings)
    taken = families.names(settings)
    found: dict[str, Segment] = {}
    paths = [path for path in _files(settings) if only in {None, path.stem}]
    for path in paths:
        with suppress(SegmentryError):
            _check_place(folder(settings), path, taken)
            if path.suffix == ".sql" and (segment := load(path, words)).is_enabled:
                found[path.stem] = segment
    accepted = {path for s in found.values() for path in (s.path, s.path.with_suffix(".yml"))}
    refused = [path for path in paths if path not in accepted]
    built = families.built(settings, words, only)
    return dict(sorted({**found, **built}.items())), refused


def names(settings: Settings) -> list[str]:
    """Names of all enabled segments, whether or not their predicates are accepted."""
    by_hand = {path.stem for path in folder(settings).glob("*.sql") if not _is_disabled(path)}
    return sorted(by_hand | families.names(settings).keys())


def _is_disabled(path: Path) -> bool:
    try:
        return (
            configuration.read(path.with_suffix(".yml"))["models"][0]["config"]["enabled"] is False
        )
    except (ConfigError, LookupError, TypeError):
        return False


def _files(settings: Settings) -> list[Path]:
    """Files that people write for segments: all in their folder but the evaluation's own."""
    home = folder(settings)
    return [
        path
        for path in sorted(home.rglob("*"))
        if path.suffix in _SUFFIXES and path.relative_to(home).parts[0] != "evaluation"
    ]


def _check_place(home: Path, path: Path, taken: Mapping[str, str]) -> None:
    """Raise ConfigError for a file that dbt would read and that belongs to no segment.

    taken: names of segments that follow from the configuration, and from what.
    """
    shown = f"models/segments/{path.relative_to(home)}"
    if path.parent != home:
        raise ConfigError(
            f"{shown} is in a folder of its own",
            allowed="segments directly in models/segments",
            remedy="move the file there",
        )
    if path.suffix not in {".sql", ".yml"}:
        raise ConfigError(
            f"{shown} ends with '{path.suffix}'",
            allowed="pairs of a .sql and a .yml file with the same stem",
            remedy="rename the file, or move it out of the folder",
        )
    if origin := taken.get(path.stem):
        raise ConfigError(
            f"{shown} has the name of a segment that follows from {origin}",
            allowed="a name that no other segment has",
            remedy="rename the file, or remove that entry",
        )
    if path.suffix == ".yml" and not path.with_suffix(".sql").exists():
        raise ConfigError(
            f"{shown} has no SQL next to it",
            allowed="pairs of files",
            remedy="add the SQL or remove the yml",
        )


def named(settings: Settings, name: str) -> Segment:
    """The segment of that name, or UsageError naming those there are."""
    found = load_all(settings)
    if name not in found:
        if _is_disabled(folder(settings) / f"{name}.sql"):
            raise UsageError(
                f"the segment '{name}' is disabled",
                allowed="a segment whose yml does not have `enabled: false`",
                remedy="enable it in its yml, then run `segmentry run --select segments+`",
            )
        near = get_close_matches(name, found, n=3)
        raise UsageError(
            f"there is no segment '{name}'",
            allowed=(
                ", ".join(found)
                if len(found) <= _LISTED
                else f"the {len(found)} of `segmentry segments list`"
            ),
            remedy=(
                f"did you mean {' or '.join(near)}? Otherwise "
                if near
                else "use one of these names, or "
            )
            + "write it with `segmentry segments new`",
        )
    return found[name]


def _check_references(found: Mapping[str, Segment]) -> None:
    for segment in found.values():
        parent = segment.meta.get("merge_into")
        if parent is not None and (
            parent not in found or parent == segment.name or "min_size" not in segment.meta
        ):
            raise ConfigError(
                f"{segment.name}: merge_into is '{parent}'",
                allowed="another segment, together with min_size",
                remedy="name the segment whose members these become while they are too few",
            )
