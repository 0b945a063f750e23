"""Names of the array types, and the random streams."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


class Stream(IntEnum):
    """One independent random stream per subject, so that a change in one leaves the others' draws
    alone.
    """

    population = 1
    devices = 2
    life = 3
    visits = 4
    timeline = 5
    identity = 6
    orders = 7
    mail = 8
    tickets = 9
    surveys = 10
    contacts = 11
    plans = 12
    consents = 13
    dirt = 14
    bots = 15
    rendering = 16
    views = 17


def stream(seed: int, subject: Stream, *keys: int) -> np.random.Generator:
    """The random stream of one subject, and of one day when a day is given (from 0)."""
    return np.random.default_rng([seed, int(subject), *keys])


def choose(rng: np.random.Generator, weights: Sequence[float], size: int) -> Ints:
    """Indexes drawn with these weights, which need not add up to one."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn: Ints = np.searchsorted(edges, rng.random(size) * edges[-1], side="right").astype(
        np.int64
    )
    return np.minimum(drawn, len(edges) - 1)


def hex_ids(rng: np.random.Generator, size: int) -> list[str]:
    """Random 32-digit hexadecimal ids."""
    text = rng.bytes(16 * size).hex()
    return [text[at : at + 32] for at in range(0, 32 * size, 32)]


def iso(milliseconds: Ints) -> list[str]:
    """Milliseconds since 1970 as ISO 8601 UTC with milliseconds."""
    texts = np.datetime_as_string(milliseconds.astype("datetime64[ms]"), unit="ms")
    return [text + "Z" for text in texts.tolist()]
