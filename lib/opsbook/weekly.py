"""`make weekly`, `monthly`, `quarterly`: inbox to tables, notebooks to pages, pages to the site.

The last good site stays until the new one is whole: a failed notebook or renderer stops the build.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from opsbook import archive, notebooks, signing, site, store
from opsbook.check import bring_up
from opsbook.displays import chain_note, signatures, stack
from opsbook.incidents import headline as of_incident
from opsbook.periods import KINDS
from opsbook.records import Log
from opsbook.register import Register, fold
from opsbook.reviews import Review
from opsbook.runs import open_told
from opsbook.schema import FILES
from opsbook.signoffs import headline
from opsbook.workbook import Workbook, dossier_of, moment, named_period, open_workbook, review_of
from opsbook.workflow_pages import pieces

NOTEBOOKS, REPORTS = Path("notebooks"), Path("reports")
CALENDAR = site.ASSETS / "opsbook.ics"
INCIDENTS, WORKFLOWS = REPORTS / "incidents", REPORTS / "workflows"


@dataclass(frozen=True)
class Page:
    """One page of the site: the notebook it is made of, where it goes, and its title."""

    notebook: str
    page: str
    title: str
    layout: dict[str, object] = field(default_factory=dict)


PAGES = (
    Page("ingest", "reports/data.ipynb", "Data"),
    Page("backtest", "reports/backtest.ipynb", "Back-test"),
    Page("status", "index.ipynb", "Status"),
    Page("incidents", "reports/incidents/index.ipynb", "Incidents", layout=site.WIDE),
    Page("baselines", "reports/baselines.ipynb", "Baselines"),
    Page("regression", "reports/regression.ipynb", "Regression", layout=site.WIDE),
    Page("portfolio", "reports/portfolio.ipynb", "Portfolio"),
    Page("vendors", "reports/vendors.ipynb", "Vendors", layout=site.WIDE),
    Page("ai-act", "reports/ai-act.ipynb", "EU AI Act", layout=site.WIDE),
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
    review: Review
    signed: bool
    begun: Path | None
    frozen: Path | None
    pages: int
    problems: list[str]
    renderer: str
    seconds: float
    waiting: int

    @property
    def state(self) -> str:
        """What the review is: signed, a draft, or of a period that is not over."""
        over = self.review.now >= self.review.ended_at
        return "signed" if self.signed else "draft" if over else "not over"

    def as_json(self) -> dict:
        """The document of the command's contract."""
        return {
            "path": str(self.path),
            "state": self.state,
            "period": self.review.name,
            "outcomes": str(self.begun) if self.begun else None,
            "frozen": str(self.frozen) if self.frozen else None,
            "pages": self.pages,
            "problems": self.problems,
            "renderer": self.renderer,
            "seconds": round(self.seconds, 1),
        }

    def sentence(self) -> str:
        """What a person is told at the end."""
        told = [
            f"{headline(self.review.period)} ({self.state}): {self.pages} pages in "
            f"{self.seconds:.0f} s, rendered by {self.renderer}.",
            f"Open {self.path}",
        ]
        told += [f"Write what it comes to in {self.begun}"] if self.begun else []
        told += [f"Frozen as {self.frozen}"] if self.frozen else []
        aside = f"{self.waiting} files or rows wait for a person: see the data page."
        return "\n".join([*told, *([aside] if self.waiting else [])])


def build(
    data: Path,
    as_of: str,
    kind: str,
    period: str,
    renderer: str,
    say: Callable[[str], None],
    correct: bool = False,
) -> Built:
    """Run the notebooks, publish their pages and render the site into `_site`.

    `kind` and `period` say which review is made beside the pages that every build makes; one that
    is signed is shown as it was signed, unless its next version was begun, as `correct` does.
    Raises NotebookError or SiteError; nothing of the last good site is touched then.
    """
    begun = time.monotonic()
    folder = store.Folder(data)
    settings = store.load_settings(folder)
    now = moment(as_of, settings)
    reviewed = named_period(kind, period, now, settings)
    week = reviewed.name if kind == "weekly" else named_period("weekly", "", now, settings).name
    shared = {"data": str(data), "as_of": now.isoformat()}
    first, *others = [
        notebooks.Job(NOTEBOOKS / f"{p.notebook}.ipynb", {"period": week}) for p in PAGES
    ]
    with notebooks.workplace() as work:
        say("Reading the inbox and running the notebooks")
        notebooks.run_all([first], shared, work, at_once=1)
        bring_up(folder, now)
        book = open_workbook(data, now.isoformat())
        file = signing.begin(data, review_of(book, data, kind, reviewed.name), correct)
        review = review_of(book, data, kind, reviewed.name)
        signed = review.version == book.signed.get(review.name, 0)
        others += [] if signed else [_review_job(review)]
        others_site = site.shows_another(data)
        own = [
            *incident_pages(book, data),
            *workflow_pages(review_of(book, data, "weekly", week), data),
        ]
        stale = [page for page in own if others_site or page.stale]
        notebooks.run_all([*(p.job for p in stale), *others], shared, work, at_once=2)
        foot = chain_note(book.register.count, book.register.head)
        day = now.tz_convert(settings.company.zone).date().isoformat()
        if others_site:
            _clear_pages()
        site.mark_as(data)
        _publish(work, day, foot)
        _publish_own(work, own, stale, day, foot)
        if not signed:
            _publish_review(work, review, day, foot)
        _put_calendar(review, say)
        signing.put_signatures(folder, fold(Log(folder).events()))
    say("Rendering the site")
    rendered = site.render(Path.cwd(), renderer)
    files = store.read_table(folder, FILES)
    return Built(
        path=rendered.output / "index.html",
        frozen=_frozen(data, review, signed, rendered.output, book.register),
        review=review,
        signed=signed,
        begun=file,
        pages=rendered.pages,
        problems=rendered.problems,
        renderer=rendered.renderer,
        seconds=time.monotonic() - begun,
        waiting=int(files.state.isin(["unknown", "unreadable"]).sum() + files.quarantined.sum()),
    )


def _frozen(
    data: Path, review: Review, signed: bool, output: Path, register: Register
) -> Path | None:
    """The frozen copy of a month's site: once as a draft, and again when its review is signed."""
    if review.kind != "monthly" or review.now < review.ended_at:
        return None
    at = archive.place(data)
    if not signed and any(m.month == review.name for m in archive.months(at)):
        return None
    company = review.settings.company
    facts = archive.Facts(
        company=company.name,
        day=review.now.tz_convert(company.zone).date(),
        state="signed" if signed else "draft",
        count=register.count,
        head=register.head,
    )
    return archive.freeze(output, at, review.name, facts)


def _put_calendar(review: Review, say: Callable[[str], None]) -> None:
    """The calendar beside the site's scripts; said where an older environment cannot write it."""
    try:
        from opsbook.calendars import calendar
    except ModuleNotFoundError as missing:
        say(f"No calendar was written: {missing.name} is not installed. Make the environment again")
        return
    CALENDAR.write_bytes(calendar(review))


def _review_job(review: Review) -> notebooks.Job:
    return notebooks.Job(NOTEBOOKS / f"{review.kind}-review.ipynb", {"period": review.name})


def _publish_review(work: Path, review: Review, day: str, foot: str) -> None:
    """The page of a review that is not signed."""
    over = review.now >= review.ended_at
    site.publish(
        work / f"{review.kind}-review.ipynb",
        signing.page_of(review.period, review.version),
        headline(review.period, review.version),
        day,
        [review.kind, "draft" if over else "not over"],
        stack(signatures(review.kind), foot),
        layout=signing.LAYOUTS[review.kind],
        as_of=review.now.isoformat(),
    )


def incident_pages(book: Workbook, data: Path) -> list[OwnPage]:
    """The pages of all incidents of a workbook, as they have to be now."""
    notebook = NOTEBOOKS / "incident.ipynb"
    settings, made_by = book.settings, code_print(notebook)
    return [
        OwnPage(
            id=incident.id,
            title=f"{incident.id}: {of_incident(incident, settings)}",
            fingerprint=dossier_of(incident.id, book, data).fingerprint(made_by),
            path=INCIDENTS / f"{incident.id}.ipynb",
            job=notebooks.Job(notebook, {"incident": incident.id}, f"{incident.id}.ipynb"),
        )
        for incident in book.register.incidents.values()
    ]


def workflow_pages(week: Review, data: Path) -> list[OwnPage]:
    """The pages of all workflows, as they have to be for a week."""
    notebook = NOTEBOOKS / "workflow.ipynb"
    made_by = code_print(notebook)
    return [
        OwnPage(
            id=workflow.id,
            title=workflow.name,
            fingerprint=_print_of(
                made_by, *pieces(week, workflow.id, open_told(data, workflow.id))
            ),
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


def _clear_pages() -> None:
    for page in REPORTS.rglob("*.ipynb"):
        page.unlink()


def _publish(work: Path, day: str, foot: str) -> None:
    """The pages of PAGES, and the foot that the lists of reviews include."""
    for page in PAGES:
        executed = work / f"{page.notebook}.ipynb"
        site.publish(executed, Path(page.page), page.title, day, [], foot, layout=page.layout)
    for kind in KINDS:
        (REPORTS / kind).mkdir(exist_ok=True)
        (REPORTS / kind / "_record.md").write_text(f"```{{=html}}\n{foot}\n```\n", "utf-8")


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
