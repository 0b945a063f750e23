"""The one shape in which every reader hands records on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

UNREADABLE = "unreadable_file"
# The lake keeps the smallest and largest value of each column in its catalog, where one of many
# megabytes slows every connection; no sender's record comes near this (the Segment Spec allows 32
# KiB).
MAX_RECORD_CHARACTERS = 1 << 20


@dataclass
class Records:
    """A batch of records as parallel lists.

    lines: the position of each in its file, from 1; 0 is the file itself. raws: its text. problems:
    None, or a short code and, behind a colon, what the reader found, without values.
    """

    lines: list[int] = field(default_factory=list)
    raws: list[str] = field(default_factory=list)
    problems: list[str | None] = field(default_factory=list)

    def add(self, line: int, raw: str, problem: str | None = None) -> None:
        """Append one record."""
        self.lines.append(line)
        self.raws.append(raw)
        self.problems.append(problem)

    def after(self, number: int) -> Records:
        """The records behind the first ones."""
        return Records(self.lines[number:], self.raws[number:], self.problems[number:])

    def only(self, is_kept: Callable[[str], bool]) -> Records:
        """The records whose text is kept."""
        kept = Records()
        for line, raw, problem in zip(self.lines, self.raws, self.problems, strict=True):
            if is_kept(raw):
                kept.add(line, raw, problem)
        return kept

    def in_pieces(self) -> Records:
        """The same, with each text that is too long cut into pieces that have its line number and
        are marked as pieces.
        """
        if max(map(len, self.raws), default=0) <= MAX_RECORD_CHARACTERS:
            return self
        whole = Records()
        for line, raw, problem in zip(self.lines, self.raws, self.problems, strict=True):
            starts = range(0, max(len(raw), 1), MAX_RECORD_CHARACTERS)
            for number, start in enumerate(starts, start=1):
                fault = (
                    f"line_too_long: piece {number} of {len(starts)}"
                    if len(starts) > 1
                    else problem
                )
                whole.add(line, raw[start : start + MAX_RECORD_CHARACTERS], fault)
        return whole

    @classmethod
    def unreadable(cls, why: str) -> Records:
        """The one record that represents the unreadable rest of a file."""
        return cls([0], [""], [f"{UNREADABLE}: {why}"])
