"""The dbt project's documentation as one page that needs no server and no network."""

from __future__ import annotations

import shutil
from pathlib import Path

from segmentry import dbt, freshness
from segmentry.errors import SegmentryError
from segmentry.settings import Settings


def refresh(settings: Settings) -> Path:
    """Write ``home/dbt_docs/index.html`` again when the project has changed since; returns the
    page.
    """
    page = settings.home / "dbt_docs" / "index.html"
    mark = page.with_name("project.sha256")
    wanted = freshness.fingerprint(settings)
    if page.exists() and mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return page
    # Types come from the contracts in the yml files; asking the lake for them instead took most of
    # the time.
    result = dbt.invoke(settings, ["docs", "generate", "--static", "--empty-catalog"])
    if not result.success:
        raise SegmentryError(
            "dbt could not write its documentation",
            remedy=(
                f"read {settings.home / 'dbt' / 'logs' / 'dbt.log'}, correct the project, then try"
                " again"
            ),
        )
    page.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(settings.home / "dbt" / "target" / "static_index.html", page)
    mark.write_text(wanted, encoding="utf-8")
    return page
