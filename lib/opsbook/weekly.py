"""`make weekly`: inbox to tables, notebooks to pages, pages to the site.

The last good site stays until the new one is whole: a failed notebook or renderer stops the build.
"""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from opsbook import notebooks, site, store
from opsbook.check import bring_up
from opsbook.displays import SIGNING, chain_note, signatures, stack
from opsbook.incidents import headline
from opsbook.reviews import Review
from opsbook.schema import FILES
from opsbook.workbook import Workbook, dossier_of, moment, named_period, open_workbook, review_of
from opsbook.workflow_pages import PIECES

NOTEBOOKS, REPORTS = Path("notebooks"), Path("reports")
INCIDENTS, WORKFLOWS = REPORTS / "incidents", REPORTS / "workflows"


@dataclass(frozen=True)
class Page:
    """One page of the site: the notebook it is made of, where it goes, and its title."""

    notebook: str
    page: str
    title: str
    categories: tuple[str, ...] = ()
    layout: dict[str, object] = field(default_factory=dict)


WIDE = {"page-layout": "full", "toc": False}
"""For a page whose table is wider than a column of text."""
PAGES = (
    Page("ingest", "reports/data.ipynb", "Data"),
    Page("backtest", "reports/backtest.ipynb", "Back-test"),
    Page("status", "index.ipynb", "Status"),
    Page(
        "weekly-review",
        "reports/weekly/{period}.ipynb",
        "Weekly review {period}",
        ("weekly", "draft"),
    ),
    Page("incidents", "reports/incidents/index.ipynb", "Incidents", layout=WIDE),
    Page("baselines", "reports/baselines.ipynb", "Baselines"),
    Page("regression", "reports/regression.ipynb", "Regression", layout=WIDE),
    Page("ai-act", "reports/ai-act.ipynb", "EU AI Act", layout=WIDE),
    Page("method", "reports/method.ipynb", "Method"),
)
"""In the order they run: the first takes the inbox in, the others read what it left; the slowest
of them, the back-test, begins first."""


@dataclass(frozen=True)
class OwnPage:
    """The page of one thing, an incident or a workflow, with the fingerprint of what it shows."""

    id: str
    title: str
    fingerprint: str
    path: Path
    job: notebooks.Job

    @property
    def stale(self) -> bool:
        """Whether it has to be made (again): it shows something else, or was never made.

        A page follows from what it shows, the library and its notebook. While none of these has
        changed, running the notebook would give the same page.
        """
        return site.fingerprint_of(self.path) != self.fingerprint


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
    week = named_period("weekly", period, now, settings).name
    shared = {"data": str(data), "as_of": now.isoformat()}
    first, *others = [
        notebooks.Job(NOTEBOOKS / f"{p.notebook}.ipynb", {"period": week}) for p in PAGES
    ]
    with notebooks.workplace() as work:
        say("Reading the inbox and running the notebooks")
        notebooks.run_all([first], shared, work, at_once=1)
        bring_up(store.Folder(data), now)
        book = open_workbook(data, now.isoformat())
        others_site = shows_another(data)
        own = [*incident_pages(book, data), *workflow_pages(review_of(book, data, "weekly", week))]
        stale = [page for page in own if others_site or page.stale]
        notebooks.run_all([*(p.job for p in stale), *others], shared, work, at_once=2)
        foot = chain_note(book.register.count, book.register.head)
        day = now.tz_convert(settings.company.zone).date().isoformat()
        if others_site:
            _clear_pages()
        _mark(data)
        _publish(work, week, day, foot)
        _publish_own(work, own, stale, day, foot)
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


def incident_pages(book: Workbook, data: Path) -> list[OwnPage]:
    """The pages of all incidents of a workbook, as they have to be now."""
    notebook = NOTEBOOKS / "incident.ipynb"
    settings, made_by = book.settings, code_print(notebook)
    return [
        OwnPage(
            id=incident.id,
            title=f"{incident.id}: {headline(incident, settings)}",
            fingerprint=dossier_of(incident.id, book, data).fingerprint(made_by),
            path=INCIDENTS / f"{incident.id}.ipynb",
            job=notebooks.Job(notebook, {"incident": incident.id}, f"{incident.id}.ipynb"),
        )
        for incident in book.register.incidents.values()
    ]


def workflow_pages(week: Review) -> list[OwnPage]:
    """The pages of all workflows, as they have to be for a week."""
    notebook = NOTEBOOKS / "workflow.ipynb"
    made_by = code_print(notebook)
    return [
        OwnPage(
            id=workflow.id,
            title=workflow.name,
            fingerprint=_print_of(made_by, *(p(week, workflow.id) for p in PIECES)),
            path=WORKFLOWS / f"{workflow.id}.ipynb",
            job=notebooks.Job(
                notebook,
                {"workflow": workflow.id, "period": week.name},
                f"workflow-{workflow.id}.ipynb",
            ),
        )
        for workflow in week.settings.workflows
    ]


def _print_of(*pieces: str) -> str:
    return hashlib.sha256("\n".join(pieces).encode()).hexdigest()


def code_print(notebook: Path) -> str:
    """The hash of the code a page follows from: this library, its chart library, its notebook."""
    told = hashlib.sha256(version("altair").encode())
    for path in [*sorted(Path(__file__).parent.rglob("*.py")), notebook]:
        told.update(path.read_bytes())
    return told.hexdigest()


def shows_another(data: Path) -> bool:
    """Whether the pages that lie here are another company's: a site shows one, and its own only."""
    mark = site.CACHE / "company"
    return mark.exists() and mark.read_text("utf-8") != _named(data)


def _clear_pages() -> None:
    for page in REPORTS.rglob("*.ipynb"):
        page.unlink()


def _mark(data: Path) -> None:
    mark = site.CACHE / "company"
    mark.parent.mkdir(exist_ok=True)
    mark.write_text(_named(data), "utf-8")


def _named(data: Path) -> str:
    """A company's folder as seen from the project, so that a project moved or copied knows it."""
    return os.path.relpath(Path(data).resolve())


def _publish(work: Path, week: str, day: str, foot: str) -> None:
    """The pages of PAGES, and the foot that the list of reviews includes."""
    for page in PAGES:
        target, title = Path(page.page.format(period=week)), page.title.format(period=week)
        executed = work / f"{page.notebook}.ipynb"
        kind = page.notebook.removesuffix("-review")
        end = stack(signatures(kind), foot) if kind in SIGNING else foot
        site.publish(executed, target, title, day, list(page.categories), end, layout=page.layout)
    (REPORTS / "weekly" / "_record.md").write_text(f"```{{=html}}\n{foot}\n```\n", "utf-8")


def _publish_own(work: Path, own: list[OwnPage], stale: list[OwnPage], day: str, foot: str) -> None:
    """Incidents' and workflows' pages: new ones made, the others with a new foot, no stranger."""
    for page in own:
        if page in stale:
            executed = work / page.job.output
            site.publish(executed, page.path, page.title, day, [], foot, page.fingerprint)
        else:
            site.put_foot(page.path, foot)
    kept = {page.path for page in own}
    for path in [*INCIDENTS.glob("INC-*.ipynb"), *WORKFLOWS.glob("*.ipynb")]:
        if path not in kept:
            path.unlink()
