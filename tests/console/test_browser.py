"""A real browser loads pages without a fault of its console, in light and dark mode."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from console import access
from console.app import application
from runtime import login, pages
from runtime.processes import free_port
from segmentry.settings import Settings
from tests.console.small_home import ANN
from tests.console.test_plots import PNG

pytestmark = pytest.mark.slow
BROWSER = next(
    (p for p in ("chromium", "chromium-browser", "google-chrome") if shutil.which(p)), ""
)


@pytest.fixture(scope="module")
def port(shop: Settings) -> Iterator[int]:
    chosen = free_port()
    app = application(shop, access.by_password(shop), pages.names(chosen))
    config = uvicorn.Config(app, host="127.0.0.1", port=chosen, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    yield chosen
    server.should_exit = True
    thread.join(20)


@pytest.mark.skipif(not BROWSER, reason="no Chromium on this machine")
@pytest.mark.parametrize(
    ("address", "scheme", "width"),
    [
        ("/segments/loyal_customers", "light", 1200),
        ("/segments/rule", "dark", 390),
        (f"/people/{ANN}/identity", "dark", 1200),
        ("/journeys", "light", 390),
    ],
)
def test_the_browser_has_no_complaint(
    shop: Settings, port: int, tmp_path: Path, address: str, scheme: str, width: int
) -> None:
    picture = tmp_path / "page.png"
    place = f"http://{login.USER}:{login.password(shop)}@127.0.0.1:{port}{address}"
    words = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0",
        f"--user-data-dir={tmp_path / 'browser'}", f"--window-size={width},900",
        f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}",
        f"--screenshot={picture}", place,
    ]  # fmt: skip
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    complaints = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    assert complaints == []
    assert picture.read_bytes()[:8] == PNG
    assert picture.stat().st_size > 10_000


def test_the_server_signs_in_over_http(shop: Settings, port: int) -> None:
    base = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=base, trust_env=False) as browser:
        assert browser.get("/segments").status_code == 401
        signed = browser.get("/segments", auth=(login.USER, login.password(shop)))
        assert signed.status_code == 200
