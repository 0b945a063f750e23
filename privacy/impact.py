"""A data-protection impact summary for each model (GDPR, article 35): which features it may see,
which of them are sensitive or may stand for something that is, who uses its scores, and how it
treats groups of people.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ml.data import frames
from ml.policy import TrainingPolicy
from ml.registry import catalogue
from ml.registry.embedded import registry
from ml.registry.kept import RULE
from ml.registry.tracking import Tracker
from ml.spec import PersonaSpec, Spec
from privacy.processing_texts import table
from segmentry import classes, sync_files, warehouse
from segmentry.classes import ColumnClass
from segmentry.settings import Settings
from segments import installed

# What a feature may stand for though its class does not state it: patterns, and what of.
PROXIES: Mapping[str, str] = {
    "usual_country": "origin", "usual_region": "origin and income", "usual_city": "income",
    "*language*": "origin", "usual_timezone": "origin", "*device*": "income and age",
    "usual_os_name": "income", "luxury_*": "income", "revenue_*": "income",
    "average_order_value": "income", "discount_*": "income", "coupon_*": "income",
    "price_sensitivity": "income", "evening_*": "occupation and family", "weekend_*": "religion",
    "items_toys_*": "family", "views_toys_*": "family", "items_beauty_*": "gender",
    "views_beauty_*": "gender", "items_fashion_*": "gender", "views_fashion_*": "gender",
}  # fmt: skip
_FILE = "fairness.json"


@dataclass(frozen=True)
class GroupGap:
    """How far groups of one trait are apart. calibration: the largest distance of a mean score from
    the true share. ranking: largest less smallest AUC. selection: by threshold, the least share of
    the rate of the most selected group. None where fewer than two groups can be judged.
    """

    trait: str
    groups: int
    too_small: int
    calibration: float | None
    ranking: float | None
    selection: float | None
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class ImpactSummary:
    """One model. features: those that its training may choose from, by class. proxies: feature to
    what it may stand for. gaps: None where the version that scores has no audit, and why.
    """

    model: str
    description: str
    version: str
    features: Mapping[str, ColumnClass]
    segments: tuple[str, ...]
    syncs: tuple[str, ...]
    gaps: tuple[GroupGap, ...] | None
    why_no_gaps: str = ""

    @property
    def sensitive(self) -> list[str]:
        """Features of a class other than none."""
        return sorted(n for n, one in self.features.items() if one is not ColumnClass.none)

    @property
    def proxies(self) -> dict[str, str]:
        """Features that may stand for what is sensitive."""
        return {
            name: meant
            for name in sorted(self.features)
            for pattern, meant in PROXIES.items()
            if fnmatchcase(name, pattern)
        }


def summaries(settings: Settings) -> list[ImpactSummary]:
    """One per model of ml/models/."""
    specs = catalogue.specs()
    offered = _features(settings, specs)
    return [_summary(settings, spec, offered[name]) for name, spec in specs.items()]


def _features(settings: Settings, specs: Mapping[str, Spec]) -> dict[str, dict[str, ColumnClass]]:
    if settings.is_embedded and not warehouse.catalog_file(settings).exists():
        return {name: {} for name in specs}
    known = classes.load(settings)
    most = TrainingPolicy.read(settings).max_categories
    with warehouse.connect(settings, read_only=True, has_functions=False) as lake:
        return {
            name: {
                feature.name: known.of("features", feature.table, feature.name)
                for feature in frames.feature_set(
                    lake,
                    include=spec.include if isinstance(spec, PersonaSpec) else ("*",),
                    exclude=spec.exclude,
                    max_categories=most,
                ).features
            }
            for name, spec in specs.items()
        }


def _summary(settings: Settings, spec: Spec, features: Mapping[str, ColumnClass]) -> ImpactSummary:
    segments = [
        segment.name
        for segment in installed.load_all(settings).values()
        if _reads(spec, segment.sql)
    ]
    syncs = [
        sync.name
        for sync in sync_files.load(settings).values()
        if any(_reads(spec, need) for column in sync.columns for need in column.needs)
        or (segments if sync.segments is None else set(sync.segments) & set(segments))
    ]
    version, gaps, why = _audit(settings, spec.name)
    return ImpactSummary(
        spec.name, " ".join(spec.description.split()), version, features, tuple(segments),
        tuple(syncs), gaps, why,
    )  # fmt: skip


def _reads(spec: Spec, text: str) -> bool:
    """Whether a rule or a column reads the model's answer: by the names that profiles give it."""
    if isinstance(spec, PersonaSpec):
        return "persona" in text
    return f"{spec.name}_score" in text or (spec.is_choice and spec.name in text)


def _audit(settings: Settings, model: str) -> tuple[str, tuple[GroupGap, ...] | None, str]:
    version = registry(settings, model).published()
    if version is None:
        return "none", None, "no version scores: the model was not trained in this home"
    if version.version == RULE:
        return RULE, None, "the plain rule scores; only a trained version is audited by group"
    tracker = Tracker(settings, model)
    if not tracker.has_artifact(version.run_id, _FILE):
        return str(version.version), None, "its kind of model has no audit by group"
    found = tracker.artifact(version.run_id, _FILE)
    return str(version.version), gaps_of(found), ""


def gaps_of(found: Mapping[str, Any]) -> tuple[GroupGap, ...]:
    """The gaps of an audit as the training logged it."""
    small = found.get("too_small") or {}
    by_trait: dict[str, list[Mapping[str, Any]]] = {trait: [] for trait in small}
    for group in found["groups"]:
        by_trait.setdefault(group["trait"], []).append(group)
    return tuple(
        GroupGap(
            trait,
            len(groups),
            int(small.get(trait, 0)),
            max((abs(group["calibration_gap"]["value"]) for group in groups), default=None),
            _spread([group["auc"]["value"] for group in groups if group["auc"]]),
            _least_ratio(groups),
            tuple(f"{group['group']} {text}" for group in groups for text in group["remarks"]),
        )
        for trait, groups in sorted(by_trait.items())
    )


def _spread(values: Sequence[float]) -> float | None:
    return max(values) - min(values) if len(values) > 1 else None


def _least_ratio(groups: Sequence[Mapping[str, Any]]) -> float | None:
    ratios = []
    for name in {name for group in groups for name in group["selected"]}:
        rates = [group["selected"][name]["value"] for group in groups if name in group["selected"]]
        if len(rates) > 1 and max(rates) > 0:
            ratios.append(min(rates) / max(rates))
    return min(ratios, default=None)


def markdown(found: Iterable[ImpactSummary]) -> str:
    """The summaries to read."""
    lines = [
        "# Data-protection impact of the models",
        "",
        "Written by `segmentry privacy flows` from the configuration, the lake and the model"
        " registry; do not edit.",
        "",
    ]
    for one in found:
        lines += [f"## {one.model}", "", one.description, "", *_facts(one), "", *_gaps(one), ""]
    return "\n".join(lines)


def _facts(one: ImpactSummary) -> list[str]:
    if not one.features:
        return ["- Features: not known, as no run has built them"]
    counts = ", ".join(
        f"{sum(found is name for found in one.features.values())} {name.replace('_', ' ')}"
        for name in ColumnClass
    )
    proxies = "; ".join(f"{name} ({meant})" for name, meant in one.proxies.items())
    return [
        f"- Version that scores: {one.version}",
        f"- Features that its training may choose from: {len(one.features)} ({counts})",
        f"- Personal by their class: {', '.join(one.sensitive) or 'none'}",
        f"- May stand for something sensitive: {proxies or 'none is known'}",
        f"- Segments that read its scores: {', '.join(one.segments) or 'none'}",
        f"- Syncs that send them, or those segments: {', '.join(one.syncs) or 'none'}",
    ]


def _gaps(one: ImpactSummary) -> list[str]:
    if one.gaps is None:
        return [f"Groups: {one.why_no_gaps}."]
    columns = (
        "Trait", "Groups judged", "Too small", "Calibration gap", "AUC gap", "Selection ratio",
        "Above a limit",
    )  # fmt: skip
    return table(
        columns,
        [
            (
                gap.trait, gap.groups, gap.too_small, _number(gap.calibration),
                _number(gap.ranking), _number(gap.selection), "; ".join(gap.remarks) or "none",
            )
            for gap in one.gaps
        ],
    )  # fmt: skip


def as_rows(found: Iterable[ImpactSummary]) -> list[dict[str, Any]]:
    """The summaries for programs."""
    return [
        {
            "model": one.model,
            "description": one.description,
            "version": one.version,
            "features": dict(one.features),
            "proxies": one.proxies,
            "segments": list(one.segments),
            "syncs": list(one.syncs),
            "groups": None if one.gaps is None else [vars(gap) for gap in one.gaps],
            "why_no_groups": one.why_no_gaps,
        }
        for one in found
    ]


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"
