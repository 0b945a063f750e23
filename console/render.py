"""Turns answers of pages into HTML. Every value is escaped; markup has a type of its own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2

from console import cells

FOLDER = Path(__file__).parent


@cache
def environment() -> jinja2.Environment:
    """Jinja with the templates; an undefined name is an error."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(shown=cells.shown, kind=_kind, path_part=_path_part)
    return made


def html(template: str, values: dict[str, Any]) -> str:
    """The page."""
    return environment().get_template(template).render(values)


def _kind(value: object) -> str:
    """How a cell is written: anchor, badge, shade, number or text."""
    names = {cells.Anchor: "anchor", cells.Badge: "badge", cells.Shade: "shade"}
    for kind, name in names.items():
        if isinstance(value, kind):
            return name
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if is_number else "text"


def _path_part(text: str) -> str:
    return quote(text, safe="")
