"""What a person does with trained models: list, show, compare, promote, roll back."""

from __future__ import annotations

from datetime import datetime

from ml.registry import catalogue, promotion
from ml.registry.embedded import registry
from ml.registry.kept import RULE
from ml.registry.protocols import ModelRegistry, ModelVersion
from ml.registry.tracking import Tracker
from ml.spec import Spec
from ml.trainers.kinds import trainer_of
from ml.trainers.trainer import TableRow
from segmentry.errors import GateFailed, NotReadyError, UsageError
from segmentry.settings import Settings
from segmentry.stages import RunContext, StageReport

# The one figure of a model that a list shows: of a probability, an amount, a choice, groups, an
# effect.
QUALITY = ("test_roc_auc", "test_rank_agreement", "test_accuracy", "silhouette", "qini_dr")


def listing(settings: Settings) -> list[TableRow]:
    """One row per model of ml/models/: champion, its quality, and the newest version."""
    return [_listed(registry(settings, name), spec) for name, spec in catalogue.specs().items()]


def _listed(models: ModelRegistry, spec: Spec) -> TableRow:
    champion = models.published()
    versions = models.versions()
    measures = models.metrics(champion) if champion else {}
    names = [n.replace("test_", "heuristic_") for n in QUALITY] if _is_rule(champion) else QUALITY
    return {
        "model": spec.name,
        "champion": str(champion.version) if champion else None,
        "as_of": _as_of(champion) if champion else None,
        "quality": next((measures[name] for name in names if name in measures), None),
        "newest": str(versions[0].version) if versions else None,
        "description": spec.description,
    }


def _as_of(version: ModelVersion) -> datetime | None:
    stated = version.tags.get("segmentry.as_of")
    return datetime.fromisoformat(stated) if stated else None


def _is_rule(version: ModelVersion | None) -> bool:
    return version is not None and version.version == RULE


def show(settings: Settings, model: str) -> list[TableRow]:
    """One row per registered version, the newest first, with how its gates went."""
    models = registry(settings, catalogue.spec_named(model).name)
    aliases = {a: models.at_alias(a) for a in ("champion", "previous")}
    rows = []
    for version in models.versions():
        borne = [a for a, one in aliases.items() if one and one.version == version.version]
        gates = {
            k.removeprefix("segmentry.gate."): v
            for k, v in version.tags.items()
            if k.startswith("segmentry.gate.")
        }
        rows.append(
            {
                "version": str(version.version),
                "alias": ", ".join(borne),
                "as_of": _as_of(version),
                "snapshot_id": version.tags.get("segmentry.snapshot_id"),
                "gates": "; ".join(f"{name}: {text}" for name, text in sorted(gates.items())),
            }
        )
    published = models.published()
    if published is not None and _is_rule(published):
        rows.insert(0, _rule_row(published))
    return rows


def _rule_row(rule: ModelVersion) -> TableRow:
    """The row of the plain rule that gives the scores."""
    return {
        "version": rule.version,
        "alias": "published",
        "as_of": _as_of(rule),
        "snapshot_id": rule.tags.get("segmentry.snapshot_id"),
        "gates": "",
    }


def version_named(tracker: Tracker, version: str | None) -> ModelVersion:
    """That version, or the newest one that is not champion."""
    versions = tracker.versions()
    champion = tracker.at_alias("champion")
    if version is None:
        others = [v for v in versions if champion is None or v.version != champion.version]
        if others:
            return others[0]
        raise NotReadyError(
            f"{tracker.model} has no version next to its champion",
            remedy=f"train one with `segmentry models train {tracker.model}`",
        )
    for found in versions:
        if str(found.version) == version:
            return found
    raise UsageError(
        f"{tracker.model} has no version '{version}'",
        allowed=", ".join(str(v.version) for v in versions) or "none yet",
        remedy=f"see `segmentry models show {tracker.model}`",
    )


def measures(context: RunContext, model: str, version: str | None) -> list[TableRow]:
    """Champion and challenger side by side, as the kind of model is compared."""
    spec = catalogue.spec_named(model)
    tracker = Tracker(context.settings, model)
    rivals = {"challenger": version_named(tracker, version)}
    if (champion := tracker.at_alias("champion")) is not None:
        rivals["champion"] = champion
    return trainer_of(spec).compare(context, rivals)


def promote(context: RunContext, model: str, version: str | None) -> StageReport:
    """Make a version champion if it passes every gate on today's data, and score with it;
    GateFailed otherwise.
    """
    spec = catalogue.spec_named(model)
    tracker = Tracker(context.settings, model)
    wanted = version_named(tracker, version)
    found = trainer_of(spec).verdict(context, wanted)
    tracker.record_gates(wanted, found.gates)
    if not found.passed:
        raise GateFailed(
            f"{model} {wanted.version} may not become champion: {found.failures}",
            allowed="a version that passes every gate on the newest test window",
            remedy=(
                f"see `segmentry models compare {model} --version {wanted.version}`; train again on"
                " better data"
            ),
        )
    promotion.promote(tracker, wanted, "promoted by hand")
    return trainer_of(spec).score(context)


def rollback(context: RunContext, model: str) -> StageReport:
    """Give the alias back to the former champion, or the scores to the plain rule that the champion
    took over from, and restore the scores; the version rolled back is not tried again.
    """
    spec = catalogue.spec_named(model)
    tracker = Tracker(context.settings, model)
    champion = tracker.at_alias("champion")
    former = tracker.at_alias("previous")
    if champion is None or (former is None and tracker.rule() is None):
        raise NotReadyError(
            f"{model} has no former champion to go back to",
            allowed="a model whose champion replaced another, or a plain rule",
            remedy=f"see `segmentry models show {model}`",
        )
    tracker.client.set_model_version_tag(
        tracker.registered, champion.version, promotion.ROLLED_BACK, "yes"
    )
    if former is None:
        tracker.client.delete_registered_model_alias(tracker.registered, "champion")
    else:
        tracker.client.set_registered_model_alias(tracker.registered, "champion", former.version)
        tracker.client.delete_registered_model_alias(tracker.registered, "previous")
    return trainer_of(spec).score(context)
