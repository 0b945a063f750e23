"""What a reader learns of a file's columns while it reads: how they are written, and what nothing
will read.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sources.columns import SourceFields, canonical_names, shown_name
from sources.guesses import is_opt_out

# Names of columns that a file may add to the account; a sender that uses ids as names would fill
# the memory.
MAX_NAMES = 500
# difflib's ratio from which a name is worth a suggestion: `fone` and `phone` have 0.67, `name` and
# `email` 0.44.
NEAR = 0.65
# From this share of a column's values on, two columns are reported as swapped.
SWAPPED_SHARE = 0.5
_PHONE = re.compile(r"[+\d][\d ()./-]{5,}")


@dataclass(frozen=True)
class UnreadColumn:
    """A column that is not read under its written name. read_as: None when nothing reads it.

    records: those with a value in it.
    """

    written: str
    read_as: str | None
    records: int


class Seen:
    """The account of one file. ``is_usable``: a record was seen that has all it needs to be
    judged.
    """

    def __init__(self, known: SourceFields) -> None:
        self.known = known
        self.is_usable = False
        self.faults: Counter[str] = Counter()
        self._readable = frozenset(known.names)
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._written: dict[str, str] = {}
        self._filled: Counter[str] = Counter()
        self._values: Counter[str] = Counter()
        self._odd: Counter[str] = Counter()

    @property
    def is_needed(self) -> bool:
        """Whether records still have to be looked at: where columns are known all of them, else up
        to a usable one.
        """
        return bool(self._readable) or not self.is_usable

    def names(self, written: tuple[str, ...]) -> tuple[str, ...]:
        """The names under which the fields of a record are kept."""
        if not self._readable:
            return written
        found = self._names.get(written)
        if found is None:
            found = canonical_names(written, self.known.names)
            if len(self._names) < MAX_NAMES:
                self._names[written] = found
            for one, other in zip(written, found, strict=True):
                if len(self._written) < MAX_NAMES:
                    self._written.setdefault(one, other)
        return found

    def record(self, fields: Mapping[str, object]) -> None:
        """Take in a record under its canonical names."""
        lacking = [name for name in self.known.required if _is_blank(fields.get(name))]
        if lacking:
            self.faults.update(lacking)
        else:
            self.is_usable = True
        if not self._readable:
            return
        for name in fields.keys() - self._readable:
            if not _is_blank(fields[name]) and (
                name in self._filled or len(self._filled) < MAX_NAMES
            ):
                self._filled[name] += 1
        self._watch(fields.get("email"), fields.get("phone"))

    def _watch(self, email: object, phone: object) -> None:
        if isinstance(email, str) and email.strip():
            self._values["email"] += 1
            self._odd["email"] += "@" not in email and _PHONE.fullmatch(email.strip()) is not None
        if isinstance(phone, str) and phone.strip():
            self._values["phone"] += 1
            self._odd["phone"] += "@" in phone

    @property
    def written(self) -> Mapping[str, str]:
        """Each written name, and the known one that it means."""
        return self._written

    def columns(self) -> list[UnreadColumn]:
        """Columns that are read under another name than they are written, or by nothing at all."""
        found = []
        for written, name in self._written.items():
            read_as = name if name in self._readable else None
            if self._readable and read_as != written:
                found.append(
                    UnreadColumn(written, read_as, self._filled[name] if read_as is None else 0)
                )
        return found

    def unread(self) -> list[str]:
        """Names that nothing reads, as written."""
        return [column.written for column in self.columns() if column.read_as is None]

    def absent(self) -> list[str]:
        """Known columns that the file does not have."""
        there = set(self._written.values())
        return (
            [name for name in self.known.names if name not in there]
            if there
            else list(self.known.names)
        )

    def hints(self) -> list[str]:
        """What an operator should look at, in names of columns, never values."""
        found = [
            f"{shown_name(name)}: did you mean {near}?" for name, near in self.near_names().items()
        ]
        found += [
            f"{shown_name(name)} may be an opt-out and nothing reads it: load it as `consents`"
            " (docs/how-to/consent.md)"
            for name in self.unread()
            if is_opt_out(name)
        ]
        for name, like in (("email", "phone numbers"), ("phone", "e-mail addresses")):
            odd = self._odd[name]
            values = self._values[name]
            if odd and odd >= SWAPPED_SHARE * values:
                found.append(f"{odd} of {values} values of {name} look like {like}")
        return found

    def near_names(self) -> dict[str, str]:
        """Unread names that come near a column which the file lacks."""
        return near_names(self.unread(), self.absent())


def near_names(written: Sequence[str], absent: Sequence[str]) -> dict[str, str]:
    """For each written name the absent column that it comes nearest to, where one is near."""
    lowered = {name.casefold(): name for name in absent}
    found = {}
    for name in written:
        if near := difflib.get_close_matches(
            name.strip().casefold(), list(lowered), n=1, cutoff=NEAR
        ):
            found[name] = lowered[near[0]]
    return found


def _is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())
