"""Trains and assigns a PersonaSpec: grouping, names that stay, cards, gates; scores go to
ml.cluster_assignments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ml import (
    agreement,
    assignment,
    cards,
    clustering,
    dataset,
    drift,
    frames,
    pipeline,
    promotion,
    reviews,
    scoring,
    store,
    threads,
)  # fmt: skip
from ml.clustering import Choice
from ml.dataset import DataRefused
from ml.frames import FeatureSet, Lake
from ml.policy import DriftPolicy, TrainingPolicy
from ml.promotion import Gate, PromotionVerdict
from ml.spec import PersonaSpec
from ml.tracking import Tracker, identity, log_model
from ml.training import example_rows, refuse, training_key
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
            people, feature_set = load(lake, spec, as_of, policy)
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
        run = tracker.finished(key)
    return _decide(tracker, run, spec, people, policy)


def load(
    lake: Lake, spec: PersonaSpec, as_of: datetime, policy: TrainingPolicy
) -> tuple[pd.DataFrame, FeatureSet]:
    """Keys and features of the people to group, and which features those are."""
    frames.set_moments(lake, [(as_of, as_of + timedelta(days=90))])
    feature_set = frames.feature_set(
        lake, include=spec.include, exclude=spec.exclude, max_categories=policy.max_categories
    )
    people = scoring.people_at(lake, spec.population_sql, feature_set)
    feature_set = dataset.telling(people, feature_set)
    if len(people) < policy.min_rows or len(feature_set.names) < 2:
        raise DataRefused(
            f"there are {len(people)} people to group and {len(feature_set.names)} features that"
            f" vary; at least {policy.min_rows} people (config/policies.yml: training.min_rows) and"
            " 2 such features are needed"
        )
    people[feature_set.numbers] = people[feature_set.numbers].astype("float64")
    return people[["profile_id", "as_of", *feature_set.names]], feature_set


def _champion(tracker: Tracker) -> tuple[cards.Deck, Any] | None:
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


@dataclass(frozen=True)
class Grouped:
    """A training's outcome: the model, its deck, all choices and the best, and what verdicts
    gained.
    """

    model: Any
    deck: cards.Deck
    found: list[Choice]
    best: Choice
    gained: dict[str, float]


def group(
    spec: PersonaSpec, people: pd.DataFrame, feature_set: FeatureSet, policy: TrainingPolicy,
    limits: DriftPolicy,
    champion: tuple[cards.Deck, Any] | None = None, said: pd.Series | None = None,
) -> Grouped:  # fmt: skip
    """Group people; where there is a champion (its deck and model), go on from its groups and
    names.
    """
    features = people[feature_set.names]
    prepare = pipeline.for_groups(feature_set).fit(features)
    rows = prepare.transform(features)
    before = cards.former(*champion, people) if champion else None
    verdicts = (
        agreement.heard(people, pd.Series(dtype=object) if said is None else said, before)
        if before
        else None
    )
    start = agreement.start(before, verdicts, policy) if before and verdicts else None
    found = clustering.choices(spec, rows, policy, start)
    best = clustering.best_of(found, policy)
    deck = cards.deal(best, rows, people, feature_set, policy, limits, before)
    told: dict[str, float] = {}
    if before and verdicts and len(verdicts.places):
        told = agreement.gained(before, deck, np.asarray(best.model.predict(rows)), verdicts)
    return Grouped(pipeline.joined(prepare, best.model), deck, found, best, told)


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
        made = group(spec, people, feature_set, policy, limits, _champion(tracker), said)
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
    tracker: Tracker, run: Any, spec: PersonaSpec, people: pd.DataFrame, policy: TrainingPolicy
) -> StageReport:
    version, champion = tracker.version_of(run), tracker.at_alias("champion")
    told = f"{run.data.params['clusters']} groups, silhouette {run.data.metrics['silhouette']:.3f}"
    rows = {f"training rows of {spec.name}": len(people)}
    if champion is not None and promotion.is_settled(version, champion):
        return StageReport(
            rows, [f"{spec.name} {champion.version} stays champion ({told})"], status="unchanged"
        )
    verdict = judge(
        run, tracker.load(version), tracker.load(champion) if champion else None, people, policy
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


def judge(
    run: Any, challenger: Any, champion: Any | None, people: pd.DataFrame, policy: TrainingPolicy
) -> PromotionVerdict:
    """Groups are apart, found again in resamples, and clearer than the champion's by more than
    noise.
    """
    apart, stable = run.data.metrics["silhouette"], run.data.metrics["stability"]
    gates = [
        Gate(
            "silhouette",
            apart >= policy.min_silhouette,
            f"{apart:.3f}, at least {policy.min_silhouette}",
        ),
        Gate(
            "stability",
            stable >= policy.min_stability,
            f"{stable:.3f}, at least {policy.min_stability}",
        ),
    ]
    if champion is not None:
        won = run.data.metrics.get("verdict_gain_deviations", 0.0)
        gates.append(_clearer(challenger, champion, people, policy, won))
    return PromotionVerdict(tuple(gates))


def _clearer(
    challenger: Any, champion: Any, people: pd.DataFrame, policy: TrainingPolicy, won: float
) -> Gate:
    """Clearer by more than noise; or more often what people's verdicts say, by more than noise, and
    no less clear.
    """
    from sklearn.metrics import silhouette_samples

    sample = people.sample(min(clustering.SILHOUETTE_SAMPLE, len(people)), random_state=policy.seed)
    values = []
    for model in (challenger, champion):
        # Each is measured in its own space: what it was asked to tell apart.
        features = promotion.expected_columns(model, sample)
        groups = model.predict(features)
        is_one = len(np.unique(groups)) < 2
        values.append(
            np.zeros(len(sample))
            if is_one
            else silhouette_samples(model[:-1].transform(features), groups)
        )
    gain = values[0] - values[1]
    noise = 1.645 * float(gain.std()) / np.sqrt(len(gain))
    is_truer = won > agreement.MOVED_BY_MORE_THAN_NOISE and gain.mean() + noise > 0
    detail = f"silhouette {gain.mean():+.3f}, noise {noise:.3f}" + (
        f", verdicts {won:+.1f} deviations" if won else ""
    )
    return Gate("clearer than the champion", bool(gain.mean() - noise > 0 or is_truer), detail)


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
        people = scoring.population(lake, spec, as_of, model, policy)
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
