"""Models: what gives the scores, how good it is, drift, and what a promotion would change."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

from console import plots
from console.access import Role
from console.asked import Asked, ConsolePage, ConsoleRoute, Download, HtmlAnswer
from console.cells import Anchor, Badge, HtmlTable
from segmentry.errors import NotReadyError, UsageError

_MODELS = Path(__file__).parents[2] / "ml" / "models"
# Pictures that a training logs: quality of a model, map and number of personas.
_PICTURES = ("evaluation.png", "personas.png", "choices.png")
_VERDICTS = {"stable": "good", "warning": "warn", "alarm": "bad"}
_NEWEST = "qualify rank() over (partition by model order by as_of desc) = 1"


def _names() -> list[str]:
    """The models of ml/models, without importing them."""
    return sorted(m.name for m in pkgutil.iter_modules([str(_MODELS)]) if m.name[0] != "_")


def _named(asked: Asked) -> str:
    name = asked.path["name"]
    if name not in _names():
        raise UsageError(
            "there is no model of this name",
            allowed=", ".join(_names()),
            remedy="choose one of the list of models",
        )
    return name


# Verdicts of ml.performance, the worst first.
_TURNED_OUT = {"worse": "bad", "as promised": "good", "better": "good", "not judged": "plain"}
# The figure that a plot of months is of: the first that a model has.
_PLOTTED = ("roc_auc", "rank_agreement", "accuracy")


def listing(asked: Asked) -> HtmlAnswer:
    """Every model with the version that scored last, its drift and how its scores turned out."""
    runs = asked.read("ml.score_runs", "score", f"select * from {{relation}} {_NEWEST}")
    drift = asked.read(
        "observability.drift",
        "observe",
        "select model, count(*) filter (where verdict = 'alarm') as alarms,"
        " count(*) filter (where verdict = 'warning') as warnings"
        f" from (select * from {{relation}} {_NEWEST}) group by model",
    )
    drifted = {row["model"]: row for row in drift.rows}
    scored = {row["model"]: row for row in runs.rows}
    turned_out = _newest_verdicts(asked)
    rows = [
        {
            **_listed(name, scored.get(name), drifted.get(name)),
            "turned_out": turned_out.get(name, Badge("not known yet")),
        }
        for name in _names()
    ]
    columns = {
        "model": "Model", "version": "Version that scores", "as_of": "Scored as of",
        "profiles": "Profiles scored", "drift": "Drift of features",
        "turned_out": "Turned out",
    }  # fmt: skip
    return HtmlAnswer(
        "models.html",
        {"table": HtmlTable("Models of ml/models", columns, rows), "missing": runs.missing},
    )


def _listed(name: str, run: dict[str, Any] | None, drift: dict[str, Any] | None) -> dict[str, Any]:
    verdict = Badge("not measured")
    if drift is not None:
        word = "alarm" if drift["alarms"] else "warning" if drift["warnings"] else "stable"
        count = drift["alarms"] or drift["warnings"]
        verdict = Badge(f"{word}: {count}" if count else word, _VERDICTS[word])
    return {
        "model": Anchor(name, f"/models/{quote(name)}"),
        "version": run["model_version"] if run else None,
        "as_of": run["as_of"] if run else None,
        "profiles": run["scored_rows"] if run else None,
        "drift": verdict,
    }


def _newest_verdicts(asked: Asked) -> dict[str, Badge]:
    """The worst verdict of each model's newest judged scoring."""
    found = asked.read(
        "ml.performance",
        "score",
        "select model, verdict from {relation} where verdict <> 'not judged'"
        f" {_NEWEST} order by model, verdict = 'worse', verdict = 'as promised'",
    )
    return {row["model"]: Badge(row["verdict"], _TURNED_OUT[row["verdict"]]) for row in found.rows}


def one_model(asked: Asked) -> HtmlAnswer:
    """One model: metrics against the plain rule, scores, drift."""
    return _model_page(asked, None)


def promotion(asked: Asked) -> HtmlAnswer:
    """The same with the members that each segment would gain and lose by a promotion."""
    from ml import impact
    from segmentry.stages import RunContext

    _require_tracking(asked)
    found = impact.of_promotion(RunContext(asked.settings), _named(asked), None)
    moves = {"segment": "Segment", "members": "Members", "gained": "Gained", "lost": "Lost"}
    syncs = {"sync": "Sync", "changed": "Rows that change", "entering": "People who may enter"}
    return _model_page(
        asked,
        [
            HtmlTable("Members", moves, [vars(move) for move in found.segments],
                      "No segment reads this model's scores."),
            HtmlTable("Rows of syncs", syncs, [vars(move) for move in found.syncs],
                      "No sync would send anything else."),
        ],
    )  # fmt: skip


def _model_page(asked: Asked, moves: list[HtmlTable] | None) -> HtmlAnswer:
    name = _named(asked)
    measured = asked.read(
        "ml.model_metrics",
        "train",
        f"select * from {{relation}} where model = ? {_NEWEST} order by period_as_of desc, metric",
        [name],
    )
    drift = asked.read(
        "observability.drift",
        "observe",
        f"select * from {{relation}} where model = ? {_NEWEST} order by verdict = 'stable',"
        " psi desc limit 30",
        [name],
    )
    return HtmlAnswer(
        "model.html",
        {
            "name": name,
            "metrics": _metrics(measured.rows, measured.missing),
            "drift": HtmlTable(
                "Features that moved most since the training",
                {"feature": "Feature", "verdict": "Verdict", "psi": "PSI", "ks": "KS"},
                [{**r, "verdict": Badge(r["verdict"], _VERDICTS.get(r["verdict"], "plain"))}
                 for r in drift.rows],
                "Drift was not measured.", drift.missing,
            ),
            "plot": _drift_plot(drift.rows),
            **_turned_out(asked, name),
            "moves": moves,
            "may_count": asked.visitor.may(Role.analyst),
        },
    )  # fmt: skip


def _turned_out(asked: Asked, name: str) -> dict[str, Any]:
    """The table and the plot of scorings whose outcomes are known."""
    found = asked.read(
        "ml.performance",
        "score",
        "select * from {relation} where model = ? order by as_of desc, model_version, metric",
        [name],
    )
    rows = [
        {
            "metric": "too few people"
            if row["metric"] is None
            else row["metric"].replace("_", " "),
            "version": row["model_version"],
            "period": f"{row['as_of']:%Y-%m-%d} to {row['until_at']:%Y-%m-%d}",
            "people": row["people"],
            "realized": row["realized"],
            "between": _between(row["realized_low"], row["realized_high"]),
            "promised": _between(row["promised_low"], row["promised_high"]),
            "verdict": Badge(row["verdict"], _TURNED_OUT.get(row["verdict"], "plain")),
        }
        for row in found.rows
    ]
    columns = {
        "metric": "Metric", "version": "Version", "period": "Outcomes of", "people": "People",
        "realized": "Realized", "between": "90% interval", "promised": "Promised",
        "verdict": "Verdict",
    }  # fmt: skip
    empty = "No scoring is old enough that its outcomes are known."
    table = HtmlTable("How past scores turned out", columns, rows, empty)
    return {"turned_out": table, "turned_out_plot": _month_plot(found.rows)}


def _month_plot(rows: list[dict[str, Any]]) -> Any:
    """Realized and promised by month, of the version that each month's last row has."""
    metrics = {row["metric"] for row in rows}
    metric = next((name for name in _PLOTTED if name in metrics), None)
    months = {
        f"{row['as_of']:%Y-%m}": row
        for row in reversed(rows)
        if row["metric"] == metric and row["promised"] is not None
    }
    if metric is None or len(months) < 2:
        return None
    words = metric.replace("_", " ")
    return plots.lines(
        f"{words} of past scores by month, realized and promised",
        {
            "realized": [row["realized"] for row in months.values()],
            "promised": [row["promised"] for row in months.values()],
        },
        list(months),
    )


def _metrics(rows: list[dict[str, Any]], missing: str) -> HtmlTable:
    shaped = [
        {
            "metric": row["metric"].replace("_", " "),
            "period": f"{row['period_as_of']:%Y-%m-%d} to {row['period_until']:%Y-%m-%d}",
            "rows": row["tested_rows"],
            "model": row["model_value"],
            "between": _between(row["model_low"], row["model_high"]),
            "rule": row["rule_value"],
            "rule_between": _between(row["rule_low"], row["rule_high"]),
        }
        for row in rows
    ]
    columns = {
        "metric": "Metric", "period": "Outcomes of", "rows": "Rows", "model": "Model",
        "between": "90% interval", "rule": "Plain rule", "rule_between": "90% interval of the rule",
    }  # fmt: skip
    empty = "No version was tested: the plain rule gives the scores."
    return HtmlTable("Against the plain rule, on outcomes nobody knew", columns, shaped, empty,
                     missing)  # fmt: skip


def _between(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.3g} to {high:.3g}"


def _drift_plot(rows: list[dict[str, Any]]) -> Any:
    found = {row["feature"]: float(row["psi"]) for row in rows[:12] if row["psi"] is not None}
    if not found:
        return None
    return plots.bars("Population stability index of the features that moved most", found)


def card(asked: Asked) -> HtmlAnswer:
    """Versions with their gates, the card and the plots, as the model registry has them."""
    from ml import lifecycle

    name = _named(asked)
    _require_tracking(asked)
    versions = lifecycle.show(asked.settings, name)
    columns = {
        "version": "Version", "alias": "Alias", "as_of": "As of", "snapshot_id": "Lake snapshot",
        "gates": "Gates",
    }  # fmt: skip
    run = _published_run(asked, name)
    files = _files(asked, run)
    return HtmlAnswer(
        "card.html",
        {
            "name": name,
            "versions": HtmlTable("Versions, the newest first", columns, versions, "None yet."),
            "text": run.data.tags.get("mlflow.note.content", "") if run else "",
            "pictures": [file for file in _PICTURES if file in files],
        },
    )


def picture(asked: Asked) -> Download:
    """A plot that the training of the published version logged."""
    from mlflow.artifacts import download_artifacts

    name = _named(asked)
    file = asked.path["file"]
    _require_tracking(asked)
    run = _published_run(asked, name)
    if run is None or file not in _PICTURES or file not in _files(asked, run):
        raise UsageError(
            "this model has no such picture",
            allowed=", ".join(_PICTURES),
            remedy="see the card of the model",
        )
    place = download_artifacts(artifact_uri=f"runs:/{run.info.run_id}/{file}")
    return Download(file, Path(place).read_bytes(), "image/png", is_shown=True)


def _published_run(asked: Asked, name: str) -> Any:
    from ml.registry.tracking import Tracker

    tracker = Tracker(asked.settings, name)
    version = tracker.published()
    return tracker.run_of(version) if version else None


def _files(asked: Asked, run: Any) -> set[str]:
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    if run is None:
        return set()
    try:
        client = MlflowClient(asked.settings.mlflow_uri)
        return {found.path for found in client.list_artifacts(run.info.run_id)}
    except (MlflowException, OSError):
        return set()  # the files are kept elsewhere


def _require_tracking(asked: Asked) -> None:
    """NotReadyError where nothing was trained: a page does not create the registry."""
    place = asked.settings.mlflow_uri.partition("sqlite:///")[2]
    if place and not Path(place).exists():
        raise NotReadyError(
            "no model was trained in this home",
            allowed="a home in which the stage 'train' has run",
            remedy="run `segmentry run --select train`, or the whole job with `segmentry run`",
        )


PAGE = ConsolePage(
    "Models",
    40,
    (
        ConsoleRoute("/models", listing),
        ConsoleRoute("/models/{name}", one_model),
        ConsoleRoute("/models/{name}/promotion", promotion, "POST", Role.analyst),
        ConsoleRoute("/models/{name}/card", card),
        ConsoleRoute("/models/{name}/pictures/{file}", picture),
    ),
)
