"""The language of segments: a row-local predicate over profiles.profiles, as one tree with SQL's
three-valued logic.

``segments.guard`` makes it: it admits ``and or not ( ) = <> < <= > >= between in is null``, columns
of the vocabulary and literals, and names the remedy for everything else. The same tree gives the
SQL of the batch (``to_sql``) and the function for one profile (``segments.evaluation``): one text,
one meaning.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

from segmentry.errors import ConfigError

Scalar = int | float | str | bool | datetime | date
OPERATORS = ("=", "<>", "<", "<=", ">", ">=")
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "number": ("bigint", "integer", "smallint", "tinyint", "hugeint", "double", "float", "decimal"),
    "text": ("varchar", "text", "string"),
    "boolean": ("boolean",),
    "time": ("timestamp",),
    "date": ("date",),
}


class PredicateError(ConfigError):
    """A predicate that the guard refuses."""


@dataclass(frozen=True)
class ProfileColumn:
    """A column of profiles.profiles and the family of its type."""

    name: str
    family: str

    def to_sql(self) -> str:
        """The column as SQL."""
        return self.name


@dataclass(frozen=True)
class Literal:
    """A value written in the predicate."""

    value: Scalar
    family: str
    text: str

    def to_sql(self) -> str:
        """The value as SQL."""
        return self.text


Operand = ProfileColumn | Literal


@dataclass(frozen=True)
class Comparison:
    """``left operator right``."""

    operator: str
    left: Operand
    right: Operand

    def to_sql(self) -> str:
        """The comparison as SQL."""
        return f"{self.left.to_sql()} {self.operator} {self.right.to_sql()}"


@dataclass(frozen=True)
class Between:
    """``operand between low and high``, both ends included."""

    operand: Operand
    low: Operand
    high: Operand

    def to_sql(self) -> str:
        """The range as SQL."""
        return f"{self.operand.to_sql()} between {self.low.to_sql()} and {self.high.to_sql()}"


@dataclass(frozen=True)
class In:
    """``operand in (values)``."""

    operand: Operand
    values: tuple[Literal, ...]

    def to_sql(self) -> str:
        """The list as SQL."""
        return f"{self.operand.to_sql()} in ({', '.join(value.to_sql() for value in self.values)})"


@dataclass(frozen=True)
class Is:
    """``operand is null``, ``is true`` or ``is false``; never unknown itself."""

    operand: Operand
    value: bool | None

    def to_sql(self) -> str:
        """The test as SQL."""
        return (
            f"{self.operand.to_sql()} is"
            f" {'null' if self.value is None else str(self.value).lower()}"
        )


@dataclass(frozen=True)
class Truth:
    """A boolean column or literal by itself."""

    operand: Operand

    def to_sql(self) -> str:
        """The operand as SQL."""
        return self.operand.to_sql()


@dataclass(frozen=True)
class Not:
    """``not part``; unknown stays unknown."""

    part: Predicate

    def to_sql(self) -> str:
        """The negation as SQL."""
        return f"not ({self.part.to_sql()})"


@dataclass(frozen=True)
class Junction:
    """Parts joined by ``and`` or ``or``."""

    word: str
    parts: tuple[Predicate, ...]

    def to_sql(self) -> str:
        """The parts as SQL, nested junctions in parentheses."""
        return f" {self.word} ".join(
            f"({part.to_sql()})" if isinstance(part, Junction) else part.to_sql()
            for part in self.parts
        )


Leaf = Comparison | Between | In | Is | Truth
Predicate = Leaf | Not | Junction


@cache  # every predicate asks for the type of every column
def family_of(data_type: str) -> str:
    """The family of a dbt data type; 'other' for one that predicates cannot compare."""
    base = data_type.lower().partition("(")[0].strip()
    return next((family for family, types in FAMILIES.items() if base in types), "other")


def columns_of(predicate: Predicate) -> list[str]:
    """Names of the columns a predicate reads, in order of appearance, each once."""
    found: dict[str, None] = {}
    for leaf in leaves(predicate):
        for operand in operands(leaf):
            if isinstance(operand, ProfileColumn):
                found[operand.name] = None
    return list(found)


def leaves(predicate: Predicate) -> list[Leaf]:
    """The conditions of a predicate, from left to right."""
    if isinstance(predicate, Junction):
        return [leaf for part in predicate.parts for leaf in leaves(part)]
    return leaves(predicate.part) if isinstance(predicate, Not) else [predicate]


def operands(leaf: Leaf) -> tuple[Operand, ...]:
    """What a condition compares."""
    if isinstance(leaf, Comparison):
        return (leaf.left, leaf.right)
    if isinstance(leaf, Between):
        return (leaf.operand, leaf.low, leaf.high)
    return (leaf.operand,)
