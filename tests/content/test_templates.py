"""Templates: what is refused when they are loaded, and what a hostile value can do in one."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from liquid.exceptions import LiquidError

from experiments.content import templates
from experiments.content.filters import FILTERS
from experiments.content.templates import Template, TemplateError

WORDS = ("first_name", "city", "orders_lifetime", "last_order_at", "email", "request_hour")


def load(text: str, *, is_html: bool = True) -> Template:
    return templates.load(
        text, "banner: loyal", WORDS, is_html=is_html, refused=frozenset({"email"})
    )


@pytest.mark.parametrize(
    ("text", "received", "remedy"),
    [
        ("{% for i in (1..900000000) %}x{% endfor %}", "too long", "ends as numbers"),
        ("{% for i in (1..orders_lifetime) %}x{% endfor %}", "open end", "ends as numbers"),
        ("{{ (1..123456789) | join }}", "too long", "ends as numbers"),
        (
            "{% for i in (1..200) %}{% for j in (1..200) %}x{% endfor %}{% endfor %}",
            "steps", "shorten the ranges",
        ),
        ("{% for i in (1..990) %}{{ i }}" + "{{ city }}" * 30 + "{% endfor %}", "steps", "shorten"),
        ("{% include 'secrets' %}", "reads another file", "into this template"),
        ("{%- render '../policies.yml' -%}", "reads another file", "into this template"),
        ("{% extends 'base' %}", "reads another file", "into this template"),
        ("{% while true %}{% endwhile %}", "no tag 'while'", "one of the tags"),
        ("{% tablerow i in (1..3) %}{% endtablerow %}", "no tag 'tablerow'", "one of the tags"),
        ("{{ frist_name }}", "names 'frist_name'", "did you mean first_name"),
        ("{% if nickname %}{% endif %}", "names 'nickname'", "Add a trait or a feature"),
        ("{% assign x = nickname %}{{ x }}", "names 'nickname'", "Add a trait or a feature"),
        ("{{ now | date: '%Y' }}", "names 'now'", "Add a trait or a feature"),
        ("{{ first_name.size }}", "a part of 'first_name'", "filters"),
        ("{{ first_name.__class__ }}", "a part of", "filters"),
        ("{{ email }}", "identifies a person", "first_name"),
        ("{{ first_name | safe }}", "no filter 'safe'", "use one of these"),
        ("{{ first_name | base64_decode }}", "no filter 'base64_decode'", "use one of these"),
        ("a\n{% if first_name %}\nno end", "does not work", "correct that line"),
        ("{{ first_name", "does not work", "correct that line"),
        ("x" * 60_000, "bytes", "shorten it"),
        ("{% assign a = 'ab' %}" + "{% assign a = a | append: a %}" * 40, "characters", "correct"),
        ("{% assign n = 9 %}" + "{% assign n = n | times: n %}" * 40, "digits", "correct"),
        ("{{ 'aaaa' | replace: 'a', 'aaaaaaaaaa'" + " | replace: 'a', 'aaaaaaaaaa'" * 9 + " }}",
         "characters", "correct"),
    ],
)  # fmt: skip
def test_a_template_that_could_do_harm_is_refused(text: str, received: str, remedy: str) -> None:
    with pytest.raises(TemplateError) as refused:
        load(text)
    assert received in refused.value.received
    assert remedy in refused.value.remedy
    assert refused.value.received.startswith("banner: loyal: ")


@pytest.mark.parametrize(
    "text",
    [
        "<a href='{{ city }}'>x</a>",
        '<a href=" {{ city }}/x">x</a>',
        '<a href="https://{{ city }}.example/">x</a>',
        '<a href="//{{ city }}">x</a>',
        "<a href=/{{ city }}>x</a>",
        "<img src=x onerror='f({{ city }})'>",
        "<p style='color:{{ city }}'>x</p>",
        "<script>f('{{ city }}')</script>",
        "<style>{{ city }}</style>",
        "<{{ city }}>",
        "</{{ city }}>",
        "<p {{ city }}=1>",
        "<p {{ city }}>",
        "<p title={{ city }}",
        "<p title='{{ city }}",
        '<meta http-equiv="refresh" content="0; {{ city }}">',
        "{% assign x = city %}<iframe srcdoc='{{ x }}'></iframe>",
    ],
)
def test_a_value_where_escaping_does_not_protect_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="escaping does not protect"):
        load(text)
    assert load(text, is_html=False)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("Hello {{ first_name | default: 'there' }}", {}, "Hello there"),
        ("Hello {{ first_name | default: 'there' }}", {"first_name": "Ann"}, "Hello Ann"),
        ("{{ first_name }}", {"first_name": None}, ""),
        ("{% if orders_lifetime > 2 %}+{% else %}-{% endif %}", {"orders_lifetime": 3}, "+"),
        ("{% for i in (1..3) %}{{ forloop.index }}{{ city }}{% endfor %}", {"city": "B"}, "1B2B3B"),
        ("{% unless city %}no city{% endunless %}{# kept #}", {}, "no city{# kept #}"),
        ('<a href="/c/{{ city | url_encode }}">', {"city": "a b/c"}, '<a href="/c/a+b%2Fc">'),
    ],
)  # fmt: skip
def test_a_template_renders(text: str, values: dict[str, object], expected: str) -> None:
    assert load(text).render(values) == expected


def test_what_a_template_prints_without_a_default_is_known() -> None:
    found = load(
        "{{ first_name | default: 'x' }}{{ city | upcase }}{% if city %}{{ city }}{% endif %}"
    )
    assert found.bare == {"city"}
    assert found.columns == {"first_name", "city"}


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]


_ONE_ARGUMENT = {"append", "prepend", "remove", "split", "join", "truncate", "default", "date",
                 "replace", "slice", "truncatewords"}  # fmt: skip
_TEXT_FILTERS = sorted(
    {"append", "capitalize", "downcase", "newline_to_br", "prepend", "remove", "replace", "slice",
     "split", "strip", "truncate", "truncatewords", "upcase", "url_encode", "first", "join", "last",
     "reverse", "default"}
)  # fmt: skip
_ARGUMENTS = {
    "truncate": ["40"], "truncatewords": ["3"], "slice": ["0, 60"],
    "replace": ["'a', city", "city, 'x'", "'&', '<b>'"],
}  # fmt: skip


@st.composite
def chains(draw: st.DrawFn) -> str:
    parts = []
    for name in draw(st.lists(st.sampled_from(_TEXT_FILTERS), max_size=5)):
        if name in _ONE_ARGUMENT:
            given_ = _ARGUMENTS.get(name, ["city", "'a'", "'&'", "first_name", "';'"])
            parts.append(f"{name}: {draw(st.sampled_from(given_))}")
        else:
            parts.append(name)
    return " | ".join(["first_name", *parts])


HOSTILE = st.sampled_from(
    ["<script>alert(1)</script>", '"><img src=x onerror=f()>', "'onmouseover='f()", "&lt;b&gt;",
     "&amp;lt;b onclick=f()&amp;gt;", "javascript:alert(1)", "{{ email }}", "a\n<b>"]
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(chain=chains(), value=HOSTILE, other=HOSTILE)
def test_no_chain_of_filters_lets_markup_of_a_value_through(
    chain: str, value: str, other: str
) -> None:
    text = f"<p title=\"{{{{ {chain} }}}}\" data-x='{{{{ {chain} }}}}'>{{{{ {chain} }}}}</p>"
    try:
        shown = load(text).render({"first_name": value, "city": other})
    except (TemplateError, LiquidError):
        return
    seen = _Seen()
    seen.feed(shown)
    # <br> and <b> are what the template itself may write.
    assert set(seen.tags) <= {"p", "br", "b"}
    assert set(seen.attributes) == {"title", "data-x"}


def test_every_filter_is_one_of_the_two_kinds() -> None:
    numbers = {"abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo",
               "plus", "round", "times"}  # fmt: skip
    assert set(FILTERS) == {*_TEXT_FILTERS, *numbers, "date", "size"}


def test_a_value_of_a_person_does_not_read_the_clock() -> None:
    for value in ("now", "today", "1700000000"):
        assert load("{{ city | date: '%Y' }}").render({"city": value}) == ""
