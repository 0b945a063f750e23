"""What a segment may not contain, and the remedy for it. Called by ``segments.guard`` and
``segments.literals``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from sqlglot import exp

from segments.predicates import PredicateError

ALLOWED = "and or not ( ) = <> < <= > >= between in is null, columns of profiles and literals"
FEATURE = "add it as a feature in dbt_project/models/features/, then name its column here"
# The parts of each kind of node that are understood; one with another part is refused, not read
# without it.
_PARTS: Mapping[type[exp.Expr], frozenset[str]] = {
    exp.Between: frozenset({"this", "low", "high"}),
    exp.In: frozenset({"this", "expressions", "query", "unnest"}),
    exp.Cast: frozenset({"this", "to"}),
    exp.Column: frozenset({"this", "table"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.Boolean: frozenset({"this"}),
}
_TWO_PARTS = frozenset({"this", "expression"})
_CLOCKS = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime)
_CLOCK_NAMES = {
    "now",
    "today",
    "get_current_timestamp",
    "current_localtimestamp",
    "transaction_timestamp",
}


def check_parts(node: exp.Expr) -> None:
    """Refuse a node with a part that would be lost."""
    known = _PARTS.get(type(node), _TWO_PARTS)
    surplus = sorted(name for name, value in node.args.items() if value and name not in known)
    if surplus:
        refuse(f"`{node.sql(dialect='duckdb')[:80]}`, with '{surplus[0]}', in a segment", FEATURE)


def refuse_node(node: exp.Expr) -> NoReturn:
    """Raise PredicateError with what to do instead of this node."""
    shown = node.sql(dialect="duckdb")[:80]
    name = node.name.lower() if isinstance(node, exp.Anonymous) else ""
    if isinstance(node, _CLOCKS) or name in _CLOCK_NAMES:
        refuse(
            f"`{shown}` is not allowed in a segment: it would change without any new fact",
            "use a feature such as days_since_last_order, or add one in"
            " dbt_project/models/features/",
        )
    if isinstance(node, exp.Null):
        refuse("a comparison with null, which is never true", "write `is null` or `is not null`")
    if isinstance(node, exp.Subquery | exp.Select | exp.Exists):
        refuse("a sub-query in a segment", f"a segment reads one row at a time: {FEATURE}")
    if isinstance(node, exp.Window | exp.AggFunc):
        refuse(
            f"`{shown}`, which looks at many rows", f"a segment reads one row at a time: {FEATURE}"
        )
    refuse(f"`{shown}` is not allowed in a segment", FEATURE)


def refuse(received: str, remedy: str, *, allowed: str = ALLOWED) -> NoReturn:
    """Raise PredicateError."""
    raise PredicateError(received, allowed=allowed, remedy=remedy)
