"""A review on paper: the built page as a PDF, by the browser that is on the machine.

The page brings its own print style, so that a person's browser prints the same; this only saves
the way there.
"""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from opsbook import site, store
from opsbook.errors import SiteError, UsageError
from opsbook.periods import KINDS, Period
from opsbook.settings import Settings
from opsbook.signing import page_of
from opsbook.workbook import moment, named_period

BROWSERS = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge",
    "microsoft-edge",
)  # fmt: skip
FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-quic", "--no-pdf-header-footer",
)  # fmt: skip
WAIT_S, MOST_VERSIONS = 120, 100


@dataclass(frozen=True)
class Held:
    """A review that was built: its period, its published notebook, its page on the site."""

    period: Period
    notebook: Path
    page: Path
    settings: Settings


def held(data: Path, kind: str, name: str, as_of: str) -> Held:
    """The latest version of a period's review as built; the last complete period without a name.

    UsageError for what is no kind of review, SiteError where it was not built or where another
    company's pages lie here.
    """
    if kind not in KINDS:
        raise UsageError(f'"{kind}" is no review; expected one of {", ".join(KINDS)}.')
    settings = store.load_settings(store.Folder.at(data))
    period = named_period(kind, name, moment(as_of, settings), settings)
    versions = [p for n in range(1, MOST_VERSIONS) if (p := page_of(period, n)).is_file()]
    notebook = versions[-1] if versions else page_of(period)
    page = site.OUTPUT / notebook.with_suffix(".html")
    if site.shows_another(data) or not notebook.is_file():
        again = f" PERIOD={period.name}" if name else ""
        raise SiteError(f"{page} is not built: make {kind} DATA={data}{again} builds it.")
    return Held(period, notebook, page, settings)


def pdf(page: Path, out: Path) -> Path:
    """A built page as a PDF, put in place as a whole; SiteError without a browser that prints."""
    program = next((found for b in BROWSERS if (found := shutil.which(b))), None)
    if not page.is_file():
        raise SiteError(f"{page} is not there: make site renders it.")
    if program is None:
        raise SiteError(
            f"No Chromium or Chrome is on the PATH. Open {page} in a browser and print it: its "
            "print style is A4, without navigation."
        )
    with tempfile.TemporaryDirectory(prefix="opsbook-print-") as place:
        made = Path(place) / "page.pdf"
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        words = [f"--user-data-dir={place}/profile", f"--print-to-pdf={made}"]
        command = [program, *FLAGS, *root, *words, page.resolve().as_uri()]
        try:
            subprocess.run(command, capture_output=True, timeout=WAIT_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise SiteError(f"{program} did not print {page} ({type(problem).__name__}).") from None
        if not made.is_file() or not made.stat().st_size:
            raise SiteError(f"{program} did not print {page}. Open it in a browser and print it.")
        part = out.with_name(f".{out.name}.part")
        try:
            shutil.copyfile(made, part)
            part.replace(out)
        except OSError as problem:
            raise SiteError(f"{out} could not be written: {problem.strerror}.") from problem
    return out
