"""Replaces people's values in what runs leave behind: logs, pages, results of gates, compiled SQL,
artifacts of models.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

from privacy.search import ValueScan, files, text_of

# Files that other steps clean.
_OTHERS = (".parquet", ".db", ".sqlite", ".sqlite-wal", ".sqlite-shm", ".db-wal", ".db-shm")


def clean(home: Path, scan: ValueScan) -> dict[str, int]:
    """Replace the values in every text under the home; returns how many, by its first folder."""
    found: dict[str, int] = {}
    for path in files(home):
        if path.name.endswith(_OTHERS):
            continue
        try:
            total = _clean(path, scan)
        except FileNotFoundError:  # a service has removed it since it was listed
            continue
        if total:
            top = path.relative_to(home).parts[0]
            found[top] = found.get(top, 0) + total
    return found


def _clean(path: Path, scan: ValueScan) -> int:
    total = scan.count(text_of(path))
    if not total:
        return 0
    content = path.read_bytes()
    is_packed = content[:2] == b"\x1f\x8b"
    if is_packed:
        content = gzip.decompress(content)
    try:
        text = content.decode()
    except UnicodeDecodeError:
        if not is_packed and b"\0" in content:
            return 0  # no text: the search at the end reports it
        text = content.decode("utf-8", "surrogateescape")
    new = scan.matcher.cleaned(text).encode("utf-8", "surrogateescape")
    partial = path.with_name(f".{path.name}.{os.getpid()}.erasure")
    partial.write_bytes(gzip.compress(new, mtime=0) if is_packed else new)
    partial.chmod(path.stat().st_mode & 0o777)
    partial.replace(path)
    return total
