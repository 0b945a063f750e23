"""The profile API at 1,000 requests a second over 100,000 profiles, next to a bare route.

Requests leave by a timetable, and each latency counts from the time that its request was due: a
server that falls behind is not spared. The generator is a process of its own, and its share of a
core is printed: what it needs is missing to the server on a machine of two cores.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import socket
import tempfile
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from live.store.base import ProfileStore
from live.store.records import ProfileRecord, Version
from segmentry.settings import Settings

PEOPLE = int(os.environ.get("SEGMENTRY_BENCH_PEOPLE", "100000"))
RATE = 1000
SECONDS = 10
CONNECTIONS = 32
TOKEN = "sgm_benchmark"
_AT = datetime(2026, 3, 1)


def run() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        filled = _fill(Path(folder))
        measured = {kind: _measured(Path(folder), kind) for kind in ("bare", "profile")}
    return {
        "profiles": PEOPLE,
        "requests_per_second": RATE,
        "profiles_written_per_second": round(PEOPLE / filled),
        **measured,
        "ratio_to_bare_p50": round(measured["profile"]["p50_ms"] / measured["bare"]["p50_ms"], 2),
        "ratio_to_bare_p99": round(measured["profile"]["p99_ms"] / measured["bare"]["p99_ms"], 2),
        "load_of_the_machine": round(os.getloadavg()[0], 1),
    }


def _store(home: Path) -> tuple[Settings, ProfileStore]:
    from live.store.opened import open_store

    settings = Settings.from_environment({"SEGMENTRY_HOME": str(home)})
    return settings, open_store(settings)


def _fill(home: Path) -> float:
    """Seconds that writing all profiles takes."""
    _, store = _store(home)
    started = time.perf_counter()
    for start in range(0, PEOPLE, 1000):
        store.put([_record(n) for n in range(start, start + 1000)], is_logged=False)
    store.keep_state(1, "benchmark")
    store.close()
    return time.perf_counter() - started


def _record(number: int) -> ProfileRecord:
    return ProfileRecord(
        f"{number:032x}",
        Version(1),
        {f"trait_{k}": number * k % 997 for k in range(30)},
        {f"segment_{k}": _AT for k in range(number % 6)},
        {"churn_score": 0.5, "persona": "Regular"},
        {"marketing/email": "granted", "personalization/any": "granted"},
        (),
        (("email", f"person{number}@shop.example"), ("cookie", f"c-{number}-x")),
    )


def _measured(home: Path, kind: str) -> dict[str, float]:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        context = multiprocessing.get_context("fork")
        server = context.Process(target=_serve, args=(home, kind, listening), daemon=True)
        server.start()
        try:
            return asyncio.run(_load(listening.getsockname()[1], kind))
        finally:
            server.terminate()
            server.join(10)


def _serve(home: Path, kind: str, listening: socket.socket) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    from api.app import build
    from api.rules import ApiRules, Caller, hashed
    from api.service import ApiService

    async def bare(request: Request) -> Response:
        return Response(b'{"status": "ok"}', media_type="application/json")

    uses = (("personalization", "any"),)
    caller = Caller("load", ("*",), uses, frozenset(), frozenset(), False, 1e5)
    rules = ApiRules({hashed(TOKEN): caller}, 0.5, 60)
    app = (
        Starlette(routes=[Route("/{path:path}", bare)])
        if kind == "bare"
        else build(ApiService(*_store(home), rules, reads_directly=True))
    )
    config = uvicorn.Config(app, log_level="critical", access_log=False)
    uvicorn.Server(config).run([listening])


async def _load(port: int, kind: str) -> dict[str, float]:
    """Latencies in ms, from the due time of each request to the end of its answer."""
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    chosen = random.Random(7)
    for line in lines:  # the first answer of a process imports and opens
        await _ask(line, chosen)
    latencies: list[float] = []
    begun = time.perf_counter()
    cpu = time.process_time()

    async def client(number: int) -> None:
        for due in range(number, RATE * SECONDS, CONNECTIONS):
            at = begun + due / RATE
            await asyncio.sleep(max(0.0, at - time.perf_counter()))
            await _ask(lines[number], chosen)
            latencies.append((time.perf_counter() - at) * 1000)

    await asyncio.gather(*(client(n) for n in range(CONNECTIONS)))
    taken = time.perf_counter() - begun
    return {
        "answered_per_second": round(len(latencies) / taken),
        **{f"p{part}_ms": round(_percentile(latencies, part), 2) for part in (50, 95, 99)},
        "share_of_the_generator": round((time.process_time() - cpu) / taken, 2),
    }


async def _ask(line: tuple[asyncio.StreamReader, asyncio.StreamWriter], chosen: Any) -> None:
    reader, writer = line
    number = chosen.randrange(PEOPLE)
    writer.write(
        f"GET /v1/profiles/email:person{number}%40shop.example HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {TOKEN}\r\n\r\n".encode()
    )
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head[:40]
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
    await reader.readexactly(length)


def _percentile(values: Sequence[float], part: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * part // 100)]
