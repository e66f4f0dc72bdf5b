"""What several tests share: the site built from the demo as a person builds it, and a browser."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).parent.parent
GENERATED = shutil.ignore_patterns("tables", "exports", "*.ipynb", "opsbook-charts.js", "*.ics")
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


COMPANY = """
[company]
name = "Example"
zone = "Europe/Berlin"
country = "DE"
subdivision = "BY"
[company.hours]
monday = ["09:00-17:00"]
tuesday = ["09:00-17:00"]
wednesday = ["09:00-17:00"]
thursday = ["09:00-17:00"]
friday = ["09:00-17:00"]
"""
WORKFLOWS = """
[[workflows]]
id = "chat"
name = "Support chat"
category = "customer"
owner = "Head of support"
matches = ["template:chat"]
"""


@pytest.fixture(scope="session")
def small_company():
    """Writes the settings of a Bavarian company with one workflow, and other settings files."""

    def write(place: Path, **more: str) -> Path:
        settings = place / "settings"
        settings.mkdir(parents=True, exist_ok=True)
        for name, text in ({"company": COMPANY, "workflows": WORKFLOWS} | more).items():
            (settings / f"{name}.toml").write_text(text)
        return place

    return write


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


@pytest.fixture(scope="session")
def jupyterlab():
    """Serves a folder: with jupyterlab(place, folders) as address."""
    return served


@pytest.fixture
def notebook_page(chromium):
    """Opens a notebook in a new page, its kernel idle; `.foreign` is what it asked other hosts."""

    def opened(lab: str, notebook: str):
        page = chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
        page.foreign = []
        own = re.compile(rf"{lab}|ws://127\.0\.0\.1|data:|blob:")
        page.on("request", lambda r: own.match(r.url) or page.foreign.append(r.url))
        page.goto(f"{lab}/lab/tree/notebooks/{notebook}?reset")
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=60_000)
        idle = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
        page.locator(idle).wait_for(timeout=60_000)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        return page

    return opened


@pytest.fixture
def run_all():
    """Runs every cell until something is there: run_all(page, "figure.ob-chart").

    Once more if the kernel was not yet listening when first asked.
    """
    api = pytest.importorskip("playwright.sync_api")

    def run(page, made: str) -> None:
        there = page.locator(made).first
        for _ in range(5):
            page.get_by_text("Run", exact=True).first.click()
            page.get_by_text("Run All Cells", exact=True).click()
            try:
                return there.wait_for(timeout=15_000)
            except api.TimeoutError:
                continue
        there.wait_for(timeout=1)

    return run


@pytest.fixture
def web():
    """A web server: `.at` is its address, `.got` what came, `.answer` its status; it may hang."""
    state = SimpleNamespace(got=[], answer=200, hangs=False, free=Event())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.got.append(SimpleNamespace(path=self.path, headers=self.headers, body=body))
            if state.hangs:
                return self.drip()
            self.send_response(state.answer)
            self.end_headers()
            self.wfile.write(b"{}")

        def drip(self):
            """An answer that goes on and never ends: no read of it times out."""
            with suppress(OSError):
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not state.free.wait(0.5):
                    self.wfile.write(b"X-More: 1\r\n")

        def log_message(self, *words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    state.at = f"127.0.0.1:{server.server_port}"
    yield state
    state.free.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def post():
    """A mail server that knows one password: `.at` is its address, `.got` the mails."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.smtp import AuthResult

    state = SimpleNamespace(
        got=[], recipients=[], login=("opsbook", "t0kenThatNobodyMaySee42"), size=[]
    )

    class Handler:
        async def handle_DATA(self, server, session, envelope):
            state.got.append(message_from_bytes(envelope.content, policy=policy.default))
            state.size.append(len(envelope.content))
            state.recipients.append(envelope.rcpt_tos)
            return "250 taken"

    def known(server, session, envelope, mechanism, data):
        words = (data.login.decode(), data.password.decode())
        return AuthResult(success=words == state.login, handled=False)

    port, options = free_port(), {"auth_required": True, "auth_require_tls": False}
    server = Controller(Handler(), "127.0.0.1", port, authenticator=known, **options)
    server.start()
    state.at = f"127.0.0.1:{server.port}"
    yield state
    server.stop()


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]
