"""Templates in Liquid, checked when they are loaded: what they name, how long they may work, and
where they print.

A template that passes here ends: it has no include and no recursion, and its loops are counted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from liquid import BoundTemplate, Environment, StrictUndefined
from liquid.ast import Node
from liquid.builtin import content as text_tag
from liquid.builtin import illegal, output
from liquid.builtin.expressions import FilteredExpression, LoopExpression
from liquid.builtin.expressions.primitive import IntegerLiteral, RangeLiteral
from liquid.builtin.tags import (
    assign_tag,
    capture_tag,
    case_tag,
    comment_tag,
    for_tag,
    if_tag,
    inline_comment_tag,
    unless_tag,
)
from liquid.exceptions import LiquidError
from liquid.expression import Expression

from experiments.content import markup
from experiments.content.filters import FILTERS, MOST_CHARACTERS, time_box
from segmentry.errors import ConfigError

# Parts of a template (texts, values, tags), each counted as often as its loops repeat it. A page
# shows dozens of products, not thousands.
MOST_STEPS = 20_000
MOST_TURNS = 1_000
# A list that is not a range: a text that is split, at most so many parts are assumed.
_TURNS_OF_A_LIST = 50
MOST_BYTES_OF_A_FILE = 50_000
# The tags above look at no context for their parts; the library's include would.
_NO_CONTEXT: Any = None
_NAME = re.compile(r"\{%-?\s*(#|\w+)")
_TAGS = (
    if_tag.IfTag, unless_tag.UnlessTag, case_tag.CaseTag, for_tag.ForTag, for_tag.BreakTag,
    for_tag.ContinueTag, assign_tag.AssignTag, capture_tag.CaptureTag, comment_tag.CommentTag,
    inline_comment_tag.InlineCommentTag,
)  # fmt: skip
_BRANCHES = {"else", "elsif", "when", "endif", "endunless", "endcase", "endfor", "endcapture",
             "endcomment"}  # fmt: skip
ALLOWED_TAGS = frozenset(tag.name for tag in _TAGS)


class TemplateError(ConfigError):
    """A template that is refused when it is loaded."""


class _Sandbox(Environment):
    """Liquid with the tags and filters above and nothing else, and with limits."""

    loop_iteration_limit = MOST_TURNS
    output_stream_limit = MOST_CHARACTERS
    local_namespace_limit = 4 * MOST_CHARACTERS
    context_depth_limit = 20
    block_nesting_limit = 20

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        for tag in (text_tag.Literal, output.Output, illegal.Illegal, *_TAGS):
            self.add_tag(tag)
        for name, function in FILTERS.items():
            self.add_filter(name, function)


@cache
def _sandbox(is_html: bool) -> _Sandbox:
    return _Sandbox(undefined=StrictUndefined, strict_filters=True, autoescape=is_html)


@dataclass(frozen=True)
class Template:
    """A template that passed its checks. columns: what it reads; bare: those that it prints without
    a default, so that a reader may see a gap.
    """

    columns: frozenset[str]
    bare: frozenset[str]
    _bound: BoundTemplate

    def render(self, values: Mapping[str, Any]) -> str:
        """The text for these values; raises LiquidError beyond a limit.

        values: column to value; a column of the template that is missing is None.
        """
        with time_box():
            return self._bound.render({name: values.get(name) for name in self.columns})


def load(
    text: str,
    place: str,
    words: Iterable[str],
    *,
    is_html: bool,
    refused: frozenset[str] = frozenset(),
) -> Template:
    """A template from its text, or TemplateError that names what to change.

    place: file and variant, for messages. words: the names it may use; of them, refused are those
    that identify a person.
    """
    if len(text.encode()) > MOST_BYTES_OF_A_FILE:
        _refuse(place, f"the template has more than {MOST_BYTES_OF_A_FILE} bytes", "shorten it")
    _check_tags(text, place)
    try:
        bound = _sandbox(is_html).from_string(text, name=place)
        found = bound.analyze(include_partials=False)
    except (LiquidError, RecursionError) as error:
        _refuse_parsed(error, place)
    if unknown := sorted(set(found.filters) - set(FILTERS)):
        _refuse(
            place,
            f"there is no filter '{unknown[0][:40]}'",
            "use one of these, or make the value a feature",
            allowed=", ".join(sorted(FILTERS)),
        )
    columns = frozenset(found.globals)
    _check_names(found.globals, place, frozenset(words), refused)
    _check_loops(bound.nodes, place)
    if is_html and (wrong := markup.faults(text)):
        _refuse(
            place,
            f"{wrong[0]}: escaping does not protect there",
            "print values as text, in a quoted attribute, or after the start of an address",
            allowed='<a href="/shop/{{ top_viewed_category_90d | url_encode }}">',
        )
    template = Template(columns, frozenset(_bare(bound.nodes)) & columns, bound)
    try:
        template.render({})
    except LiquidError as error:
        _refuse_parsed(error, place)
    return template


def _check_tags(text: str, place: str) -> None:
    for name in _NAME.findall(text):
        if name in {"include", "render", "extends", "layout", "block", "import"}:
            _refuse(
                place,
                f"the tag '{name}' reads another file",
                "write the text into this template; one file is one variant",
                allowed=", ".join(sorted(ALLOWED_TAGS)),
            )
        if name not in ALLOWED_TAGS | _BRANCHES:
            _refuse(
                place,
                f"there is no tag '{name[:40]}'",
                "use one of the tags below docs/how-to/personalize.md",
                allowed=", ".join(sorted(ALLOWED_TAGS)),
            )


def _check_names(
    found: Mapping[str, Any], place: str, words: frozenset[str], refused: frozenset[str]
) -> None:
    for name, uses in found.items():
        if name not in words:
            near = difflib.get_close_matches(name, words, n=3, cutoff=0.6)
            hint = f"did you mean {' or '.join(near)}? " if near else ""
            _refuse(
                place,
                f"the template names '{name[:60]}', which is not known",
                f"{hint}Add a trait or a feature of that name, or correct it",
                allowed="columns of dbt_project/models/profiles/profiles.yml and request_*",
            )
        if name in refused:
            _refuse(
                place,
                f"the template prints '{name}', which identifies a person",
                "use a trait, such as first_name",
            )
        if any(len(use.segments) > 1 for use in uses):
            _refuse(
                place,
                f"the template reads a part of '{name}', which has none",
                f"write {{{{ {name} }}}} and filters",
            )


def _check_loops(nodes: Iterable[Node], place: str) -> None:
    steps = sum(_steps(node, place) for node in nodes)
    if steps > MOST_STEPS:
        _refuse(
            place,
            f"the loops of the template may take {steps:,} steps",
            "shorten the ranges, or give the loop a limit",
            allowed=f"{MOST_STEPS:,} steps: parts, each as often as its loops repeat it",
        )


def _steps(node: Node, place: str) -> int:
    expressions = list(node.expressions())
    for expression in expressions:
        _check_ranges(expression, place)
    parts: Iterable[Node] = node.children(_NO_CONTEXT)
    inner = sum(_steps(child, place) for child in parts)
    turns = [_length(found) for found in expressions if isinstance(found, LoopExpression)]
    return 1 + inner * (turns[0] if turns else 1)


def _length(loop: LoopExpression) -> int:
    length = _TURNS_OF_A_LIST
    if isinstance(loop.iterable, RangeLiteral):
        length = _span(loop.iterable) or 0
    if isinstance(loop.limit, IntegerLiteral):
        length = min(length, max(loop.limit.value, 0))
    return length


def _check_ranges(expression: Expression, place: str) -> None:
    if isinstance(expression, RangeLiteral):
        span = _span(expression)
        if span is None or span > MOST_TURNS:
            _refuse(
                place,
                f"the range {expression} " + ("has an open end" if span is None else "is too long"),
                "write both ends as numbers",
                allowed=f"a range of at most {MOST_TURNS:,} numbers, such as (1..5)",
            )
    for child in expression.children():
        _check_ranges(child, place)


def _span(found: RangeLiteral) -> int | None:
    if isinstance(found.start, IntegerLiteral) and isinstance(found.stop, IntegerLiteral):
        return max(0, found.stop.value - found.start.value + 1)
    return None


def _bare(nodes: Iterable[Node]) -> Iterator[str]:
    """Names that are printed as they are, without the filter default and outside of a branch."""
    for node in nodes:
        if isinstance(node, output.OutputNode) and isinstance(node.expression, FilteredExpression):
            names = [found.name for found in node.expression.filters or ()]
            path = getattr(node.expression.left, "path", None)
            if path and "default" not in names:
                yield str(path[0])


def _refuse_parsed(error: Exception, place: str) -> NoReturn:
    if isinstance(error, RecursionError):
        _refuse(place, "the template is nested too deeply", "write it flatter")
    text = str(getattr(error, "message", None) or error).splitlines()[0][:200]
    token = getattr(error, "token", None)
    if token is not None and token.start_index >= 0:
        text += f", in line {token.source.count(chr(10), 0, token.start_index) + 1}"
    _refuse(place, f"the template does not work: {text}", "correct that line")


def _refuse(place: str, received: str, remedy: str, *, allowed: str = "") -> NoReturn:
    raise TemplateError(f"{place}: {received}", allowed=allowed, remedy=remedy)
