"""Cells that a spreadsheet would run as formulas, and the form in which it does not run them.

A text that begins with ``=``, ``+``, ``-``, ``@`` (full-width ones too), a tab or a line end is run
by a spreadsheet that opens the file, also behind spaces and quotes, and also behind a semicolon, a
tab or a line end inside the text, where the spreadsheet's own settings separate cells there. An
apostrophe is put before it, as OWASP advises
(https://owasp.org/www-community/attacks/CSV_Injection). A number, and so a phone in E.164, cannot
run and stays.
"""

from __future__ import annotations

import re

# What a spreadsheet may skip before it looks at a cell: spaces, quotes, and characters without a
# width.
_SKIPPED = (
    "[\\s\"'\u2018\u2019\u201c\u201d`\u00ad\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u2064\ufeff\x00-\x1f]*"
)
_SIGN = "=+\\-@\uff1d\uff0b\uff0d\uff20"
# At the beginning a tab or a line end is enough; further in, harmless texts have such
# signs.
_FIRST = f"(?={_SKIPPED}[{_SIGN}\t\r\n])"
_FURTHER = f"(?={_SKIPPED}[{_SIGN}])"
_STARTS = re.compile(f"\\A{_FIRST}|(?<=[;\t\r\n]){_FURTHER}")
_MADE_HARMLESS = re.compile(f"\\A'{_FIRST}|(?<=[;\t\r\n])'{_FURTHER}")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")


def neutralized(text: str) -> str:
    """The text in a form that no spreadsheet runs; ``original`` gives the text back."""
    return text if _NUMBER.fullmatch(text) else _STARTS.sub("'", text)


def original(text: str) -> str:
    """What ``neutralized`` was given."""
    return _MADE_HARMLESS.sub("", text)
