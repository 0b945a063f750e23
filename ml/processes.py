"""Asks a fitted model about many people in several processes at once."""

from __future__ import annotations

import itertools
import os
import pickle
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, TypeVar

T = TypeVar("T")
# rows a process must have to be worth starting: at 300,000 rows a second, a sixth of a second
ALONE_BELOW = 50_000


def slices(rows: int, most: int | None = None) -> list[slice]:
    """Equal stretches of the rows, one per core (or ``most``), none shorter than it is worth."""
    cores = most or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    count = max(1, min(cores, rows // ALONE_BELOW))
    ends = [rows * number // count for number in range(count + 1)]
    return [slice(low, high) for low, high in itertools.pairwise(ends)]


def each(work: Callable[[slice], T], parts: Sequence[slice]) -> list[T]:
    """What the work returns for each part, in their order: the first is done here, each other one
    in a fork of its own.

    A fork shares the model and the rows, so nothing is copied but results. Where one dies its part
    is done here.
    """
    from threadpoolctl import threadpool_limits

    if len(parts) == 1:
        return [work(parts[0])]
    # One thread per process: more would wait for each other, and a fork cannot use threads that its
    # parent made.
    with threadpool_limits(1):
        begun = [(part, _begin(work, part)) for part in parts[1:]]
        first = work(parts[0])
        return [first, *(_finish(work, part, *fork) for part, fork in begun)]


def _begin(work: Callable[[slice], Any], part: slice) -> tuple[int, BinaryIO]:
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        return child, os.fdopen(reading, "rb")
    try:
        os.close(reading)
        with os.fdopen(writing, "wb") as pipe:
            pickle.dump(work(part), pipe, protocol=pickle.HIGHEST_PROTOCOL)
    finally:
        os._exit(0)  # without what the parent has registered for its own end


def _finish(work: Callable[[slice], T], part: slice, child: int, pipe: BinaryIO) -> T:
    with pipe:
        pickled = pipe.read()
    os.waitpid(child, 0)
    try:
        result: T = pickle.loads(pickled)  # noqa: S301 (our own fork wrote it, to a pipe of its own)
    except (EOFError, pickle.UnpicklingError):
        return work(part)
    return result
