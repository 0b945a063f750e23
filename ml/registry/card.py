"""Writes the model card: the purpose, training data, quality by group and limits of a model. The
trainers call it.
"""

from __future__ import annotations

from ml.data.dataset import TrainingSet
from ml.evaluate import backtest
from ml.evaluate.evaluation import Evaluation
from ml.fit.forecasts import FittedForecast
from ml.fit.supervised import Trained
from ml.spec import ForecastSpec, ModelSpec


def _data(data: TrainingSet) -> list[str]:
    return [
        "## Data",
        (
            f"As of {data.as_of:%Y-%m-%d %H:%M} UTC, lake snapshot {data.snapshot}, content"
            f" {data.content_hash[:16]}."
        ),
        "",
        "| part | rows | people | true share | as_of |",
        "|---|---:|---:|---:|---|",
        *(_part_row(name, part) for name, part in data.parts.items()),
        "",
        (
            "No person is in two parts, and the outcomes learnt from end before the test's time."
            " After the test the chosen"
        ),
        (
            f"candidate was fitted once more, with {_recent(data)} newer row(s) of the people"
            " it had learnt from."
        ),
    ]


def write(spec: ModelSpec, data: TrainingSet, trained: Trained) -> str:
    """The card as Markdown."""
    chosen = trained.chosen
    ours = trained.ours
    return "\n".join(
        [
            f"# {spec.name}",
            "",
            (
                f"{spec.description} Chosen: **{chosen.candidate}** with"
                f" {dict(chosen.best.parameters) or 'its defaults'}."
            ),
            "",
            *_data(data),
            "",
            *backtest.lines(trained.periods),
            "",
            (
                f"At threshold {ours.threshold:.3f}: F1 {ours.at_threshold['f1']:.3f}, cost per"
                f" person {ours.at_threshold['cost_per_person']:.2f} (without acting"
                f" {ours.at_threshold['cost_of_nothing']:.2f})."
            ),
            "",
            "## Groups",
            *_groups(ours),
            "",
            "## Candidates (log loss on validation)",
            *(
                f"- {f.candidate}: {f.best.loss:.4f} in {len(f.trials)} fit(s)"
                for f in trained.found
            ),
            "",
            "## Limits",
            (
                f"Features seen: {len(data.feature_set.names)}. It covers {spec.horizon_days} days"
                " and people like"
            ),
            (
                "those above; it predicts what is likely, not what causes it. Not for decisions on"
                " credit, housing or work."
            ),
            "",
        ]
    )


def _recent(data: TrainingSet) -> int:
    return len(data.recent[0]) if data.recent else 0


def _groups(found: Evaluation) -> list[str]:
    lines = [f"- {group}: AUC {auc:.3f}" for group, auc in found.by_group.items()]
    return lines or ["- no group is large enough to judge"]


def _part_row(name: str, part: object) -> str:
    keys = part.keys  # type: ignore[attr-defined]
    labels = part.labels  # type: ignore[attr-defined]
    times = ", ".join(f"{t:%Y-%m-%d}" for t in sorted(keys["as_of"].unique()))
    return (
        f"| {name} | {len(labels)} | {keys['profile_id'].nunique()} | {labels.mean():.3f} |"
        f" {times} |"
    )


def write_forecast(spec: ForecastSpec, data: TrainingSet, fitted: FittedForecast) -> str:
    """The card of a forecast as Markdown, all candidates side by side."""
    table = fitted.table
    chosen = fitted.chosen.candidate
    names = list(table["rule"])
    return "\n".join(
        [
            f"# {spec.name}",
            "",
            f"{spec.description} The score is {spec.unit}. Chosen by validation: **{chosen}**.",
            "",
            (
                f"As of {data.as_of:%Y-%m-%d %H:%M} UTC, lake snapshot {data.snapshot};"
                f" {len(data.train)} rows to"
            ),
            (
                f"learn from, {len(data.validation)} to choose by, {len(data.test)} later ones of"
                " other people to test on."
            ),
            "",
            "## Candidates on the test part (90% intervals)",
            "| candidate | " + " | ".join(n.replace("_", " ") for n in names) + " |",
            "|---|" + "---|" * len(names),
            *(
                f"| {c} | " + " | ".join(str(found[n]) for n in names) + " |"
                for c, found in table.items()
            ),
            "",
            *backtest.lines(fitted.periods),
            "",
            (
                "After the test the chosen candidate was fitted once more, with"
                f" {_recent(data)} newer row(s) of the people it had learnt from."
            ),
            "The score predicts what is likely, not what causes it.",
            "",
        ]
    )
