"""Models that a change affects: what declares them, what they learn from, and who reads them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from ml.registry import catalogue
from ml.spec import PersonaSpec, Spec
from runtime.ci.versions import Versions
from segmentry import registry
from segmentry.sync_config import SyncConfig
from segments import manifest
from segments.installed import Segment
from segments.predicates import columns_of

_FEATURES = re.compile(r"(?:^|/)models/features/features__(\w+)\.(?:sql|yml)$")
# A change of one of these may change what every model learns.
_ALL = re.compile(r"(?:^|/)ml/(?!models/)[\w/]+\.py$")


@dataclass(frozen=True)
class ModelChange:
    """One model that would learn something else, why, and the segments and syncs that read it."""

    model: str
    why: str
    segments: tuple[str, ...]
    syncs: tuple[str, ...]


def changes(
    versions: Versions, segments: Mapping[str, Segment], syncs: Mapping[str, SyncConfig]
) -> list[ModelChange]:
    """The affected models, by name; segments and syncs are those of the working tree."""
    specs = catalogue.specs()
    reasons: dict[str, list[str]] = {}
    for path in versions.changed:
        for name, why in _affected(versions, path, specs):
            reasons.setdefault(name, []).append(why)
    return [
        ModelChange(name, "; ".join(dict.fromkeys(why)), *_readers(name, specs, segments, syncs))
        for name, why in sorted(reasons.items())
    ]


def _affected(
    versions: Versions, path: str, specs: Mapping[str, Spec]
) -> Iterator[tuple[str, str]]:
    file = PurePosixPath(path)
    if file.parent.parts[-2:] == ("ml", "models") and not file.name.startswith("_"):
        yield file.stem, f"{path} is {'changed' if file.stem in specs else 'removed'}"
    elif _ALL.search(path):
        yield from ((name, "the code that trains models changes") for name in specs)
    elif match := _FEATURES.search(path):
        subject = match[1]
        for name in _learning_from(versions, subject, specs):
            yield name, f"features of '{subject}' change"


def _learning_from(versions: Versions, subject: str, specs: Mapping[str, Spec]) -> list[str]:
    settings = (
        versions.head if subject in registry.feature_subjects(versions.head) else versions.base
    )
    columns = manifest.columns(settings, subject)
    return [
        name for name, spec in specs.items() if any(_learns(spec, column) for column in columns)
    ]


def _learns(spec: Spec, column: str) -> bool:
    included = spec.include if isinstance(spec, PersonaSpec) else ("*",)
    return _is_among(column, included) and not _is_among(column, spec.exclude)


def _is_among(column: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(column, pattern) for pattern in patterns)


def _readers(
    name: str,
    specs: Mapping[str, Spec],
    segments: Mapping[str, Segment],
    syncs: Mapping[str, SyncConfig],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    columns = {f"{name}_score", name}
    if isinstance(specs.get(name), PersonaSpec):
        columns |= {"persona", "cluster_id", "persona_confidence"}
    reading = tuple(sorted(one.name for one in segments.values() if columns & set(_columns(one))))
    sending = tuple(
        sorted(
            sync.name
            for sync in syncs.values()
            if set(reading) & set(sync.segments or ())
            or any(columns & set(column.needs) for column in sync.columns)
        )
    )
    return reading, sending


def _columns(segment: Segment) -> list[str]:
    rules = [rule for rule in (segment.predicate, segment.stay) if rule is not None]
    return [name for rule in rules for name in columns_of(rule)]
