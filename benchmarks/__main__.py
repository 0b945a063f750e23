"""``python -m benchmarks [NAME...]``: runs each file's ``run``, prints what it measured and keeps
it in results/.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all."""
    known = sorted(
        module.name
        for module in pkgutil.iter_modules([str(FOLDER)])
        if not module.name.startswith("_")
    )
    if unknown := sorted(set(names) - set(known)):
        sys.exit(
            f"there is no benchmark {', '.join(unknown)}\nAllowed: {', '.join(known)}\nTo do: use"
            " one of these names"
        )
    RESULTS.mkdir(exist_ok=True)
    for name in names or known:
        text = json.dumps(
            importlib.import_module(f"benchmarks.{name}").run(), indent=2, default=str
        )
        (RESULTS / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        print(f"{name}\n{text}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
