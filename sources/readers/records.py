"""The one shape in which every reader hands records on."""

from __future__ import annotations

from dataclasses import dataclass, field

UNREADABLE = "unreadable_file"


@dataclass
class Records:
    """A batch of records as parallel lists.

    lines: where each stands in its file, from 1; 0 is the file itself. raws: its text. problems: None, or a short code
    and, behind a colon, what the reader found, without values.
    """

    lines: list[int] = field(default_factory=list)
    raws: list[str] = field(default_factory=list)
    problems: list[str | None] = field(default_factory=list)

    def add(self, line: int, raw: str, problem: str | None = None) -> None:
        """Append one record."""
        self.lines.append(line)
        self.raws.append(raw)
        self.problems.append(problem)

    @classmethod
    def unreadable(cls, why: str) -> Records:
        """The one record that stands for what could not be read of a file."""
        return cls([0], [""], [f"{UNREADABLE}: {why}"])
