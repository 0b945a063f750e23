"""What a fitted model answers about many people: a score each, and a choice where it chooses. The
trainers define how each kind of model is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from ml import processes
from ml.estimators import Array
from ml.evaluate.metrics import Vector


class Answers(NamedTuple):
    """Each row's score (a probability or an amount), and the most likely choice where the model is
    about choices.
    """

    scores: Vector
    outcomes: Array | None


Ask = Callable[[pd.DataFrame], Answers]


def of_all(ask: Ask, features: pd.DataFrame) -> Answers:
    """The answers about all rows, asked in several processes if there are many."""
    found = processes.each(lambda part: ask(features.iloc[part]), processes.slices(len(features)))
    outcomes = [one.outcomes for one in found if one.outcomes is not None]
    return Answers(
        np.concatenate([one.scores for one in found]),
        np.concatenate(outcomes) if outcomes else None,
    )
