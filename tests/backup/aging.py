"""Makes a home older, as if days had passed: times in the catalog, and of files."""

from __future__ import annotations

import os
import subprocess
import sys

from segmentry import warehouse
from segmentry.settings import Settings

# In a process of its own, as DuckDB has the file open in this one.
_OLDER = """
import sqlite3, sys
from datetime import datetime, timedelta
c = sqlite3.connect(sys.argv[1], timeout=60)
days = timedelta(days=float(sys.argv[2]))
def older(text):
    return (datetime.fromisoformat(text) - days).isoformat(' ')
c.create_function('older', 1, older)
c.execute('update ducklake_snapshot set snapshot_time = older(snapshot_time)')
c.commit()
"""


def age(home: Settings, days: float) -> None:
    """Let the home be as many days older."""
    words = [sys.executable, "-c", _OLDER, str(warehouse.catalog_file(home)), str(days)]
    subprocess.run(words, check=True, capture_output=True)
    for folder, _, names in os.walk(home.home):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118
            if not os.path.islink(path):  # noqa: PTH114
                at = os.stat(path).st_mtime - days * 86_400  # noqa: PTH116
                os.utime(path, (at, at))
