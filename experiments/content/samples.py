"""Made-up profiles for previews: nobody's data, and the cases that break a page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from experiments.content.fields import REQUEST_COLUMNS
from segments.predicates import family_of

# Words that a template is likely to print; every other text is its column's name.
_TEXTS = {
    "first_name": "Robin", "last_name": "Sample", "country": "DE", "city": "Bremen",
    "language": "en", "persona": "Regular", "top_viewed_category_90d": "Electronics",
    "top_purchased_category": "Garden", "next_category": "Toys",
}  # fmt: skip
_VALUES: Mapping[str, Any] = {
    "number": 3, "boolean": True, "time": datetime(2026, 1, 15, 9), "date": date(1990, 6, 1),
}  # fmt: skip
HOSTILE = '"><script>document.title="broken"</script>\''


def profiles(words: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Name to a profile: one that is known well, one with nothing known, one with hostile texts.

    words: columns of profiles and their data types.
    """
    columns = {name: kind for name, kind in words.items() if name not in REQUEST_COLUMNS}
    known = {name: _value(name, family_of(kind)) for name, kind in columns.items()}
    texts = {name for name, kind in columns.items() if family_of(kind) == "text"}
    return {
        "known well": known,
        "nothing known": dict.fromkeys(columns),
        "hostile texts": {**known, **dict.fromkeys(texts, HOSTILE)},
    }


def _value(name: str, family: str) -> Any:
    if family == "text":
        return _TEXTS.get(name, name.replace("_", " "))
    return _VALUES.get(family)
