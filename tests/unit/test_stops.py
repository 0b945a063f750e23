"""The count of the functions that a value passes."""

from __future__ import annotations

from pathlib import Path

from benchmarks import stops

CODE = """
class Trainer:
    def __init__(self, spec: Spec) -> None: ...
    def train(self) -> None: ...

def of(known: Mapping[str, Spec], *, as_of: datetime) -> Trainer: ...
def others(rows: list[Row]) -> None: ...
"""


def test_functions_that_take_the_type_are_counted(tmp_path: Path) -> None:
    for folder in ("ml", "activation/destinations"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "one.py").write_text(CODE, encoding="utf-8")
    assert stops.stops(tmp_path, "model spec to score") == {"ml/one.py": ["of", "__init__"]}
    assert stops.stops(tmp_path, "sent row") == {}
