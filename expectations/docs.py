"""The Data Docs, readable without a network: the stock pages take their styles and scripts from elsewhere."""

from __future__ import annotations

import re
from typing import Any

from segmentry.settings import Settings

_MARK = "<!-- readable without a network -->"
_REMOTE = re.compile(
    r"<script\b[^>]*\bsrc=\"https?://[^>]*>\s*</script>|<link\b[^>]*\bhref=\"https?://[^>]*>|<img\b[^>]*\bsrc=\"https?://[^>]*>",
    re.IGNORECASE | re.DOTALL,
)
_FOOTER = re.compile(r"<footer\b.*?</footer>", re.IGNORECASE | re.DOTALL)
_STYLE = """<style>
body{font:15px/1.5 system-ui,sans-serif;color:#1c2733;background:#f6f7f9;margin:0 auto;max-width:1200px;padding:1.2rem}
a{color:#0b5cad;text-decoration:none}a:hover{text-decoration:underline}
table{border-collapse:collapse;width:100%;background:#fff;margin:.4rem 0 1.2rem}
th,td{border:1px solid #d9dee4;padding:.4rem .6rem;text-align:left;vertical-align:top;font-size:14px}
th{background:#eef1f4}h1,h2,h3,h4,h5{margin:1.2rem 0 .4rem;line-height:1.25}h6{margin:.8rem 0 .2rem;font-size:14px}
ol.breadcrumb{list-style:none;display:flex;gap:.6rem;padding:0}
ol.breadcrumb li+li:before{content:"/";margin-right:.6rem}
.fa-check-circle:before,.text-success.fas:before{content:"\\2713";color:#18794e;font-weight:700}
.fa-times:before,.fa-times-circle:before,.text-danger.fas:before{content:"\\2717";color:#c0322b;font-weight:700}
.fa-exclamation-triangle:before{content:"!";color:#a15c00;font-weight:700}
.alert,.card,.section{background:#fff;border:1px solid #e3e7eb;border-radius:6px;padding: .8rem 1rem;margin:.6rem 0}
pre,code{background:#eef1f4;white-space:pre-wrap;overflow-wrap:anywhere}.collapse.show,.tab-pane{display:block}
.nav-tabs{display:none}.modal,.popover,[class*=ge-walkthrough]{display:none}
</style>"""


def rebuild(context: Any, settings: Settings) -> None:
    """Build the site anew and make each new page stand on its own."""
    context.build_data_docs()
    for page in settings.data_docs.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        if _MARK not in text:
            partial = page.with_suffix(".partial")
            partial.write_text(alone(text), encoding="utf-8")
            partial.replace(page)


def alone(text: str) -> str:
    """A page without anything fetched from elsewhere, with a small style sheet of its own."""
    text = _FOOTER.sub("", _REMOTE.sub("", text))
    return text.replace("</head>", f"{_MARK}{_STYLE}</head>", 1)
