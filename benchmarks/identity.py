"""Connected components of identifiers: the project's SQL next to a floor, a library and the
textbook query.

All start from the same records of five sources (two links each) and end with one group per
identifier. Each runs in a process of its own with two threads and 4 GB, so that its peak memory is
its own.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

ROWS = int(os.environ.get("SEGMENTRY_BENCH_IDENTITY_ROWS", "1000000"))
# The textbook query keeps every pair (identifier, reachable identifier): it gets a tenth of the
# rows, and the result states it.
TEXTBOOK_SHARE = 10

# Five sources over rows / 6 people: log-ins, contacts, orders, clicks and subscriptions, three
# identifiers each.
_RECORDS = """
copy (
    with numbered as (
        select i, i % 5 as source, md5('p' || (hash(i * 7 + 1) % greatest({rows} // 6, 1)))
            as person
        from range({rows}) as rows (i)
    ),
    named as (
        select source, person, person || '/' || (hash(i) % 4) as browser,
            person || '/' || (hash(i + 1) % 2) as device
        from numbered
    )
    select
        case source when 1 then 'crm_id:' when 3 then 'email:' else 'user_id:' end || person as one,
        case when source in (0, 3) then 'cookie:' || md5(browser)
            else 'email:' || person end as two,
        case source when 0 then 'device_id:' || md5(device) when 3 then 'device_id:' || md5(device)
            when 4 then 'loyalty_id:' || person else 'phone:' || person end as three
    from named
) to '{path}' (format parquet)
"""
_LINKS = "select one as l, two as r from records union all select one, three from records"


def run() -> dict[str, Any]:
    """Seconds, peak memory and groups of each contender, and their ratios to the floor."""
    found: dict[str, Any] = {"rows": ROWS, "links": 2 * ROWS}
    with tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "records.parquet"
        part = Path(folder) / "part.parquet"
        for path, rows in ((whole, ROWS), (part, ROWS // TEXTBOOK_SHARE)):
            duckdb.execute(_RECORDS.format(rows=rows, path=path))
        for name in ("floor", "segmentry", "splink"):
            found[name] = _apart(name, whole)
        for name in ("floor", "segmentry", "textbook"):
            found[f"{name}_on_a_tenth"] = _apart(name, part)
    for name in ("segmentry", "splink"):
        assert found[name]["groups"] == found["floor"]["groups"], (
            f"{name} finds other groups than the floor"
        )
        found[f"{name}_to_floor"] = round(found[name]["seconds"] / found["floor"]["seconds"], 2)
    found["segmentry_to_splink"] = round(
        found["segmentry"]["seconds"] / found["splink"]["seconds"], 2
    )
    return found


def _apart(name: str, path: Path) -> dict[str, Any]:
    words = [sys.executable, "-m", "benchmarks.identity", name, str(path)]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def _connect(path: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={"threads": 2, "memory_limit": "3GB", "temp_directory": f"{path.parent}/spilled"}
    )
    connection.execute(f"create view records as select * from '{path}'")
    connection.execute("create schema staging")
    return connection


def floor(path: Path) -> int:
    """Extract, encode with Arrow, label with SciPy."""
    import numpy as np
    import pyarrow as pa
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    links = _connect(path).execute(_LINKS).to_arrow_table()
    ends = (
        pa.chunked_array([*links["l"].chunks, *links["r"].chunks])
        .combine_chunks()
        .dictionary_encode()
    )
    codes = ends.indices.to_numpy()
    left = codes[: len(links)]
    right = codes[len(links) :]
    graph = coo_matrix(
        (np.ones(len(links), dtype=np.int8), (left, right)), shape=(len(ends.dictionary),) * 2
    )
    groups, labels = connected_components(graph, directed=False)
    assert len(pa.table({"identifier": ends.dictionary, "component": labels})) == len(
        ends.dictionary
    )
    return int(groups)


def _encoded(connection: duckdb.DuckDBPyConnection) -> None:
    # Joined by 64-bit hash, which needs half the time and memory of the texts; that no two share
    # one is checked.
    connection.execute(
        """create table nodes as select row_number() over () as node,
            hash(identifier) as key, identifier
        from (select one as identifier from records union select two from records union select three
            from records)"""
    )
    shared = connection.execute("select count(*) - count(distinct key) from nodes").fetchone()
    assert shared == (0,), "two identifiers share a hash"
    connection.execute(
        """create table links as select ones.node as left_node,
            unnest([twos.node, threes.node]) as right_node
        from records inner join nodes as ones on hash(records.one) = ones.key
        inner join nodes as twos on hash(records.two) = twos.key
        inner join nodes as threes on hash(records.three) = threes.key"""
    )


def segmentry(path: Path) -> int:
    """The project's own macro, rendered as dbt renders it."""
    from tests.dbt_sql import Project

    connection = _connect(path)
    _encoded(connection)
    project = Project(connection)
    labels = project.call(
        "connected_components", "select left_node, right_node from links", "bench"
    )
    connection.execute(f"""create table groups as select nodes.identifier, found.component
        from nodes inner join ({labels}) as found using (node)""")
    return _count(connection, "groups", "component")


def splink(path: Path) -> int:
    """Splink's clustering on DuckDB."""
    from splink import DuckDBAPI
    from splink.clustering import cluster_pairwise_predictions_at_threshold

    connection = _connect(path)
    _encoded(connection)
    found = cluster_pairwise_predictions_at_threshold(
        nodes=connection.table("nodes"),
        edges=connection.table("links"),
        db_api=DuckDBAPI(connection),
        node_id_column_name="node",
        edge_id_column_name_left="left_node",
        edge_id_column_name_right="right_node",
    )
    return _count(connection, found.physical_name, "cluster_id")


def textbook(path: Path) -> int:
    """The recursive query of the textbooks: walk from every identifier, keep the smallest
    reached.
    """
    connection = _connect(path)
    _encoded(connection)
    connection.execute("""create table groups as
        with recursive both_ways as (
            select left_node as node, right_node as other from links
                union select right_node, left_node from links
        ),
        reached as (
            select node, node as label from nodes
            union
            select both_ways.other, reached.label from reached inner join both_ways
                on reached.node = both_ways.node
        )
        select node, min(label) as component from reached group by node""")
    return _count(connection, "groups", "component")


def _count(connection: duckdb.DuckDBPyConnection, table: str, label: str) -> int:
    row = connection.execute(f"select count(distinct {label}) from {table}").fetchone()
    assert row is not None
    return int(row[0])


CONTENDERS: dict[str, Callable[[Path], int]] = {
    "floor": floor, "segmentry": segmentry, "splink": splink, "textbook": textbook,
}  # fmt: skip

if __name__ == "__main__":
    started = time.perf_counter()
    spent = time.process_time()
    number = CONTENDERS[sys.argv[1]](Path(sys.argv[2]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    seconds = round(time.perf_counter() - started, 2)
    cpu = round(time.process_time() - spent, 2)
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "peak_mib": peak, "groups": number}))
