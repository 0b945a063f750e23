"""The record of processing activities (GDPR, article 30(1)): what is collected, why, on which legal
basis, where it goes and how long it stays, gathered from the files that define a home.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from activation import consent_policy
from activation.consent_policy import ConsentPolicy
from segmentry import class_check, classes, configuration, sync_files, warehouse
from segmentry.classes import Classes, ColumnClass
from segmentry.settings import Settings
from segmentry.sync_config import SyncColumn, SyncConfig
from segments import installed
from sources import definitions
from sources.definitions import Source

COLLECTION = "collection"
SEGMENTATION = "segmentation"
DISCLOSURE = "disclosure"
FORMER = "former disclosure"
NOT_STATED = "not stated: `records` in config/policies.yml"
_CONSENT = "consent (GDPR, article 6(1)(a))"
_INTEREST = "legitimate interests, with the right to object (GDPR, article 6(1)(f))"
# Where a word of a name such as CustomerID begins.
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_STRONGEST = tuple(ColumnClass)  # the first class names a person most


@dataclass(frozen=True)
class Periods:
    """Days. snapshots: removed rows stay in snapshots of the lake; logs: files of logs stay;
    erasure: within so many an erasure is done.
    """

    snapshots: int
    logs: int
    erasure: int


@dataclass(frozen=True)
class ProcessingActivity:
    """One activity. fields: name to class. receives: the destination of a disclosure. segments:
    those that a sync sends, or that serve a purpose.
    """

    kind: str
    name: str
    description: str
    purpose: str
    legal_basis: str
    period: str
    owner: str = ""
    receives: str = ""
    fields: Mapping[str, ColumnClass] = field(default_factory=dict)
    segments: tuple[str, ...] = ()

    def of_class(self, one: ColumnClass) -> list[str]:
        """The fields of a class, by name."""
        return sorted(name for name, found in self.fields.items() if found is one)


@dataclass(frozen=True)
class ProcessingRecord:
    """All activities of a home. controller, contact: as the policies state them; transfers: of a
    destination, where it is and what protects a transfer there.
    """

    controller: str
    contact: str
    transfers: Mapping[str, str]
    activities: tuple[ProcessingActivity, ...]

    def of_kind(self, *kinds: str) -> list[ProcessingActivity]:
        """The activities of these kinds."""
        return [one for one in self.activities if one.kind in kinds]


def gather(settings: Settings, periods: Periods) -> ProcessingRecord:
    """The record as the files state it now; ConfigError for a file that does not fit."""
    policy = consent_policy.load(settings)
    stated: Mapping[str, Any] = configuration.policies(settings).get("records") or {}
    syncs = sync_files.load(settings)
    known = classes.load(settings)
    return ProcessingRecord(
        stated.get("controller", NOT_STATED),
        stated.get("contact", NOT_STATED),
        stated.get("transfers", {}),
        (
            *_collections(settings, policy, periods),
            *_segmentations(settings, policy),
            *(_disclosure(sync, policy, known, periods) for sync in syncs.values()),
            *_former(settings, syncs, periods),
        ),
    )


def legal_basis(policy: ConsentPolicy, purpose: str) -> str:
    """The basis of a purpose, by the consent policy."""
    basis = policy.basis(purpose)
    if basis.is_opt_in:
        return _CONSENT
    countries = ", ".join(basis.opt_in_countries)
    return f"{_INTEREST}; in {countries}: {_CONSENT}" if countries else _INTEREST


def strongest(found: Iterable[ColumnClass]) -> ColumnClass:
    """The class that counts for a value made of several; none for nothing."""
    return min(found, key=_STRONGEST.index, default=ColumnClass.none)


def _collections(
    settings: Settings, policy: ConsentPolicy, periods: Periods
) -> Iterable[ProcessingActivity]:
    described = definitions.descriptions(settings)
    known = classes.load(settings)
    staged = _staged(settings)
    purposes = sorted(policy.purposes)
    bases = "; ".join(f"{purpose}: {legal_basis(policy, purpose)}" for purpose in purposes)
    for name, source in definitions.all_sources(settings).items():
        fields = _fields(source, staged, known)
        # Of a source whose fields no run has shown yet, the worst is assumed.
        is_personal = not fields or strongest(fields.values()) is not ColumnClass.none
        yield ProcessingActivity(
            COLLECTION,
            name,
            described[name],
            ", ".join(purposes) or NOT_STATED,
            (bases or NOT_STATED) if is_personal else "none is needed: no field is about a person",
            f"until the person is erased, at most {periods.erasure} days after the request; in"
            f" snapshots {periods.snapshots} days more"
            if is_personal
            else "while the home exists",
            fields=fields,
        )


def _staged(settings: Settings) -> dict[str, list[str]]:
    """Columns that staging makes of each raw table, in the home's lake."""
    columns: dict[str, list[str]] = {}
    for schema, relation, column in class_check.in_lake(settings):
        if schema == "staging" and relation.startswith("base_"):
            columns.setdefault(relation.removeprefix("base_"), []).append(column)
    # What every relation has is about the record and how it was judged.
    shared = set.intersection(*map(set, columns.values())) if len(columns) > 1 else {"record_id"}
    return {
        table: [name for name in names if name not in shared] for table, names in columns.items()
    }


def _fields(
    source: Source, staged: Mapping[str, list[str]], known: Classes
) -> dict[str, ColumnClass]:
    """The columns that are read of a source's files; where its records have no fixed ones, those
    that staging makes of them.
    """
    return {
        name: known.of("staging", f"base_{source.table}", _HUMP.sub("_", name).lower())
        for name in source.known.names or staged.get(source.table, ())
    }


def _segmentations(settings: Settings, policy: ConsentPolicy) -> Iterable[ProcessingActivity]:
    by_purpose: dict[str, list[installed.Segment]] = {}
    for segment in installed.load_all(settings).values():
        by_purpose.setdefault(segment.meta["purpose"], []).append(segment)
    for purpose, found in sorted(by_purpose.items()):
        yield ProcessingActivity(
            SEGMENTATION,
            purpose,
            "Profiles are assigned to segments by rules over what they did and stated.",
            purpose,
            legal_basis(policy, purpose),
            "while the rule matches; the history of stays until the person is erased",
            owner=", ".join(sorted({segment.meta["owner"] for segment in found})),
            segments=tuple(sorted(segment.name for segment in found)),
        )


def _disclosure(
    sync: SyncConfig, policy: ConsentPolicy, known: Classes, periods: Periods
) -> ProcessingActivity:
    return ProcessingActivity(
        DISCLOSURE,
        sync.name,
        " ".join(sync.description.split()),
        sync.purpose,
        legal_basis(policy, sync.purpose),
        "until the person leaves the audience or opts out; after a request for erasure at most"
        f" {periods.erasure} days",
        owner=sync.owner,
        receives=sync.destination,
        fields={column.name: _class_of(column, known) for column in sync.columns},
        segments=sync.segments if sync.segments is not None else ("all",),
    )


def _class_of(column: SyncColumn, known: Classes) -> ColumnClass:
    return strongest(known.of_trait(name) for name in column.needs)


def _former(
    settings: Settings, syncs: Mapping[str, SyncConfig], periods: Periods
) -> Iterable[ProcessingActivity]:
    """Syncs that have sent rows and whose files do not exist any more: their destinations may still
    have them.
    """
    if settings.is_embedded and not warehouse.catalog_file(settings).exists():
        return
    with warehouse.connect(settings, read_only=True, has_functions=False) as lake:
        if not warehouse.relation_exists(lake, "activation.sync_snapshot"):
            return
        found = lake.execute(
            "select sync, count(*) from lake.activation.sync_snapshot group by sync order by sync"
        ).fetchall()
    names = {name for sync in syncs.values() for name in (sync.name, sync.known_as)}
    for sync, rows in found:
        if sync not in names:
            yield ProcessingActivity(
                FORMER,
                sync,
                f"The sync's file does not exist any more; its destination has {rows:,} row(s).",
                NOT_STATED,
                NOT_STATED,
                "until the sync is retired, or the person is erased, at most"
                f" {periods.erasure} days after the request",
                receives="the destination of that sync",
            )
