"""What runs keep of models, by the names that MLflow shows: for those who write it and those who
read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

MODEL_FILE = "model.skops"
RULE = "rule"  # artifact: a plain rule, published while there is no champion; its version's name
RULE_OF = "segmentry.rule"  # tag of a run whose rule is complete: when it was published


@dataclass(frozen=True)
class KeptVersion:
    """A fitted pipeline that a run keeps without registering it."""

    version: str
    run_id: str
    source: str
    tags: Mapping[str, str] = field(default_factory=dict)


def newest_rule(runs: Iterable[tuple[str, Mapping[str, str]]]) -> KeptVersion | None:
    """The plain rule that was published last, of runs that published one: id and tags of each."""
    found = max(runs, key=lambda run: run[1][RULE_OF], default=None)
    if found is None:
        return None
    place, tags = found
    key = f"{tags['segmentry.key']}:{RULE}"
    return KeptVersion(RULE, place, f"runs:/{place}/{RULE}", {**tags, "segmentry.key": key})


def is_lost(uri: str | None, location: Callable[[str], str | None]) -> bool:
    """Whether the files of a logged model are missing on this machine, or it was deleted in
    MLflow; files kept elsewhere count as present.

    location: the address of a logged model's files by its id, None if MLflow does not have it.
    """
    if not uri or not uri.startswith("models:/m-"):
        return False
    address = location(uri.removeprefix("models:/"))
    if address is None:
        return True
    place = urlparse(address)
    return place.scheme == "file" and not (Path(url2pathname(place.path)) / MODEL_FILE).exists()
