"""Months of the site, kept as they were, and the folder they are published in.

A frozen month is a whole site: it works from `file://`, over http and in a sub-folder, says on each
page of which day it is, and is never written again. Publishing puts the latest site and all months
beside the folder that readers see, and changes places when everything is there.
"""

import ctypes
import datetime as dt
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

from opsbook.errors import SiteError, UsageError
from opsbook.events import HEAD_SHOWN
from opsbook.periods import period

ARCHIVE = Path("_archive")
TOLD = "opsbook-month.json"
SUMS = "manifest.sha256"
MARK = "opsbook-site.json"
MONTHS = "archive"
"""A frozen month's facts and sums, a published site's mark, and where it keeps its months."""
FROZEN = re.compile(r"(\d{4}-\d{2})(?:\.(\d+))?")
MAIN = re.compile(r"<main\b[^>]*>")
EXCHANGE, HERE = 2, -100
"""Of renameat2(2): two names change places at once, both seen from the working folder."""


@dataclass(frozen=True)
class Facts:
    """What a month is frozen as: whose, on which local day, in which state, how far on record."""

    company: str
    day: dt.date
    state: str
    count: int
    head: str


@dataclass(frozen=True)
class Frozen:
    """A frozen month as it lies in the archive; `whole`: each file is still what it was."""

    name: str
    month: str
    day: str
    state: str
    count: int
    head: str
    whole: bool


@dataclass(frozen=True)
class Published:
    """What was published: where, how many pages, and the months beside them."""

    path: Path
    pages: int
    months: tuple[Frozen, ...]

    def as_json(self) -> dict:
        """The document of the command's contract."""
        return {
            "path": str(self.path),
            "pages": self.pages,
            "months": [asdict(m) for m in self.months],
        }

    def sentence(self) -> str:
        """What a person is told at the end."""
        broken = [m.name for m in self.months if not m.whole]
        told = f"{self.pages} pages and {len(self.months)} frozen months. Open {self.path}"
        return told + (f"\nChanged since it was frozen: {', '.join(broken)}." if broken else "")


def place(data: Path) -> Path:
    """Where a company's frozen months lie: each company has its own, as each has its own site."""
    return ARCHIVE / Path(data).resolve().name


def freeze(built: Path, archive: Path, month: str, facts: Facts) -> Path:
    """The folder of a month's copy of the built site.

    The same site again changes nothing; another one becomes `<month>.2` beside the first.
    UsageError for what is no month, SiteError without a site or where it cannot be written.
    """
    period(month, "monthly")
    _built(built)
    content = _content(built, facts)
    last = next((f for f in months(archive) if f.month == month), None)
    if last and _told(archive / last.name)["content"] == content:
        return archive / last.name
    target = archive / (f"{month}.{_number(last.name) + 1}" if last else month)
    before = next((archive / f.name for f in months(archive)), None)
    part = archive / f".{secrets.token_hex(4)}.part"
    with _cleared(part, target):
        _copy(built, part, before, _banner(month, facts))
        told = asdict(facts) | {"month": month, "day": str(facts.day), "content": content}
        (part / TOLD).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
        (part / SUMS).write_text(_sums(part), "utf-8")
        part.replace(target)
    write_index(archive, facts.company)
    return target


def months(archive: Path) -> list[Frozen]:
    """The frozen months of an archive, the newest first, of one month the last copy first."""
    named = [p for p in archive.glob("*") if FROZEN.fullmatch(p.name) and (p / TOLD).is_file()]
    ordered = sorted(named, key=lambda p: (p.name[:7], _number(p.name)), reverse=True)
    return [_frozen(path) for path in ordered]


def _number(name: str) -> int:
    return int(FROZEN.fullmatch(name)[2] or 1)


def _told(folder: Path) -> dict:
    return json.loads((folder / TOLD).read_text("utf-8"))


def _frozen(folder: Path) -> Frozen:
    told = _told(folder)
    facts = {n: told[n] for n in ("month", "day", "state", "count", "head")}
    whole = (folder / SUMS).is_file() and (folder / SUMS).read_text("utf-8") == _sums(folder)
    return Frozen(name=folder.name, whole=whole, **facts)


def _files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*") if p.is_file())


def _sums(folder: Path) -> str:
    """Every file with its hash, as `sha256sum -c` reads them; the list itself is not in it."""
    paths = [p for p in _files(folder) if p != folder / SUMS]
    return "".join(f"{_hash(p)}  {p.relative_to(folder).as_posix()}\n" for p in paths)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _content(built: Path, facts: Facts) -> str:
    """The hash of a built site and the state it is frozen in; the day alone makes no other copy."""
    return hashlib.sha256(f"{facts.state}\n{_sums(built)}".encode()).hexdigest()


def _banner(month: str, facts: Facts) -> str:
    said = (
        f"Frozen copy of {month} ({facts.state}): the state of {facts.day}. "
        f"Record: {facts.count} events, head {facts.head[:HEAD_SHOWN]}."
    )
    return f'<p class="ob-explain ob-frozen" role="note">{escape(said)}</p>'


def _copy(built: Path, target: Path, before: Path | None, banner: str = "") -> None:
    """A site file by file; what lies in the month before with the same bytes is not kept twice."""
    for path in _files(built):
        name = path.relative_to(built)
        copy = target / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if banner and path.suffix == ".html":
            text = path.read_text("utf-8")
            shown = MAIN.sub(lambda m: m[0] + banner, text, count=1)
            copy.write_text(shown, "utf-8", newline="\n")
        elif not (before and _linked(path, before / name, copy)):
            shutil.copyfile(path, copy)


def _linked(path: Path, old: Path, copy: Path) -> bool:
    """Whether a file that is the same as an older one could be shared with it."""
    if not old.is_file() or old.stat().st_size != path.stat().st_size or _hash(old) != _hash(path):
        return False
    try:
        os.link(old, copy)
    except OSError:  # a file system without links, or another one
        return False
    return True


@contextmanager
def _cleared(part: Path, target: Path) -> Iterator[None]:
    """Takes a half-written folder away when anything fails, and says what became of the target."""
    try:
        yield
    except OSError as problem:
        raise SiteError(
            f"{target} could not be written: {problem.strerror or problem}. "
            "What lay there before is as it was."
        ) from problem
    finally:
        shutil.rmtree(part, ignore_errors=True)


def write_index(archive: Path, company: str) -> None:
    """The archive's own page, put in place as a whole."""
    part = archive / ".index.part"
    part.write_text(index(months(archive), company), "utf-8")
    part.replace(archive / "index.html")


def publish(built: Path, archive: Path, to: Path, company: str) -> Published:
    """Put the latest site and all frozen months into a folder that readers see.

    The site lies at its top, the months below `archive/`. UsageError for a folder that holds
    something else, SiteError where it cannot be written; what readers see is as it was then.
    """
    _built(built)
    target = to.resolve()
    _refuse(target, built, archive, company)
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    with _cleared(part, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir()
        _copy(built, part, None)
        for frozen in archive.glob("*"):
            if FROZEN.fullmatch(frozen.name) and (frozen / TOLD).is_file():
                _copy(frozen, part / MONTHS / frozen.name, None)
        shown = months(part / MONTHS)
        (part / MONTHS).mkdir(exist_ok=True)
        (part / MONTHS / "index.html").write_text(index(shown, company, "../index.html"), "utf-8")
        _lead_to_months(part / "index.html")
        (part / MARK).write_text(json.dumps({"company": company}) + "\n", "utf-8")
        _change_places(part, target)
    return Published(to / "index.html", len(list(built.rglob("*.html"))), tuple(shown))


def _built(built: Path) -> None:
    if not (built / "index.html").is_file():
        raise SiteError(f"{built} is not there yet: make weekly builds it.")


def _refuse(target: Path, built: Path, archive: Path, company: str) -> None:
    """UsageError where a site must not be put."""
    if os.path.ismount(target):
        raise UsageError(
            f"{target} is the top of a share or disk and cannot be exchanged as a whole; name a "
            f"folder in it, like {target / 'opsbook'}."
        )
    if any(target.is_relative_to(p.resolve()) for p in (built, archive)):
        raise UsageError(f"{target} lies within what is published; name a folder elsewhere.")
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    try:
        whose = json.loads((target / MARK).read_text("utf-8"))["company"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{target} holds something that is no published site (no {MARK} in it). Nothing was "
            "touched; name another folder, or empty this one."
        ) from None
    if whose != company:
        raise UsageError(f"{target} holds the site of {whose}; that of {company} needs its own.")


def _lead_to_months(home: Path) -> None:
    """The published home page's line that leads to the months."""
    line = f'<p class="ob-note"><a href="{MONTHS}/index.html">Past months, as they were</a></p>'
    text = home.read_text("utf-8")
    end = text.rfind("</main>")
    home.write_text(text[:end] + line + text[end:] if end >= 0 else text, "utf-8", newline="\n")


def _change_places(new: Path, old: Path) -> None:
    """Put a folder in another's place and take the other away; it comes back when that fails.

    At once where the system can (Linux); else there is none for a moment, never half of one.
    """
    if not old.exists():
        new.replace(old)
        return
    if _exchanged(new, old):
        shutil.rmtree(new, ignore_errors=True)
        return
    gone = new.with_suffix(".old")
    old.replace(gone)
    try:
        new.replace(old)
    except OSError:
        gone.replace(old)
        raise
    shutil.rmtree(gone, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the system made two names change places in one step."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):
        return False  # another system, or an old one
    return call(HERE, os.fsencode(one), HERE, os.fsencode(other), EXCHANGE) == 0


def index(shown: list[Frozen], company: str, home: str = "") -> str:
    """The page that lists frozen months; `home` leads to the latest site, where there is one."""
    body = "".join(_row(f) for f in shown)
    table = (
        "<table><thead><tr><th scope=col>Month</th><th scope=col>As of</th>"
        "<th scope=col>State</th><th scope=col>Record</th></tr></thead>"
        f"<tbody>{body}</tbody></table>"
        if shown
        else "<p>No month is frozen yet. <code>make monthly</code> does it.</p>"
    )
    back = f'<p><a href="{escape(home)}">The latest site</a></p>' if home else ""
    return INDEX.format(company=escape(company), back=back, table=table)


def _row(frozen: Frozen) -> str:
    copy = _number(frozen.name)
    name = f"{frozen.month}, copy {copy}" if copy > 1 else frozen.month
    state = frozen.state if frozen.whole else f"{frozen.state}; changed since it was frozen"
    record = f"{frozen.count} events, head <code>{escape(frozen.head[:HEAD_SHOWN])}</code>"
    return (
        f'<tr><th scope=row><a href="{escape(frozen.name)}/index.html">{escape(name)}</a></th>'
        f"<td>{escape(frozen.day)}</td><td>{escape(state)}</td><td>{record}</td></tr>\n"
    )


INDEX = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Past months – {company}</title>
<style>
:root {{
  color-scheme: light dark; --page: #fff; --ink: #1c2530; --rule: #dbe1e6; --link: #1d5a8e;
}}
@media (prefers-color-scheme: dark) {{
  :root {{ --page: #14191f; --ink: #e4e9ee; --rule: #2e3843; --link: #8fc1ee; }}
}}
body {{
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif;
}}
main {{ max-width: 50rem; margin: 0 auto; padding: 2rem 1.25rem; overflow-x: auto; }}
h1 {{ font-size: 1.9rem; letter-spacing: -.02em; line-height: 1.25; margin: 0 0 .5rem; }}
a {{ color: var(--link); text-underline-offset: .18em; }}
a:focus-visible {{ outline: 2px solid var(--link); outline-offset: 2px; }}
table {{
  width: 100%; margin-top: 1.5rem; border-collapse: collapse; font-variant-numeric: tabular-nums;
}}
th, td {{ padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--rule); text-align: left; }}
thead th {{ font-size: .875rem; font-weight: 500; }}
td:nth-child(2) {{ white-space: nowrap; }}
code {{ overflow-wrap: anywhere; }}
@media (max-width: 30rem) {{ th, td {{ padding-right: .5rem; font-size: .875rem; }} }}
</style></head>
<body><main>
<h1>Past months of {company}</h1>
<p>Each is the whole site as it was on its day. None is written again: where a month was frozen once
more, the later copy stands above the earlier.</p>
{back}{table}
</main></body></html>
"""
