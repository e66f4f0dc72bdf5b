"""A notebook opened by an analyst: the real JupyterLab, in a real browser, without a network."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from opsbook import site
from opsbook.records import Log
from opsbook.register import fold
from opsbook.store import Folder

playwright = pytest.importorskip("playwright.sync_api")

pytestmark = pytest.mark.xdist_group("site")
ROOT = Path(__file__).parent.parent


@contextmanager
def served(place: Path, folders: Path):
    """JupyterLab serving a project's folder on this machine; its address."""
    pytest.importorskip("jupyterlab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {f"JUPYTER_{n}_DIR": str(folders / n) for n in ("CONFIG", "DATA", "RUNTIME")}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--IdentityProvider.token=", "--ServerApp.password=", "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    server = subprocess.Popen(
        command,
        cwd=place,
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
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)


@pytest.fixture
def lab(weekly, tmp_path, monkeypatch):
    """JupyterLab on the built demo."""
    monkeypatch.chdir(weekly.place)
    site.bundle()
    with served(weekly.place, tmp_path) as address:
        yield address


@pytest.fixture
def fresh(tmp_path):
    """JupyterLab on a company that has settings and the form, and nothing else: place, address."""
    shutil.copytree(ROOT / "data/demo/settings", tmp_path / "place/data/demo/settings")
    (tmp_path / "place/notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/report.ipynb", tmp_path / "place/notebooks")
    with served(tmp_path / "place", tmp_path) as address:
        yield tmp_path / "place", address


def opened(lab: str, notebook: str, chromium):
    """A notebook in a new page, its kernel idle."""
    page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.goto(f"{lab}/lab/tree/notebooks/{notebook}?reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').wait_for(timeout=60_000)
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
    return page


def run_all(page, made: str = "figure.ob-chart") -> None:
    """Run every cell; once more if the kernel was not yet listening when first asked."""
    figure = page.locator(made).first
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


def test_the_form_reports_in_jupyterlab_with_a_few_clicks(fresh, chromium):
    place, address = fresh
    page = opened(address, "report.ipynb", chromium)
    run_all(page, ".jp-OutputArea textarea")
    button = page.get_by_role("button", name="Enter the report")
    assert button.is_disabled()
    page.locator(".jp-OutputArea textarea").first.fill("It promised <i>a customer</i> a refund.")
    proposal = page.get_by_text("This is a P1: personal data may have reached the wrong person")
    proposal.wait_for(timeout=10_000)
    page.locator(".jp-OutputArea select").first.select_option("Support chat")
    for answer, asked in zip(("yes", "no", "yes", "no", "no"), range(5), strict=True):
        group = page.locator(".jp-OutputArea .widget-toggle-buttons").nth(asked)
        group.get_by_role("button", name=answer, exact=True).click()
    page.get_by_text("This is a P1: false information on safety or law reached a").wait_for()
    button.click()
    page.get_by_text("INC-2026-0001 is entered as a P1").wait_for(timeout=10_000)
    assert page.get_by_text("AI Lead by Mon 2026-11-23 09:00, within 60 minutes").is_visible()
    assert page.get_by_text("Pause the workflow: no further output leaves it.").is_visible()
    register = fold(Log(Folder(place / "data/demo")).events())
    told = register.incident("INC-2026-0001")
    assert (told.priority, told.workflow, told.external) == ("P1", "support-chat", "yes")
    assert register.count == 1
