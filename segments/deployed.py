"""Segments as the lake evaluates them, and how the files differ: a size belongs to the rule it was
counted by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from segmentry import warehouse
from segmentry.errors import NotReadyError
from segmentry.settings import Settings
from segments import installed
from segments.guard import parse
from segments.installed import Segment

RULES = "segments.segment_rules"
RUN = "run `segmentry run --select segments+`"
CURRENT = "deployed"
CHANGED = f"the file has changed since: {RUN}"
NEW = f"not deployed yet: {RUN}"
REMOVED = f"removed or disabled since: {RUN}"
REFUSED = "its file is refused: run `segmentry check segments`"
# Keys of the yml that the evaluation follows, next to the rule itself.
_META = ("owner", "purpose", "priority", "exclusive_group", "action", "min_size", "merge_into")
_SPANS = ("enter_after", "exit_after", "min_stay")


@dataclass(frozen=True)
class DeployedSegment:
    """One segment as last evaluated (None: never), its file (None: missing, disabled or refused),
    and its state.
    """

    name: str
    segment: Segment | None
    version: str | None
    file: Segment | None
    state: str

    @property
    def known(self) -> Segment:
        """The deployed definition; that of the file where nothing is deployed."""
        found = self.segment or self.file
        assert found is not None
        return found


def load_all(
    settings: Settings, lake: duckdb.DuckDBPyConnection, only: str | None = None
) -> dict[str, DeployedSegment]:
    """Every segment of the lake and of the project, by name. only: at most the one of this name."""
    files, refused = installed.readable(settings, only)
    rules = {row["segment"]: row for row in _rules(lake) if only in {None, row["segment"]}}
    words = _vocabulary(lake) if rules else {}
    names = sorted({*files, *rules})
    broken = {path.stem for path in refused if path.stem in installed.names(settings)}
    return {
        name: _compared(name, rules.get(name), files.get(name), name in broken, words)
        for name in names
    }


def named(settings: Settings, lake: duckdb.DuckDBPyConnection, name: str) -> DeployedSegment:
    """The segment of that name, or UsageError naming those that exist."""
    found = load_all(settings, lake, only=name)
    return found[name] if name in found else _of_file(installed.named(settings, name))


def evaluated(
    settings: Settings, lake: duckdb.DuckDBPyConnection, name: str
) -> tuple[Segment, str]:
    """The deployed definition of a segment and its state, or NotReadyError where it was never
    evaluated.
    """
    found = named(settings, lake, name)
    if found.segment is None:
        raise NotReadyError(
            f"the segment '{name}' is not deployed yet",
            allowed="a segment that a run has evaluated",
            remedy=f"{RUN}, or look at it with `segmentry segments preview`",
        )
    return found.segment, found.state


def _of_file(segment: Segment) -> DeployedSegment:
    return DeployedSegment(segment.name, None, None, segment, NEW)


def _rules(lake: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    if not warehouse.relation_exists(lake, RULES):
        return []
    return warehouse.records(lake, f"select * from lake.{RULES}")


def _vocabulary(lake: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Columns of the profiles that the rules were evaluated on: the current contract may lack a
    feature.
    """
    return {row[0]: row[1] for row in lake.execute("describe lake.profiles.profiles").fetchall()}


def _compared(
    name: str,
    rule: Mapping[str, Any] | None,
    file: Segment | None,
    is_refused: bool,
    words: Mapping[str, str],
) -> DeployedSegment:
    if rule is None:
        assert file is not None
        return _of_file(file)
    segment = _segment(rule, file, words)
    if file is None:
        return DeployedSegment(
            name, segment, rule["definition_version"], None, REFUSED if is_refused else REMOVED
        )
    is_same = rule["definition_version"] == file.definition_version and all(
        _meta_of(file.meta)[key] == _meta_of(segment.meta)[key] for key in _META
    )
    return DeployedSegment(
        name, segment, rule["definition_version"], file, CURRENT if is_same else CHANGED
    )


def _meta_of(meta: Mapping[str, Any]) -> dict[str, Any]:
    return {key: meta.get(key, 0 if key == "min_size" else None) for key in _META}


def _segment(rule: Mapping[str, Any], file: Segment | None, words: Mapping[str, str]) -> Segment:
    spans = {key: f"{int(rule[key] / timedelta(hours=1))} hours" for key in _SPANS if rule[key]}
    stay = rule["stay_while"]
    meta = {**_meta_of(rule), **spans, **({"stay_while": stay} if stay else {})}
    predicate = rule["predicate"]
    return Segment(
        name=rule["segment"],
        path=file.path if file else Path(f"{rule['segment']}.sql"),
        description=file.description if file else "",
        meta={key: value for key, value in meta.items() if value is not None},
        predicate=parse(predicate, words) if predicate else None,
        stay=parse(stay, words) if stay else None,
        sql=predicate or "",
    )
