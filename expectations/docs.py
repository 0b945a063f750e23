"""The Data Docs, readable without a network: the stock pages take their styles and scripts from
elsewhere.
"""

from __future__ import annotations

import html
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segmentry.settings import Settings

# Checks kept per relation: a month of daily runs. More would only slow the list down; the verdicts
# stay in the lake.
KEPT = 30

_MARK = "<!-- readable without a network -->"
_REMOTE = re.compile(
    r"<script\b[^>]*\bsrc=\"https?://[^>]*>\s*</script>|<link\b[^>]*\bhref=\"https?://[^>]*>|<img\b[^>]*\bsrc=\"https?://[^>]*>",
    re.IGNORECASE | re.DOTALL,
)
_FOOTER = re.compile(r"<footer\b.*?</footer>", re.IGNORECASE | re.DOTALL)
_STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1c2733;background:#f6f7f9;margin:0 auto;
max-width:1200px;padding:1.2rem}
a{color:#0b5cad;text-decoration:none}a:hover{text-decoration:underline}
table{border-collapse:collapse;width:100%;background:#fff;margin:.4rem 0 1.2rem}
th,td{border:1px solid #d9dee4;padding:.4rem .6rem;
text-align:left;vertical-align:top;font-size:14px}
th{background:#eef1f4}
h1,h2,h3,h4,h5{margin:1.2rem 0 .4rem;line-height:1.25}h6{margin:.8rem 0 .2rem;font-size:14px}
ol.breadcrumb{list-style:none;display:flex;gap:.6rem;padding:0}
ol.breadcrumb li+li:before{content:"/";margin-right:.6rem}
.fa-check-circle:before,.text-success.fas:before{content:"\\2713";color:#18794e;font-weight:700}
.fa-times:before,.fa-times-circle:before,.text-danger.fas:before{content:"\\2717";color:#c0322b;font-weight:700}
.fa-exclamation-triangle:before{content:"!";color:#a15c00;font-weight:700}
.passed{color:#18794e;font-weight:600}.failed{color:#c0322b;font-weight:600}
.alert,.card,.section{background:#fff;border:1px solid #e3e7eb;border-radius:6px;
padding: .8rem 1rem;margin:.6rem 0}
pre,code{background:#eef1f4;white-space:pre-wrap;overflow-wrap:anywhere}.collapse.show,.tab-pane{display:block}
.nav-tabs{display:none}.modal,.popover,[class*=ge-walkthrough]{display:none}
</style>"""


@dataclass(frozen=True)
class Check:
    """One relation checked once: its stored result, and the page that shows it, below the site's
    folder.
    """

    time: str
    gate: str
    relation: str
    run: str
    passed: bool
    met: int
    of: int
    result: Path
    page: Path


def add(context: Any, settings: Settings, checked: Iterable[Any]) -> None:
    """Build the pages of these results and their suites, drop the oldest, and list what there
    is.
    """
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
    )

    results = list(checked)
    suites = [
        ExpectationSuiteIdentifier(name)
        for name in {r.expectation_suite_identifier.name for r in results}
    ]
    context.build_data_docs(resource_identifiers=[*results, *suites], build_index=False)
    for page in settings.data_docs.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if _MARK not in text:
            _write(page, alone(text))
    _write(
        settings.data_docs / "index.html",
        index(_prune(settings, _checks(settings)), _audit(settings)),
    )


def alone(text: str) -> str:
    """A page without anything fetched from elsewhere, with a small style sheet of its own."""
    text = _FOOTER.sub("", _REMOTE.sub("", text))
    return text.replace("</head>", f"{_MARK}{_STYLE}</head>", 1)


def _audit(settings: Settings) -> str:
    has_page = (settings.data_docs / "segments" / "index.html").exists()
    return '<p><a href="segments/index.html">Segments: audit</a></p>' if has_page else ""


def index(checks: Iterable[Check], more: str = "") -> str:
    """The list of checks, newest first, as one page; more: markup in front of it."""
    rows = "\n".join(_row(check) for check in checks)
    head = "".join(
        f"<th>{name}</th>"
        for name in ("Time (UTC)", "Gate", "Relation", "Verdict", "Met", "Read at")
    )
    intro = (
        "What the gates checked, newest first. A relation's name leads to its expectations and what"
        " was found."
    )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Data'
        f" Docs</title>{_MARK}{_STYLE}</head>"
        "<body><h1>Data"
        f" Docs</h1>{more}<p>{intro}</p><table><thead><tr>{head}</tr></thead>"
        f"<tbody>\n{rows}\n</tbody>"
        "</table></body></html>\n"
    )


def _row(check: Check) -> str:
    word = "passed" if check.passed else "failed"
    cells = (
        html.escape(check.time[:19].replace("T", " ")),
        html.escape(check.gate),
        f'<a href="{html.escape(check.page.as_posix())}">{html.escape(check.relation)}</a>',
        f'<span class="{word}">{word}</span>',
        f"{check.met} of {check.of}",
        html.escape(check.run),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _checks(settings: Settings) -> list[Check]:
    store = settings.home / "great_expectations" / "results"
    return sorted(
        (_check(path, store) for path in store.rglob("*.json")),
        key=lambda c: (c.time, c.relation),
        reverse=True,
    )


def _check(path: Path, store: Path) -> Check:
    content = json.loads(path.read_text(encoding="utf-8"))
    run = content["meta"]["run_id"]
    counted = content["statistics"]
    gate, _, relation = content["suite_name"].partition(".")
    return Check(
        time=run["run_time"],
        gate=gate,
        relation=relation,
        run=run["run_name"].removeprefix(f"{gate} at "),
        passed=content["success"],
        met=counted["successful_expectations"],
        of=counted["evaluated_expectations"],
        result=path,
        page=Path("validations") / path.relative_to(store).with_suffix(".html"),
    )


def _prune(settings: Settings, checks: list[Check]) -> list[Check]:
    """The checks without those beyond the newest KEPT of their relation, whose files are
    removed.
    """
    seen: dict[tuple[str, str], int] = {}
    kept = []
    for check in checks:
        place = (check.gate, check.relation)
        seen[place] = seen.get(place, 0) + 1
        if seen[place] <= KEPT:
            kept.append(check)
        else:
            for file in (check.result, settings.data_docs / check.page):
                shutil.rmtree(file.parent, ignore_errors=True)
    return kept


def _write(page: Path, text: str) -> None:
    page.parent.mkdir(parents=True, exist_ok=True)
    partial = page.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(page)
