"""Trains and assigns a PersonaSpec: grouping, names that stay, cards, gates; scores go to
ml.cluster_assignments.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from ml import threads
from ml.data import dataset, frames, population
from ml.data.dataset import DataRefused
from ml.data.frames import FeatureSet
from ml.estimators import Steps
from ml.evaluate import drift, reviews
from ml.personas import assignment, cards, grouping
from ml.policy import DriftPolicy, TrainingPolicy
from ml.registry import promotion, store
from ml.registry.protocols import TrackedRun
from ml.registry.tracking import Tracker, identity, log_model
from ml.spec import PersonaSpec
from ml.trainers import scoring
from ml.trainers.runs import example_rows, refuse, training_key
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport


def train(context: RunContext, spec: PersonaSpec) -> StageReport:
    """Group the people known at the context's time; promote the groups if they are sound and
    clearer than before.
    """
    policy = TrainingPolicy.read(context.settings)
    tracker, as_of = Tracker(context.settings, spec.name), clock.of(context)
    with frames.published(context.settings) as (lake, snapshot):
        try:
            people, feature_set = grouping.load(lake, spec, as_of, policy)
        except DataRefused as refusal:
            return refuse(tracker, spec.name, as_of.isoformat(), snapshot, str(refusal))
    said = judged(tracker, spec)
    content = dataset.content_hash(people, *([said.to_json()] if len(said) else []))
    key = training_key(spec, policy, as_of.isoformat(), content)
    run = tracker.finished(key)
    if run is None:
        tags = {
            "segmentry.key": key,
            "segmentry.as_of": as_of.isoformat(),
            "segmentry.snapshot_id": str(snapshot),
            "segmentry.content": content,
        }
        _fit_and_log(tracker, spec, people, feature_set, said, tags)
        run = tracker.trained(key)
    return _decide(tracker, run, spec, people, policy)


def _champion(tracker: Tracker) -> tuple[cards.Deck, Steps] | None:
    held = tracker.at_alias("champion")
    return (
        (tracker.artifact(held.run_id, cards.ARTIFACT), tracker.load(held))
        if held is not None
        else None
    )


def judged(tracker: Tracker, spec: PersonaSpec) -> pd.Series:
    """Verdicts of people, by profile id; none before there are personas to name."""
    held = tracker.at_alias("champion")
    if held is None:
        return pd.Series(dtype=object)
    deck = tracker.artifact(held.run_id, cards.ARTIFACT)
    return reviews.of_personas(tracker.settings, spec.name, cards.names(deck))


def _fit_and_log(
    tracker: Tracker,
    spec: PersonaSpec,
    people: pd.DataFrame,
    feature_set: FeatureSet,
    said: pd.Series,
    tags: dict[str, str],
) -> None:
    import mlflow

    policy, limits = TrainingPolicy.read(tracker.settings), DriftPolicy.read(tracker.settings)
    with (
        tracker.run(f"{spec.name} as of {tags['segmentry.as_of']}", tags) as run,
        threads.limited(policy),
    ):
        made = grouping.group(spec, people, feature_set, policy, limits, _champion(tracker), said)
        best = made.best
        mlflow.log_params(
            {"algorithm": best.algorithm, "clusters": best.clusters, "people": len(people)}
        )
        mlflow.log_metrics(
            {
                "silhouette": best.silhouette,
                "stability": best.stability,
                "bic": best.bic,
                **made.gained,
            }
        )
        cards.log(
            made.found, best, made.deck, title=f"{spec.name} as of {tags['segmentry.as_of'][:10]}"
        )
        log_model(made.model, example_rows(people[feature_set.names]), classifies=False)
    tracker.complete(run.info.run_id)


def _decide(
    tracker: Tracker,
    run: TrackedRun,
    spec: PersonaSpec,
    people: pd.DataFrame,
    policy: TrainingPolicy,
) -> StageReport:
    version, champion = tracker.version_of(run), tracker.at_alias("champion")
    told = f"{run.data.params['clusters']} groups, silhouette {run.data.metrics['silhouette']:.3f}"
    rows = {f"training rows of {spec.name}": len(people)}
    if champion is not None and promotion.is_settled(version, champion):
        return StageReport(
            rows, [f"{spec.name} {champion.version} stays champion ({told})"], status="unchanged"
        )
    verdict = grouping.judge(
        run,
        tracker.load(version),
        tracker.load(champion) if champion else None,
        people,
        policy,
    )
    tracker.record_gates(version, verdict.gates)
    if verdict.passed:
        promotion.promote(tracker, version, told)
        return StageReport(
            rows,
            [f"{spec.name} {version.version} ({run.data.params['algorithm']}) is champion: {told}"],
        )
    kept = (
        f"{spec.name} {champion.version} stays champion"
        if champion
        else f"{spec.name} has no champion"
    )
    return StageReport(rows, [f"{kept}; version {version.version} is refused: {verdict.failures}"])


def score(context: RunContext, spec: PersonaSpec) -> StageReport:
    """Write ml.cluster_assignments of the champion; the same champion, time and content change
    nothing.
    """
    tracker = Tracker(context.settings, spec.name)
    champion = tracker.at_alias("champion")
    if champion is None:
        return StageReport(
            notes=[f"{spec.name} has no champion: nobody is assigned"], status="skipped"
        )
    policy = TrainingPolicy.read(context.settings)
    as_of = clock.of(context)
    model = tracker.load(champion)
    with frames.published(context.settings) as (lake, _):
        people = population.read(lake, spec, as_of, model, policy)
    said, version = judged(tracker, spec), str(champion.version)
    with warehouse.connect(context.settings) as lake:
        store.ensure(context.settings, lake)
        held = assignment.held_before(lake, as_of)
        content = dataset.content_hash(people, identity(champion), held.to_json(), said.to_json())
        if store.is_current(lake, spec.name, as_of, version, content):
            notes = [f"{spec.name} {version}: unchanged"]
            return StageReport({"ml.cluster_assignments": 0}, notes, status="unchanged")
        deck = tracker.artifact(champion.run_id, cards.ARTIFACT)
        rows = assignment.assign(model, deck, people, as_of, version, policy, held, said)
        now = datetime.now(UTC).replace(tzinfo=None)
        done = store.run_row(spec.name, as_of, version, content, len(rows), now)
        shares = {card["persona"]: card["share"] for card in deck["cards"]}
        moved = drift.of_personas(shares, rows["persona"], DriftPolicy.read(context.settings))
        same = [spec.name, as_of]
        assigned = rows.drop(columns=[*assignment.RUNNER_UP])
        drifted = drift.rows(spec.name, as_of, version, moved)
        store.replace_rows(
            context.settings,
            lake,
            [
                ("ml.cluster_assignments", "as_of = ?", [as_of], assigned),
                ("ml.reviews", scoring.SAME_RUN, same, reviews.between_two(spec.name, rows)),
                ("observability.drift", scoring.SAME_RUN, same, drifted),
                ("ml.score_runs", scoring.SAME_RUN, same, done),
            ],
        )
    notes = [f"{spec.name} {version}: {_shares(rows)}", *assignment.told(model, deck, people, said)]
    notes += [
        f"the sizes of personas have moved (PSI {one.psi:.2f})"
        for one in moved
        if one.verdict == "alarm"
    ]
    return StageReport({"ml.cluster_assignments": len(rows)}, notes)


def _shares(rows: pd.DataFrame) -> str:
    counts = rows["persona"].value_counts().sort_index()
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
