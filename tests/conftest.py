"""What several tests share: the site built from the demo as a person builds it, and a browser."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
GENERATED = shutil.ignore_patterns("tables", "exports", "*.ipynb", "opsbook-charts.js")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip


def project(place: Path) -> Path:
    """A working copy of what a clone holds, without anything generated."""
    for name in ("data/demo", "reports"):
        shutil.copytree(ROOT / name, place / name, ignore=GENERATED)
    shutil.copytree(ROOT / "notebooks", place / "notebooks")
    shutil.copy(ROOT / "_quarto.yml", place / "_quarto.yml")
    return place


def typed(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess:
    """A command as a person types it."""
    return subprocess.run(
        [sys.executable, "-m", "opsbook", *words],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=300,
    )


@pytest.fixture(scope="session")
def opsbook():
    """Runs a command in a folder: opsbook("findings", "--json", cwd=place)."""
    return typed


@pytest.fixture(scope="session")
def weekly(tmp_path_factory):
    """The demo's weekly review, built once: place, site, and the command's JSON."""
    place = project(tmp_path_factory.mktemp("project"))
    done = typed("review", "weekly", "--renderer", "embedded", "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(place=place, site=place / "_site", said=json.loads(done.stdout))


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium, headless."""
    api = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if not program:
        pytest.skip("no chromium on this machine; .ci/run installs it")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()
