"""What may be written of a fault: its frames and types, never the values that an exception's text
may quote.
"""

from __future__ import annotations

import errno
import re
import traceback
from collections.abc import Iterator

from segmentry.errors import SegmentryError

_FULL = re.compile(
    r"no space left on device|disk quota exceeded|database or disk is full|could not write all"
    r" bytes|"
    r"failed to offload data block|max_temp_directory_size|file too large",
    re.IGNORECASE,
)

_CONFLICT = re.compile(
    r"transaction conflict|write-write conflict|conflict on (?:tuple|update|commit)"
    r"|failed to commit ducklake transaction|could not serialize access|deadlock detected",
    re.IGNORECASE,
)


class DiskFull(SegmentryError):
    """The disk of the home, of the lake's files or of the scratch folder has no room."""


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what caused it, the newest first."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def frames(error: BaseException) -> str:
    """The frames and types of an error and its causes, oldest first, without their texts."""
    parts: list[str] = []
    for one in chain(error):
        parts = [*traceback.format_tb(one.__traceback__), f"{type(one).__name__}\n", *parts]
    return "".join(parts)


def means_disk_full(text: str) -> bool:
    """Whether a library's message means that a disk has no room."""
    return _FULL.search(text) is not None


def disk_full(error: BaseException) -> DiskFull | None:
    """The message for an operator when the error, or a cause of it, is a full disk."""
    for one in chain(error):
        if isinstance(one, DiskFull):
            return one
        number = one.errno if isinstance(one, OSError) else None
        if number in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG} or (
            number is None and means_disk_full(str(one))
        ):
            return no_room()
    return None


def is_conflict(error: BaseException) -> bool:
    """Whether another writer of the lake was first, so that the same work can simply be done again:
    DuckLake ends a transaction whose relation another one made or changed meanwhile.
    """
    return any(
        type(one).__name__ == "TransactionException" or _CONFLICT.search(str(one)) is not None
        for one in chain(error)
        if not isinstance(one, SegmentryError)
    )


def no_room() -> DiskFull:
    """The one message for a full disk, wherever it was noticed."""
    return DiskFull(
        "the disk is full: nothing more could be written",
        allowed=(
            "room for the home (SEGMENTRY_HOME), the lake's files (SEGMENTRY_LAKE_DATA) and scratch"
            " files"
        ),
        remedy=(
            "free space (`segmentry doctor` shows what there is), then run the same command again;"
            " what was published before stays published"
        ),
    )
