"""Reviews on disk: the outcomes file that a build begins, the sign-off, and the reports it keeps.

A sign-off makes the report anew and takes it only if it is, to the letter, the page that was shown:
nothing is signed that nobody has seen. The report is then kept as it was shown, beside the record,
and is never written again; a correction is another version.
"""

import gzip
import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import nbformat
import pandas as pd

from opsbook import notebooks, outcomes, pages, postmortem, runs, signoffs, site, store
from opsbook.desk import ROLE, Desk, Role
from opsbook.errors import UsageError
from opsbook.events import Event
from opsbook.outcomes import Task
from opsbook.periods import Period, period
from opsbook.records import Log
from opsbook.register import Register
from opsbook.reviews import Review
from opsbook.schema import FILES
from opsbook.settings import Settings
from opsbook.signoffs import Shown, Words
from opsbook.workbook import moment, open_review

NOTEBOOKS, REPORTS = Path("notebooks"), Path("reports")
LAYOUTS = {"weekly": {}, "monthly": site.WIDE, "quarterly": site.WIDE}


@dataclass(frozen=True)
class Signed:
    """A sign-off: its event, and where the report lies that it is about."""

    event: Event
    report: Path


def page_of(reviewed: Period, number: int = 1) -> Path:
    """Where the page of a review's version lies; each version keeps its own."""
    suffix = "" if number == 1 else f"-v{number}"
    return REPORTS / reviewed.kind / f"{reviewed.name}{suffix}.ipynb"


def report_of(name: str, number: int) -> str:
    """Where a signed report is kept, below the company's folder."""
    return f"records/reviews/{name}.v{number}.ipynb.gz"


def begin(data: str | Path, review: Review, again: bool = False) -> Path | None:
    """Make the outcomes file of a review whose period is over; a file that is there stays.

    With `again` it is that of the next version of a signed review; UsageError where none is signed.
    """
    done = signoffs.versions(review.register, review.name)
    if again and not done:
        raise UsageError(f"{review.name} is not signed yet: edit {outcomes.place(review.name)}.")
    if review.now < review.ended_at or (done and not again):
        return None
    place = store.Folder.at(data).path / outcomes.place(review.name, done + 1)
    if not place.exists():
        text = _begun(data, review, done)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8", newline="\n")
    return place


def _begun(data: str | Path, review: Review, done: int) -> str:
    """The file's text: from scratch, or for a correction what was signed and what changed."""
    if done:
        before = store.Folder.at(data).path / outcomes.place(review.name, done)
        return outcomes.corrected(before.read_text("utf-8-sig"), done + 1)
    follow = signoffs.to_follow(review)
    tasks = [
        Task(t.id, "erased" if pd.isna(t.what) else t.what, t.owner, t.due_on.date(),
             "" if pd.isna(t.kind) else t.kind)
        for t in follow.itertuples()
    ]  # fmt: skip
    asked = signoffs.questions(review, runs.open_lists(data).lists)
    return outcomes.template(review.period, asked, tasks, postmortem.roles(review.settings))


# The sign-off


def sign_off(
    data: Path, name: str, role: Role, as_of: str, say: Callable[[str], None] = lambda _: None
) -> Signed:
    """Sign a period's review as it was shown last.

    UsageError with everything that keeps it a draft: a period that is not over, a section that is
    missing, not reviewed or not answered, a page that was never built or that shows other figures
    than there are now. Nothing is entered then.
    """
    folder, reviewed = store.Folder.at(data), period(name)
    settings = store.load_settings(folder)
    now = moment(as_of, settings)
    signoffs.refuse_early(reviewed, now, settings.company)
    review = open_review(data, now.isoformat(), reviewed.kind, name)
    lists = runs.open_lists(data).lists
    chair = ROLE[role]
    if review.version == signoffs.versions(review.register, name):
        raise UsageError(
            f"{name} is signed already, and stays as it is. To correct it: opsbook review "
            f"{reviewed.kind} --period {name} --correct, then sign the new version."
        )
    questions = signoffs.questions(review, lists)
    ids = review.registers.actions.id.tolist()
    signoffs.ready(
        reviewed, review.outcomes, questions, review.register, ids, now, settings.company, chair
    )
    say("Making the report again, to see that it is what was shown")
    shown = _as_shown(data, review)
    content = shown.read_bytes()
    desk = Desk(Log(folder), settings, now)
    words = _words(review, desk)
    facts = Shown(
        report=hashlib.sha256(content).hexdigest(),
        path=report_of(name, review.version),
        data=manifest(folder),
        rules=rules_version(settings),
        count=review.register.count,
        head=review.register.head,
        figures=signoffs.key_figures(review),
    )
    kept = folder.path / facts.path
    _keep(kept, content)
    follow = signoffs.to_follow(review).id.tolist()
    register = desk.enter(
        lambda r: signoffs.signed(
            reviewed,
            review.outcomes,
            words,
            facts,
            r,
            follow,
            now,
            settings,
            chair,
            review.version,
        )
    )
    put_signature(folder, reviewed, register)
    return Signed(desk.log.events()[-1], kept)


def _as_shown(data: Path, review: Review) -> Path:
    """The page that was built last, if making it again gives the same; UsageError otherwise."""
    page = page_of(review.period, review.version)
    build = f"Run make {review.kind} PERIOD={review.name}, look at the page, and sign it then."
    if not page.exists():
        raise UsageError(f"{page} was never built: nobody has seen it. {build}")
    at = nbformat.read(page, 4).metadata.get("opsbook", {}).get("as_of", "")
    if not at or site.shows_another(data):
        raise UsageError(f"{page} is not this company's, or of another library. {build}")
    with notebooks.workplace() as work, tempfile.TemporaryDirectory() as place:
        told = {"data": str(data), "as_of": at, "period": review.name}
        executed = notebooks.run(
            NOTEBOOKS / f"{review.kind}-review.ipynb", work / "again.ipynb", told
        )
        again = Path(place) / page.name
        site.publish(executed, again, "", "2000-01-01", [])
        if shown_cells(again) != shown_cells(page):
            raise UsageError(
                f"{page} shows other figures or words than there are now: exports, settings, the "
                f"outcomes file or the library changed since it was built. {build}"
            )
    return page


def shown_cells(page: Path) -> list[str]:
    """What a page shows, cell by cell, without its front matter and its foot."""
    book = nbformat.read(page, 4)
    return [json.dumps([c.source, c.get("outputs")], sort_keys=True) for c in book.cells[1:-1]]


def _words(review: Review, desk: Desk) -> Words:
    """Everything that people wrote, kept beside the chain."""
    told = review.outcomes
    return Words(
        explained={key: desk.kept(said.explained) for key, said in told.sections.items()},
        decisions=[desk.kept(d) for d in told.decisions],
        tasks=[desk.kept(t.text) for t in told.tasks if not t.id],
        changed=desk.kept(told.changed),
    )


def _keep(place: Path, content: bytes) -> None:
    """The report as it was shown, packed to the same bytes every time."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_suffix(".part")
    temporary.write_bytes(gzip.compress(content, mtime=0))
    temporary.replace(place)


def manifest(folder: store.Folder) -> str:
    """The SHA-256 over the exports that figures rest on: each file's hash, its rows and days."""
    files = store.read_table(folder, FILES).sort_values("file_id")
    columns = ["file_id", "rows_in", "loaded", "covered_from", "covered_to"]
    told = files[columns].to_json(orient="records", date_format="iso")
    return hashlib.sha256(told.encode()).hexdigest()


def rules_version(settings: Settings) -> str:
    """The library's version, and the start of the limits' hash."""
    limits = hashlib.sha256(settings.limits.model_dump_json().encode()).hexdigest()
    return f"opsbook {version('opsbook')}, limits {limits[:12]}"


# Signed reviews on the site


def put_signatures(folder: store.Folder, register: Register) -> None:
    """The pages of all signed reviews, each its kept report with the signature on it.

    Where a report is not on this machine the signature stands alone and says so; UsageError where
    one is not what was signed.
    """
    for name in register.reviews:
        put_signature(folder, period(name), register)


def put_signature(folder: store.Folder, reviewed: Period, register: Register) -> None:
    """The pages of a period's signed versions; those that are there as they should be stay."""
    told = register.reviews.get(reviewed.name, [])
    log, settings = Log(folder), store.load_settings(folder)
    for one in told:
        texts = {t: log.text(t) for t in signoffs.texts_of(one)}
        there = (folder.path / one["path"]).exists()
        said = {
            "standing": pages.signature(told, one["version"], texts, settings, there),
            "decisions": pages.signed_decisions(one, texts, settings),
        }
        page = page_of(reviewed, one["version"])
        made_of = hashlib.sha256("".join([one["report"], *said.values()]).encode()).hexdigest()
        if site.fingerprint_of(page) != made_of:
            content = kept_report(folder, one) if there else site.tagged_page(said)
            _put(page, content, said, one, made_of)


def _put(page: Path, content: bytes, said: dict[str, str], told: dict, made_of: str) -> None:
    reviewed = period(told["period"])
    page.parent.mkdir(parents=True, exist_ok=True)
    temporary = page.with_suffix(".signed")
    temporary.write_bytes(content)
    title = signoffs.headline(reviewed, told["version"])
    front = {"title": title, "date": told["held"][:10], "categories": [reviewed.kind, "signed"]}
    front |= LAYOUTS[reviewed.kind]
    site.put_outputs(temporary, said, front, made_of)
    temporary.replace(page)


def kept_report(folder: store.Folder, told: dict) -> bytes:
    """The bytes of a signed report; UsageError where they are gone or changed."""
    place = folder.path / told["path"]
    try:
        content = gzip.decompress(place.read_bytes())
    except (OSError, EOFError) as problem:
        raise UsageError(
            f"{place}, the signed report of {told['period']}, cannot be read ({problem}); bring it "
            "back from a backup."
        ) from problem
    if hashlib.sha256(content).hexdigest() != told["report"]:
        raise UsageError(
            f"{place} is not the report of {told['period']} that was signed on {told['ts'][:10]}; "
            "bring it back from a backup."
        )
    return content
