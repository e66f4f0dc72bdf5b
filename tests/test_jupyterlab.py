"""A notebook opened by an analyst: the real JupyterLab, in a real browser, without a network."""

import os
import re
import socket
import subprocess
import sys
import time

import pytest

from opsbook import site

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.xdist_group("site")


@pytest.fixture
def lab(weekly, tmp_path, monkeypatch):
    """JupyterLab serving the project's folder on this machine; its address."""
    pytest.importorskip("jupyterlab")
    monkeypatch.chdir(weekly.place)
    site.bundle()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {f"JUPYTER_{n}_DIR": str(tmp_path / n) for n in ("CONFIG", "DATA", "RUNTIME")}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--IdentityProvider.token=", "--ServerApp.password=", "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    server = subprocess.Popen(
        command,
        cwd=weekly.place,
        env=os.environ | places,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.2)
    yield f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(20)


def run_all(page) -> None:
    """Run every cell; once more if the kernel was not yet listening when first asked."""
    figure = page.locator("figure.ob-chart").first
    for _ in range(5):
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        try:
            return figure.wait_for(timeout=15_000)
        except playwright.TimeoutError:
            continue
    figure.wait_for(timeout=1)


def test_a_notebook_runs_in_jupyterlab_and_draws_its_charts_offline(lab, chromium):
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    requests = []
    page.on("request", lambda r: requests.append(r.url))
    page.goto(f"{lab}/lab/tree/notebooks/baselines.ipynb?reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    run_all(page)
    page.locator("figure.ob-chart").first.scroll_into_view_if_needed()
    page.locator(".ob-live svg").first.wait_for(timeout=30_000)
    assert page.locator(".ob-live svg").count() == page.locator("figure.ob-chart").count() > 0
    foreign = [r for r in requests if not re.match(rf"{lab}|ws://127\.0\.0\.1|data:|blob:", r)]
    assert foreign == []
