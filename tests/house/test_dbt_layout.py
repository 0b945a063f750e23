"""The layout of a model: import CTEs first, then CTEs of one job each, then a select of these."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.house.test_budgets import relative, tracked

_CTE = re.compile(r"(?:\b\w+|\w+\{\{[^{}]*\}\}) as (?:\{\{ streamed\(\) \}\} )?\(")
_REF = re.compile(r"\b(?:ref|source)\(")
_IMPORT = re.compile(
    r"\s*select\b(?:(?!\b(?:select|from|distinct|over)\b).)*\bfrom\s+"
    r"\{\{\s*(?:ref|source|partial_or_full)\([^{}]*\)\s*\}\}(?:\s+as\s+\w+)?\s*(?:\bwhere\b.*)?",
    re.DOTALL,
)
_WORK = re.compile(r"\b(?:join|group by|union|except|intersect|order by|qualify|having)\b")
# What is no part of the statement: comments, hooks, the order of models, branches and loops.
_ASIDE = re.compile(
    r"\{#.*?#\}|--[^\n]*|\{\{\s*config\(.*?\)\s*\}\}(?=\n)|\{%-?\s*do build_after\(.*?%\}"
    r"|\{%-?\s*(?:if|elif|else|endif|for|endfor)\b.*?%\}",
    re.DOTALL,
)


def is_import(body: str) -> bool:
    """Whether the body of a CTE is a select of one relation: its rows and columns, no more."""
    relations = 2 if "partial_or_full(" in body else 1
    return (
        _IMPORT.fullmatch(body) is not None
        and _WORK.search(body) is None
        and len(_REF.findall(body)) == relations
    )


def ctes(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and body of each CTE; a loop gives each of its CTEs a name of its own."""
    for match in _CTE.finditer(text):
        depth = 1
        end = match.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        yield match.start(), end, text[match.end() : end - 1]


def has_layout(text: str) -> bool:
    """Whether every ref of a model is in an import, or the model is one select, or one macro call,
    of one relation.
    """
    text = _ASIDE.sub("", text)
    is_one_call = "select" not in text and len(_REF.findall(text)) == 1
    if is_one_call or is_import(text):
        return True
    for start, end, body in reversed(list(ctes(text))):
        if is_import(body):
            text = text[:start] + text[end:]
    return not _REF.search(text)


def without_layout() -> dict[str, Path]:
    """Models with a ref outside of an import."""
    files = tracked("dbt_project/models/*.sql")
    return {path.stem: path for path in files if not has_layout(path.read_text(encoding="utf-8"))}


def test_refs_are_in_import_ctes() -> None:
    found = without_layout()
    over = [relative(found[name]) for name in sorted(found)]
    assert not over, (
        "a ref is in an import CTE, `name as (select * from {{ ref('x') }})`, and the model ends"
        " with a select of CTEs:\n" + "\n".join(over)
    )


def test_the_layout_is_recognized() -> None:
    both = "with\n\na as (\n    select * from {{ ref('a') }} where x < {{ as_of() }}\n),\n\n"
    assert has_layout(both + "b as (select x from a group by x)\n\nselect x from b\n")
    assert has_layout("select x from {{ ref('a') }}\nwhere y\n")
    each = (
        "{% for n in all() %}\nof_{{ n }} as (\n    select x from {{ ref(n) }}\n),\n{% endfor %}\n"
    )
    assert has_layout(f"with\n\n{each}b as (select x from of_c)\n\nselect x from b\n")
    streamed = both.replace("a as (", "a as {{ streamed() }} (")
    assert has_layout(streamed + "b as (select x from a union all select y from a) select x from b")
    assert not has_layout(f"with\n\n{each.replace('x from', 'distinct x from')}select 1")
    assert not has_layout(both + "select * from a join {{ ref('b') }} on true\n")
    assert not has_layout("select * from {{ ref('a') }} join {{ ref('b') }} using (x)\n")
    assert not has_layout(both + "b as (select distinct x from {{ ref('b') }})\n\nselect * from b")
