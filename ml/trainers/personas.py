"""Trains and assigns a PersonaSpec: grouping, names that stay, cards, gates; scores go to
ml.cluster_assignments.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pandas as pd

from ml import threads
from ml.data import dataset, frames
from ml.data.dataset import DataRefused
from ml.data.frames import FeatureSet
from ml.estimators import Steps
from ml.evaluate import drift, reviews
from ml.evaluate.gates import PromotionVerdict
from ml.fit import clustering
from ml.personas import assignment, cards, grouping
from ml.policy import DriftPolicy, TrainingPolicy
from ml.registry import promotion, provenance, store
from ml.registry.protocols import ModelVersion, TrackedRun
from ml.registry.tracking import Tracker, identity, log_model
from ml.spec import PersonaSpec
from ml.trainers import runs, scoring
from ml.trainers.trainer import Proposal, TableRow, Trainer
from segmentry import clock, warehouse
from segmentry.stages import RunContext, StageReport


class PersonaTrainer(Trainer[PersonaSpec]):
    """Groups of people, with names that stay with them."""

    def train(self, context: RunContext) -> StageReport:
        """Group the people known at the context's time; promote the groups if they are sound and
        clearer than before.
        """
        policy = TrainingPolicy.read(context.settings)
        tracker = self.tracker(context.settings)
        as_of = clock.of(context)
        name = self.spec.name
        with frames.published(context.settings) as (lake, snapshot):
            try:
                people, feature_set = grouping.load(lake, self.spec, as_of, policy)
            except DataRefused as refusal:
                return runs.refuse(tracker, name, as_of.isoformat(), snapshot, str(refusal))
        verdicts = self.read_verdicts(tracker)
        content = dataset.content_hash(people, *([verdicts.to_json()] if len(verdicts) else []))
        key = runs.training_key(self.spec, policy, as_of.isoformat(), content)
        run = tracker.finished(key)
        if run is None:
            tags = runs.tags(key, as_of, snapshot, content, policy)
            self._fit_and_log(tracker, people, feature_set, verdicts, tags)
            run = tracker.trained(key)
        return self._decide(tracker, run, people, policy)

    def read_verdicts(self, tracker: Tracker) -> pd.Series:
        """Verdicts of people, by profile id; none before there are personas to name."""
        champion = tracker.at_alias("champion")
        if champion is None:
            return pd.Series(dtype=object)
        deck = tracker.artifact(champion.run_id, cards.ARTIFACT)
        return reviews.of_personas(tracker.settings, self.spec.name, cards.names(deck))

    def _fit_and_log(
        self, tracker: Tracker, people: pd.DataFrame, feature_set: FeatureSet,
        verdicts: pd.Series, tags: dict[str, str],
    ) -> None:  # fmt: skip
        import mlflow

        policy = TrainingPolicy.read(tracker.settings)
        limits = DriftPolicy.read(tracker.settings)
        name = self.spec.name
        as_of = tags["segmentry.as_of"]
        with tracker.run(f"{name} as of {as_of}", tags) as run, threads.limited(policy):
            former = _champion(tracker)
            made = grouping.group(self.spec, people, feature_set, policy, limits, former, verdicts)
            best = made.best
            mlflow.log_params(
                {"algorithm": best.algorithm, "clusters": best.clusters, "people": len(people)}
            )
            provenance.log_rows(
                people[feature_set.names], "training",
                name=f"{name}_{tags['segmentry.content'][:12]}",
                digest=tags["segmentry.content"][:32], snapshot=int(tags["segmentry.snapshot_id"]),
            )  # fmt: skip
            mlflow.log_params({"train_rows": len(people), "features": len(feature_set.names)})
            measured = {
                "silhouette": best.silhouette,
                "stability": best.stability,
                "bic": best.bic,
                "recurrence": best.recurrence,
                "valley": best.valley,
            }
            mlflow.log_metrics({**measured, **made.gained})
            why = clustering.reason(made.found, best, policy)
            cards.log(made.found, best, made.deck, f"{name} as of {as_of[:10]}", why)
            example = runs.example_rows(people[feature_set.names])
            log_model(made.model, example, classifies=False)
        tracker.complete(run.info.run_id)

    def _decide(
        self, tracker: Tracker, run: TrackedRun, people: pd.DataFrame, policy: TrainingPolicy
    ) -> StageReport:
        version = tracker.version_of(run)
        champion = tracker.at_alias("champion")
        groups = run.data.params["clusters"]
        apart = run.data.metrics["silhouette"]
        name = self.spec.name
        summary = f"{groups} groups, silhouette {apart:.3f}"
        rows = {f"training rows of {name}": len(people)}
        if champion is not None and promotion.is_settled(version, champion):
            return runs.settled(rows, name, champion, summary)
        current = tracker.load(champion) if champion else None
        verdict = grouping.judge(run, tracker.load(version), current, people, policy)
        tracker.record_gates(version, verdict.gates)
        if verdict.passed:
            return runs.promoted(tracker, rows, version, run.data.params["algorithm"], summary)
        return runs.refused(rows, name, champion, version, verdict)

    def verdict(self, context: RunContext, version: ModelVersion) -> PromotionVerdict:
        """How a version does at every gate, on the people of today."""
        policy = TrainingPolicy.read(context.settings)
        tracker = self.tracker(context.settings)
        challenger = tracker.load(version)
        champion = tracker.at_alias("champion")
        current = tracker.load(champion) if champion is not None else None
        with frames.published(context.settings) as (lake, _):
            people, _ = grouping.load(lake, self.spec, clock.of(context), policy)
        return grouping.judge(tracker.run_of(version), challenger, current, people, policy)

    def compare(self, context: RunContext, versions: Mapping[str, ModelVersion]) -> list[TableRow]:
        """The metrics that the versions' runs have logged."""
        return runs.logged_metrics(self.tracker(context.settings), versions)

    def propose(self, context: RunContext, version: ModelVersion) -> Proposal:
        """The personas that the version would assign."""
        tracker = self.tracker(context.settings)
        as_of = clock.of(context)
        model = tracker.load(version)
        policy = TrainingPolicy.read(context.settings)
        people = self.people(context, model)
        deck = tracker.artifact(version.run_id, cards.ARTIFACT)
        with warehouse.connect(context.settings, read_only=True) as lake:
            previous = assignment.read_previous(lake, as_of)
        verdicts = self.read_verdicts(tracker)
        rows = assignment.assign(
            model, deck, people, as_of, version.version, policy, previous, verdicts
        )
        return Proposal(
            rows.rename(columns={"confidence": "persona_confidence"}),
            ["persona", "cluster_id", "persona_confidence"],
        )

    def score(self, context: RunContext) -> StageReport:
        """Write ml.cluster_assignments, with cases and the drift of sizes."""
        tracker = self.tracker(context.settings)
        name = self.spec.name
        champion = tracker.at_alias("champion")
        if champion is None:
            notes = [f"{name} has no champion: nobody is assigned"]
            return StageReport(notes=notes, status="skipped")
        policy = TrainingPolicy.read(context.settings)
        as_of = clock.of(context)
        model = tracker.load(champion)
        version = str(champion.version)
        people = self.people(context, model)
        verdicts = self.read_verdicts(tracker)
        with warehouse.connect(context.settings) as lake:
            store.ensure(context.settings, lake)
            previous = assignment.read_previous(lake, as_of)
            content = dataset.content_hash(
                people, identity(champion), previous.to_json(), verdicts.to_json()
            )
            if store.is_current(lake, name, as_of, version, content):
                notes = [f"{name} {version}: unchanged"]
                return StageReport({"ml.cluster_assignments": 0}, notes, status="unchanged")
            deck = tracker.artifact(champion.run_id, cards.ARTIFACT)
            rows = assignment.assign(
                model, deck, people, as_of, version, policy, previous, verdicts
            )
            now = datetime.now(UTC).replace(tzinfo=None)
            done = store.run_row(name, as_of, version, content, len(rows), now)
            shares = {card["persona"]: card["share"] for card in deck["cards"]}
            moved = drift.of_personas(shares, rows["persona"], DriftPolicy.read(context.settings))
            assigned = rows.drop(columns=[*assignment.RUNNER_UP])
            same = [name, as_of]
            made = {
                "ml.reviews": reviews.between_two(name, rows),
                "observability.drift": drift.rows(name, as_of, version, moved),
                "ml.score_runs": done,
            }
            writes = [(to, scoring.SAME_RUN, same, table) for to, table in made.items()]
            writes += [("ml.cluster_assignments", "as_of = ?", [as_of], assigned)]
            store.replace_rows(context.settings, lake, writes)
        notes = [f"{name} {version}: {_shares(rows)}"]
        notes += assignment.report_agreement(model, deck, people, verdicts)
        notes += [
            f"the sizes of personas have moved (PSI {one.psi:.2f})"
            for one in moved
            if one.verdict == "alarm"
        ]
        return StageReport({"ml.cluster_assignments": len(rows)}, notes)


def _champion(tracker: Tracker) -> tuple[cards.Deck, Steps] | None:
    champion = tracker.at_alias("champion")
    if champion is None:
        return None
    return tracker.artifact(champion.run_id, cards.ARTIFACT), tracker.load(champion)


def _shares(rows: pd.DataFrame) -> str:
    counts = rows["persona"].value_counts().sort_index()
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
