"""Cases whose review by a person would help a model most, and the verdicts of people on them.

Scoring writes the cases to ``ml.reviews``. A verdict (0 or 1) comes back as a row of
``ml.verdicts``, or in a CSV file ``reviews/<model>.csv`` in SEGMENTRY_HOME with the columns
profile_id, as_of, verdict. The next training uses it as the outcome of that person at that time
and counts the row several times (policy ``training.verdict_weight``). On personas a verdict is a
name, and comes back in ``ml.persona_verdicts`` or such a file.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from ml.evaluate.metrics import Vector
from segmentry import warehouse
from segmentry.errors import UsageError
from segmentry.settings import Settings

CASES = 50  # per model and scoring: what a person can look at in an hour
COLUMNS = ["profile_id", "as_of", "verdict"]
Check = Callable[[pd.Series], pd.Series]


def cases(
    model: str, as_of: datetime, people: pd.DataFrame, scores: Vector, other: Vector | None
) -> pd.DataFrame:
    """The people whose probability is nearest to one half, and those whose probability by another
    version differs most.
    """
    unsure = pd.DataFrame(
        {"profile_id": people["profile_id"], "reason": "uncertain", "score": scores}
    )
    unsure["doubt"] = 1 - 2 * np.abs(scores - 0.5)
    found = unsure.nlargest(CASES // 2, "doubt", keep="first").assign(evidence="near one half")
    if other is not None:
        apart = unsure.assign(reason="disputed", doubt=np.abs(scores - other))
        apart["evidence"] = [f"the challenger predicts {value:.3f}" for value in other]
        found = pd.concat([found, apart.nlargest(CASES // 2, "doubt", keep="first")])
    found = found.drop_duplicates("profile_id")
    return found.assign(model=model, as_of=as_of)[
        ["profile_id", "model", "as_of", "reason", "score", "doubt", "evidence"]
    ]


def between_two(model: str, assigned: pd.DataFrame) -> pd.DataFrame:
    """The people most torn between two personas; ``assigned`` as ``ml.assignment.assign`` makes
    it.
    """
    torn = assigned[assigned["status"] == "ambiguous"].rename(columns={"confidence": "score"})
    torn = torn.assign(
        model=model, reason="ambiguous", doubt=1 - (torn["score"] - torn["second_confidence"])
    )
    torn = torn.nlargest(CASES, "doubt", keep="first")
    torn["evidence"] = [
        f"{first} {score:.2f}, {second} {other:.2f}"
        for first, score, second, other in zip(
            torn["persona"], torn["score"], torn["second"], torn["second_confidence"], strict=True
        )
    ]
    return torn[["profile_id", "model", "as_of", "reason", "score", "doubt", "evidence"]]


def verdicts(settings: Settings, model: str) -> pd.DataFrame | None:
    """profile_id, as_of, verdict of a model: those of the table and those of the file, which take
    precedence; None if there are none.
    """
    return _returned(settings, model, "ml.verdicts", lambda given: given.isin([0, 1]), "0 or 1")


def of_personas(settings: Settings, model: str, names: Collection[str]) -> pd.Series:
    """The persona of each reviewed profile by its id, as its newest verdict names it; empty if
    there is none.

    names: every persona, current or retired; a file that names another is refused.
    """
    allowed = ", ".join(sorted(names))
    found = _returned(
        settings,
        model,
        "ml.persona_verdicts",
        lambda given: given.isin(list(names)),
        f"one of {allowed}",
    )
    if found is None:
        return pd.Series(dtype=object)
    newest = found.sort_values("as_of", kind="stable").drop_duplicates("profile_id", keep="last")
    return pd.Series(
        newest["verdict"].to_numpy(), index=newest["profile_id"].to_numpy(), dtype=object
    ).sort_index()


def _returned(
    settings: Settings, model: str, relation: str, is_valid: Check, allowed: str
) -> pd.DataFrame | None:
    found = pd.DataFrame(columns=COLUMNS)
    with warehouse.connect(settings, read_only=True) as lake:
        if warehouse.relation_exists(lake, relation):
            query = (
                f"select profile_id, as_of, verdict from {relation} where model = ? order by all"
            )
            found = lake.execute(query, [model]).df()
    path = settings.home / "reviews" / f"{model}.csv"
    if path.exists():
        given = _file(path, is_valid, allowed)
        found = pd.concat([found, given], ignore_index=True) if len(found) else given
    return (
        None
        if found.empty
        else found.drop_duplicates(["profile_id", "as_of"], keep="last", ignore_index=True)
    )


def _file(path: Path, is_valid: Check, allowed: str) -> pd.DataFrame:
    rows = pd.read_csv(path, dtype={"profile_id": str})
    bad = [name for name in COLUMNS if name not in rows.columns]
    times = (
        pd.to_datetime(rows["as_of"], errors="coerce")
        if not bad
        else pd.Series(dtype="datetime64[us]")
    )
    if bad or times.isna().any() or not is_valid(rows["verdict"]).all():
        raise UsageError(
            f"{path} cannot be used: "
            + (f"no column {', '.join(bad)}" if bad else "an as_of or verdict is not valid"),
            allowed=f"a CSV file with profile_id, as_of (ISO 8601) and verdict ({allowed})",
            remedy="correct the file, or move it away to go on without it",
        )
    return rows.assign(as_of=times)[COLUMNS]
