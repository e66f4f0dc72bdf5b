"""`opsbook doctor`: what is missing or wrong, on this machine and in a company's folder.

It looks and changes nothing. Each check says what was found and, where something is wrong, what to
do; what only some need is told and needs nobody. Names of variables are read, never their values.
"""

import importlib
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import duckdb
import pandas as pd
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from opsbook import store
from opsbook.clock import public_holidays
from opsbook.company import toml
from opsbook.displays import counted
from opsbook.errors import OpsbookError, SettingsError
from opsbook.exports.cells import masked
from opsbook.inbox import waiting
from opsbook.notify import service
from opsbook.prices import euro_rate
from opsbook.records import Log
from opsbook.schedule import ENVIRONMENT
from opsbook.schema import FILES, QUARANTINE, UNASSIGNED
from opsbook.settings import Channel, Settings
from opsbook.site import OUTPUT
from opsbook.workbook import moment

DISTRIBUTION = "opsbook"
FREE_BYTES = 1_000_000_000
"""Room for a year's tables of a small company and the file beside each while it is written."""
SILENT = pd.Timedelta(days=30)
"""A workflow without a call for longer is taken for one that nobody exports, or that has ended."""
OLD_RATES = pd.Timedelta(days=62)
"""Rates that end longer ago are called old: the dollar moved by 5 % in two months of 2025."""
OLD_CHECK = pd.Timedelta(hours=26)
"""A check every hour that has not run for a day and more has no scheduler."""
SHOWN = 5
"""How many of a kind are named before the rest is counted."""
ON_THE_PATH = {
    "quarto": ("quarto", "the site as Quarto renders it; the embedded renderer does without"),
    "chromium": ("chromium", "the tests of the pages in a browser"),
    "soffice": ("LibreOffice", "looking at spreadsheets on a machine without Excel"),
    "java": ("Java", 'engine = "spark", for more calls than one machine holds'),
    "fc-list": ("fontconfig", "the fonts of charts drawn without a browser"),
}
"""Programs that nothing of the weekly work needs, and what each is for."""
ASSIGNED = re.compile(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=", re.M)


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found, and what to do if it is not well.

    Where it is not `required`, what is missing is told and keeps nobody from working.
    """

    check: str
    ok: bool
    found: str
    fix: str = ""
    required: bool = True

    def as_json(self) -> dict:
        """A row of the command's document."""
        return vars(self)

    def line(self) -> str:
        """What a person reads."""
        mark = "ok  " if self.ok else "FIX " if self.required else "note"
        return f"{mark} {self.check}: {self.found}" + (f"\n     -> {self.fix}" if self.fix else "")


@dataclass(frozen=True)
class Company:
    """A company's folder with its settings read, the environment, and the moment."""

    folder: store.Folder
    settings: Settings
    environ: Mapping[str, str]
    now: pd.Timestamp


def examine(data: Path, environ: Mapping[str, str]) -> list[Check]:
    """Every check of this machine and of the company in a folder, in order."""
    checks = [c for look in MACHINE for c in _looked(look)]
    try:
        folder = store.Folder.at(data)
        settings = store.load_settings(folder)
    except OpsbookError as problem:
        return [*checks, Check("settings", False, str(problem), _SETTINGS)]
    company = Company(folder, settings, environ, moment("", settings))
    told = [
        counted(len(settings.workflows), "workflow"),
        counted(len(settings.channels), "channel"),
    ]
    checks.append(Check("settings", True, f"{folder.path / 'settings'}: {', '.join(told)}"))
    return [*checks, *(c for look in FOLDER for c in _looked(look, company))]


_SETTINGS = "Put that right in the file, or make a new company with `opsbook init NAME`."


def _looked(look: Callable[..., Iterator[Check]], *at: object) -> list[Check]:
    """What a check found; one that cannot be made is told, and the others go on."""
    name = look.__name__.strip("_").replace("_", " ")
    try:
        return list(look(*at))
    except OpsbookError as problem:
        return [Check(name, False, str(problem), "Put that right, then look again.")]
    except Exception as problem:  # a broken installation must not hide the other findings
        said = f"it could not be looked at ({type(problem).__name__}: {problem})"
        return [Check(name, False, said[:300], _REINSTALL)]


_REINSTALL = "Remove .venv and run make weekly: the environment is made again."


# This machine


def python() -> Iterator[Check]:
    """Whether this Python is one the package is made for."""
    here, wanted = sys.version.split()[0], metadata.metadata(DISTRIBUTION)["Requires-Python"]
    ok = SpecifierSet(wanted).contains(here, prereleases=True)
    fix = f"Install a Python {wanted}, remove .venv and run make weekly PYTHON=python3.x."
    yield Check("python", ok, here, "" if ok else fix)


def packages() -> Iterator[Check]:
    """Whether all that the package needs is there, in a version it takes, and can be imported."""
    needed = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or []]
    modules = _modules()
    plain = [r for r in needed if r.marker is None]
    problems = [p for r in plain if (p := _package_problem(r, modules))]
    found = "; ".join(problems) or f"{len(plain)} packages, each in a version that fits"
    yield Check("packages", not problems, found, _REINSTALL if problems else "")


def _modules() -> dict[str, str]:
    """The module to import of each installed distribution: its namesake, else its first."""
    found: dict[str, str] = {}
    for module, distributions in sorted(metadata.packages_distributions().items()):
        for name in map(_plain, distributions):
            if not module.startswith("_") and (name not in found or _plain(module) == name):
                found[name] = module
    return found


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")


def _package_problem(needed: Requirement, modules: Mapping[str, str]) -> str | None:
    try:
        here = metadata.version(needed.name)
        importlib.import_module(modules[_plain(needed.name)])
    except metadata.PackageNotFoundError:
        return f"{needed.name} is missing"
    except Exception as problem:  # whatever an installation half done raises
        return f"{needed.name} cannot be imported ({type(problem).__name__})"
    fits = needed.specifier.contains(here, prereleases=True)
    return None if fits else f"{needed.name} is {here}, expected {needed.specifier}"


def programs() -> Iterator[Check]:
    """Programs that some need, and what each is for."""
    for name, (title, purpose) in ON_THE_PATH.items():
        place = shutil.which(name)
        fix = "" if place else f"Only for {purpose}. Install {title} if you want that."
        yield Check(title, bool(place), place or "not on the PATH", fix, required=False)
    lab = importlib.util.find_spec("jupyterlab") is not None
    fix = "" if lab else "Only for make lab and make explore, which install it."
    yield Check("JupyterLab", lab, "installed" if lab else "not installed", fix, required=False)


def site() -> Iterator[Check]:
    """Whether there is a site to look at."""
    ok = (OUTPUT / "index.html").exists()
    found = f"{OUTPUT / 'index.html'}" if ok else f"no {OUTPUT} yet"
    yield Check("site", ok, found, "" if ok else "make weekly", required=False)


MACHINE = (python, packages, programs, site)


# The company's folder


def holidays(company: Company) -> Iterator[Check]:
    """Whether public holidays are known where the company is, this year and the next."""
    own, year = company.settings.company, company.now.tz_convert(company.settings.company.zone).year
    days = [len(public_holidays(own, y)) for y in (year, year + 1)]
    place = "-".join(filter(None, (own.country, own.subdivision)))
    fix = "" if all(days) else "Update the package holidays: remove .venv and run make weekly."
    found = f"{place}: {days[0]} days off in {year}, {days[1]} in {year + 1}"
    yield Check("holidays", all(days), found, fix)


def clock(company: Company) -> Iterator[Check]:
    """Whether this machine's clock runs after what has been recorded."""
    last = max((e.at for e in Log(company.folder).events()), default=None)
    behind = last is not None and company.now < last
    shown = company.now.tz_convert(company.settings.company.zone)
    found = f"{shown:%Y-%m-%d %H:%M} in {company.settings.company.zone}"
    found += ", fixed by the settings" if company.settings.company.now else ""
    found += f", before the last event on record ({last:%Y-%m-%d %H:%MZ})" if behind else ""
    fix = "Set this machine's clock; nothing is recorded until it is right." if behind else ""
    yield Check("clock", not behind, found, fix)


def disk(company: Company) -> Iterator[Check]:
    """Whether there is room for tables and pages."""
    free = shutil.disk_usage(company.folder.path).free
    ok = free >= FREE_BYTES
    fix = "" if ok else "Free some room, or move the project to another disk."
    yield Check("disk", ok, f"{free / 1e9:.1f} GB free", fix)


def permissions(company: Company) -> Iterator[Check]:
    """Whether what has to be written can be."""
    own = company.folder.path
    made = [own / name for name in ("exports", "tables", "records")]
    places = [own, *made, Path("reports"), OUTPUT]
    closed = [str(p) for p in places if p.exists() and not os.access(p, os.W_OK)]
    fix = f"chown or chmod them to whoever runs opsbook: {' '.join(closed)}" if closed else ""
    found = f"cannot be written: {', '.join(closed)}" if closed else "all folders can be written"
    yield Check("permissions", not closed, found, fix)


def channels(company: Company) -> Iterator[Check]:
    """Whether each channel's variables are set, by name, and apprise knows its address."""
    if not company.settings.channels:
        place = company.folder.path / "settings/channels.toml"
        fix = f"Write one into {place}; the README shows how, under Who is told."
        yield Check("channels", False, "none: nobody is told of an incident", fix, required=False)
    scheduled = _scheduled_variables()
    for channel in company.settings.channels:
        yield _channel(channel, company.environ, scheduled)


def _channel(channel: Channel, environ: Mapping[str, str], scheduled: set[str]) -> Check:
    name = f"channel {channel.id}"
    unset = [v for v in channel.variables if not environ.get(v)]
    missing = [v for v in unset if v not in scheduled]
    if missing:
        fix = f"Set {', '.join(missing)} in the environment; for a scheduler in ~/{ENVIRONMENT}."
        return Check(name, False, f"not set: {', '.join(missing)}", fix)
    if unset:
        return Check(name, True, f"{', '.join(unset)} set for the scheduler, not in this shell")
    try:
        service(channel, environ)
    except SettingsError as problem:
        fix = "Correct the address in settings/channels.toml; the examples there are known."
        return Check(name, False, str(problem), fix)
    return Check(name, True, f"from {channel.from_priority} to {' and '.join(channel.roles)}")


def _scheduled_variables() -> set[str]:
    """Names assigned in the file that the scheduler's lines read; values are not looked at."""
    path = Path.home() / ENVIRONMENT
    return set(ASSIGNED.findall(path.read_text("utf-8"))) if path.is_file() else set()


def inbox(company: Company) -> Iterator[Check]:
    """Whether the inbox is there and can be read, and what in it waits for the next run."""
    place = company.folder.inbox
    if not place.is_dir():
        yield Check("inbox", False, f"{place} is missing", f"mkdir {place}")
        return
    lying = [p for p in waiting(company.folder) if p.is_relative_to(place)]
    closed = [p.name for p in lying if not os.access(p, os.R_OK)]
    seen = set(store.read_table(company.folder, FILES).file)
    new = [p.name for p in lying if p.name not in seen]
    found = f"{counted(len(lying), 'file')}, {len(new)} new" if lying else "empty"
    fix = f"make weekly DATA={company.folder.path} takes them in." if new else ""
    fix = fix if lying else f"Drop an export in; {place / 'README.md'} says where to find it."
    fix = f"Let them be read: {_some(closed)}" if closed else fix
    yield Check("inbox", not closed, found, fix)


def files(company: Company) -> Iterator[Check]:
    """Files in the inbox that no reader took, and rows that were set aside."""
    table = store.read_table(company.folder, FILES)
    for file in table[table.state.isin(["unknown", "unreadable"])].itertuples():
        place = shlex.quote(str(company.folder.inbox / file.file))
        known = f"opsbook map {place} --data {company.folder.path}, or move it out of the inbox."
        fix = known if file.state == "unknown" else str(file.problem)
        yield Check(f"file {file.file}", False, file.state, fix)
    aside = store.read_table(company.folder, QUARANTINE)
    told = [f"{file}: {counted(n, 'row')}" for file, n in aside.file.value_counts().items()]
    fix = "The data page lists each with its reason: correct the export and drop it in again."
    found = f"{len(aside)} set aside; {_some(told)}" if len(aside) else "none set aside"
    yield Check("rows", aside.empty, found, "" if aside.empty else fix)


def workflows(company: Company) -> Iterator[Check]:
    """Workflows of which nothing was heard lately."""
    if not company.settings.workflows:
        fix = f"Write one into {company.folder.path / 'settings/workflows.toml'}."
        yield Check("workflows", False, "none: every call is unassigned", fix, required=False)
        return
    last = _calls(company).groupby("workflow").last_at.max()
    if last.empty:
        yield Check("workflows", True, "no calls yet")
        return
    ids = [w.id for w in company.settings.workflows]
    silent = [i for i in ids if i not in last or company.now - last[i] > SILENT]
    fix = "Drop their exports in, correct `matches`, or leave them: one that has ended stays."
    found = f"without a call in {SILENT.days} days: {_some(silent)}" if silent else "all heard of"
    yield Check("workflows", not silent, found, fix if silent else "", required=False)


def unassigned(company: Company) -> Iterator[Check]:
    """Accounts that no workflow claims, each with the line that claims it."""
    calls = _calls(company)
    own = calls[calls.workflow == UNASSIGNED]
    own = own.groupby(["source", "account"], dropna=False, as_index=False).calls.sum()
    own = own.sort_values("calls", ascending=False)
    for row in own.head(SHOWN).itertuples():
        account = "" if pd.isna(row.account) else str(row.account)
        place = f"{row.source}:{account}"
        fix = (
            f"In workflows.toml, at the workflow it belongs to: matches = [{toml(literal(place))}]"
        )
        yield Check("unassigned", False, f"{int(row.calls):,} calls of {toml(place)}", fix)
    if len(own) > SHOWN:
        rest = counted(len(own) - SHOWN, "further account")
        yield Check("unassigned", False, rest, "Claim those above, then look again.")
    if own.empty:
        yield Check("unassigned", True, "none")


def literal(place: str) -> str:
    """A match that stands for this place alone, whatever signs are in it.

    >>> literal("openai:proj [a]*")
    'openai:proj [[]a][*]'
    """
    return re.sub(r"([*?[])", r"[\1]", place)


def record(company: Company) -> Iterator[Check]:
    """Whether the record of events is whole, and in git."""
    told = Log(company.folder).verify()
    found = f"{counted(told.count, 'event')}, head {told.head}" if told.count else "no event yet"
    fix = "" if told.ok else "Take records/events.jsonl back from git or a backup."
    yield Check("record", told.ok, found if told.ok else f"not whole: {told.problem}", fix)
    changed = _uncommitted(company.folder.path)
    if changed is None:
        fix = "Keep the folder in git, or in a backup: the record cannot be made again."
        yield Check("backup", False, "settings and record are in no git", fix, required=False)
        return
    fix = f"git add {company.folder.path} && git commit" if changed else ""
    found = f"not committed: {_some(changed)}" if changed else "settings and record are committed"
    yield Check("backup", not changed, found, fix, required=False)


def _uncommitted(folder: Path) -> list[str] | None:
    """Settings and records that git does not hold as they are; None where there is no git."""
    command = ["git", "-C", str(folder), "status", "--porcelain", "--", "settings", "records"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return None
    return [line[3:] for line in done.stdout.splitlines()] if done.returncode == 0 else None


def schedule(company: Company) -> Iterator[Check]:
    """Whether something runs the hourly check."""
    last = Log(company.folder).last_check()
    age = pd.Timestamp.now("UTC") - last if last is not None else None
    ok = age is not None and age < OLD_CHECK
    found = "no check has run yet" if age is None else f"last check {last:%Y-%m-%d %H:%MZ}"
    fix = f"make schedule KIND=cron DATA={company.folder.path} prints the lines that run it."
    yield Check("schedule", ok, found, "" if ok else fix, required=False)


def money(company: Company) -> Iterator[Check]:
    """How far exchange rates reach, how old the price table is, and what it has no price for."""
    _, day = euro_rate("USD", company.now.date())
    old = company.now.tz_localize(None) - pd.Timestamp(day) > OLD_RATES
    update = "A newer version of the project brings newer ones; the last known is used until then."
    yield Check("rates", not old, f"of the ECB to {day}", update if old else "", required=False)
    calls = _calls(company)
    models = calls[calls.unpriced > 0].groupby("model", dropna=False).unpriced.sum()
    known = f"genai-prices {metadata.version('genai-prices')}"
    found = f"{known}; none for {_some(map(str, models.index))}" if len(models) else known
    fix = "Write them into settings/prices.toml." if len(models) else ""
    yield Check("prices", models.empty, found, fix, required=False)


FOLDER = (
    holidays, clock, disk, permissions, channels, inbox, files, workflows, unassigned, record,
    schedule, money,
)  # fmt: skip


def _calls(company: Company) -> pd.DataFrame:
    """All calls by workflow, source, account and model: count, the last one, those unpriced."""
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        found = store.calls_relation(company.folder, engine).aggregate(
            "workflow, source, account, request_model AS model, sum(requests) AS calls, "
            "max(ts) AS last_at, count(*) FILTER (cost_eur IS NULL) AS unpriced"
        )
        return found.df()


def _some(names: Iterable[str]) -> str:
    """The first of a list of names from data, masked, and how many more there are."""
    every = [masked("".join(c if c.isprintable() else " " for c in n))[:80] for n in names]
    rest = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + rest
