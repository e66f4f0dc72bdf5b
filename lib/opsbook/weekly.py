"""`make weekly`: inbox to tables, notebooks to pages, pages to the site.

The last good site stays until the new one is whole: a failed notebook or renderer stops the build.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from opsbook import notebooks, site, store
from opsbook.check import bring_up
from opsbook.schema import FILES
from opsbook.workbook import moment, named_week

REPORTS = Path("reports")


@dataclass(frozen=True)
class Page:
    """One page of the site: the notebook it is made of, where it goes, and its title."""

    notebook: str
    page: str
    title: str
    categories: tuple[str, ...] = ()


PAGES = (
    Page("ingest", "reports/data.ipynb", "Data"),
    Page("status", "index.ipynb", "Status"),
    Page(
        "weekly-review",
        "reports/weekly/{period}.ipynb",
        "Weekly review {period}",
        ("weekly", "draft"),
    ),
    Page("incidents", "reports/incidents/index.ipynb", "Incidents"),
    Page("baselines", "reports/baselines.ipynb", "Baselines"),
    Page("method", "reports/method.ipynb", "Method"),
)
"""In the order they run: the first takes the inbox in, the others read what it left."""


@dataclass(frozen=True)
class Built:
    """What a build made: where the review lies, its state, and what to look at."""

    path: Path
    period: str
    pages: int
    problems: list[str]
    renderer: str
    seconds: float
    waiting: int

    def as_json(self) -> dict:
        """The document of the command's contract."""
        return {
            "path": str(self.path),
            "state": "draft",
            "period": self.period,
            "pages": self.pages,
            "problems": self.problems,
            "renderer": self.renderer,
            "seconds": round(self.seconds, 1),
        }

    def sentence(self) -> str:
        """What a person is told at the end."""
        told = (
            f"Weekly review {self.period} (draft): {self.pages} pages in {self.seconds:.0f} s, "
            f"rendered by {self.renderer}.\nOpen {self.path}"
        )
        aside = f"\n{self.waiting} files or rows wait for a person: see the data page."
        return told + (aside if self.waiting else "")


def build(data: Path, as_of: str, period: str, renderer: str, say: Callable[[str], None]) -> Built:
    """Run the notebooks, publish their pages and render the site into `_site`.

    Raises NotebookError or SiteError; nothing of the last good site is touched then.
    """
    begun = time.monotonic()
    settings = store.load_settings(store.Folder(data))
    now = moment(as_of, settings)
    week = named_week(period, now, settings)
    parameters = {"data": str(data), "as_of": as_of, "period": week}
    first, *others = [notebooks.Job(Path("notebooks") / f"{p.notebook}.ipynb") for p in PAGES]
    with notebooks.workplace() as work:
        say("Reading the inbox and running the notebooks")
        notebooks.run_all([first], parameters, work, at_once=1)
        bring_up(store.Folder(data), now)
        notebooks.run_all(others, parameters, work, at_once=2)
        day = now.tz_convert(settings.company.zone).date().isoformat()
        for page in PAGES:
            target = Path(page.page.format(period=week))
            title = page.title.format(period=week)
            site.publish(work / f"{page.notebook}.ipynb", target, title, day, list(page.categories))
    say("Rendering the site")
    rendered = site.render(Path.cwd(), renderer)
    files = store.read_table(store.Folder(data), FILES)
    return Built(
        path=rendered.output / "index.html",
        period=week,
        pages=rendered.pages,
        problems=rendered.problems,
        renderer=rendered.renderer,
        seconds=time.monotonic() - begun,
        waiting=int(files.state.isin(["unknown", "unreadable"]).sum() + files.quarantined.sum()),
    )
