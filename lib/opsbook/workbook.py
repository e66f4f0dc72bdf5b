"""One company's workbook: the frames every page and command reads, measured from its tables.

The only place where settings, tables and rules meet, so that a notebook, a command and a page show
the same figures.
"""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import duckdb
import narwhals as nw
import pandas as pd

from opsbook import coverage, outcomes, panel, postmortem, store
from opsbook.calls import rates
from opsbook.clock import BusinessClock, business_clock, local_days
from opsbook.dossier import Dossier, Known, dossier, text_names
from opsbook.engines import calls_of, folded
from opsbook.errors import UsageError
from opsbook.events import Draft
from opsbook.findings import Facts, Judged, judge
from opsbook.incidents import news, timers
from opsbook.listruns import kept_runs, verdict_files
from opsbook.outcomes import Outcomes
from opsbook.periods import Period, last_complete, period
from opsbook.records import Log
from opsbook.register import Register, fold, fold_draft
from opsbook.registers import Registers, changes
from opsbook.reviews import Review
from opsbook.schema import (
    ANSWERS,
    BILLS,
    COVERAGE,
    EXECUTIONS,
    FILES,
    MODELS,
    PANEL,
    QUARANTINE,
    RUNS,
    Table,
)
from opsbook.settings import Settings

CLOCK_BEHIND, CLOCK_AHEAD = pd.Timedelta(days=60), pd.Timedelta(days=60)
"""How far before the first export and past now the clock runs: deadlines lie ahead."""


PROVIDER_LOOKBACK = pd.Timedelta(days=28)

COST_DECIMALS = 10
"""Of EUR, in sums over calls: far below a cent, far above what adding in another order changes."""


@dataclass(frozen=True)
class Workbook:
    """Everything known about one company at one moment.

    `register` holds what is on record at that moment and, folded in, `news`: what the rules find
    and the record still lacks. A page shows both; only `check` and the build enter the news.
    `signed` counts the sign-offs of each period, later ones too: what is signed stays so.
    """

    settings: Settings
    now: pd.Timestamp
    files: pd.DataFrame
    quarantine: pd.DataFrame
    facts: Facts
    judged: Judged
    register: Register
    registers: Registers
    signed: Mapping[str, int]
    news: list[Draft]
    incidents: pd.DataFrame
    timers: pd.DataFrame
    calendar: pd.DataFrame
    clock: BusinessClock


def open_workbook(data: str | Path, as_of: str = "", literally: bool = True) -> Workbook:
    """The workbook of a company's folder, judged as of a moment.

    `as_of` is ISO 8601 with a zone; empty means the settings' fixed time, else now. Calls from that
    moment on are not looked at. Takes what was ingested; reads no inbox. Without `literally` the
    rules are not read word for word too, as pages show them.
    """
    folder = store.Folder.at(data)
    settings = store.load_settings(folder)
    now = moment(as_of, settings)
    covered = store.read_table(folder, COVERAGE)
    calendar = _calendar(covered, now, settings)
    clock = business_clock(settings.company, *_ends(calendar))
    facts = measure(folder, covered, calendar, clock, now, settings)
    judged = judge(facts, settings, literally)
    found = judged.findings[judged.findings.method == "calendar"]
    events = Log(folder).events()
    register = fold(e for e in events if e.at <= now)
    fresh = news(register, found, settings, clock, providers(folder, now), now)
    for draft in fresh:
        fold_draft(register, draft, now)
    return Workbook(
        settings=settings,
        now=now,
        files=store.read_table(folder, FILES),
        quarantine=store.read_table(folder, QUARANTINE),
        facts=facts,
        judged=judged,
        register=register,
        registers=_registers(folder, settings, register),
        signed=Counter(e.payload["period"] for e in events if e.type == "review_signed"),
        news=fresh,
        incidents=register.frame(),
        timers=timers(register, settings, clock),
        calendar=calendar,
        clock=clock,
    )


def _registers(folder: store.Folder, settings: Settings, register: Register) -> Registers:
    """What people keep in register.xlsx; empty without one."""
    if not (folder.path / "register.xlsx").exists():
        return Registers(changes=changes(register, Log(folder).text))
    from opsbook import spreadsheets  # reading workbooks takes a while to import

    return spreadsheets.registers(folder, settings, register, Log(folder).text)


def moment(as_of: str, settings: Settings) -> pd.Timestamp:
    """The moment of judgement in UTC; UsageError for one without a zone."""
    try:
        at = pd.Timestamp(as_of) if as_of else settings.company.now
    except ValueError as problem:
        raise UsageError(f"--as-of {as_of!r} is not a time; {_AS_OF_EXAMPLE}") from problem
    at = pd.Timestamp(at) if at else pd.Timestamp.now("UTC")
    if at.tzinfo is None:
        raise UsageError(f"--as-of {as_of!r} has no zone; {_AS_OF_EXAMPLE}")
    return at.tz_convert("UTC")


_AS_OF_EXAMPLE = "expected like 2026-11-23T08:00+01:00"


def measure(
    folder: store.Folder,
    covered: pd.DataFrame,
    calendar: pd.DataFrame,
    clock: BusinessClock,
    now: pd.Timestamp,
    settings: Settings,
) -> Facts:
    """What the rules judge, from the calls in the folder's tables up to `now`.

    The folds over raw calls run in the company's engine; what comes back has one row per hour or
    run.
    """
    with calls_of(folder, settings.company.engine) as every:
        calls = every.filter(nw.col("ts") < now)
        hours = _settled(PANEL, folded(panel.hourly_panel(calls)))
        runs = _settled(RUNS, folded(panel.fold_runs(calls)))
        models = _settled(MODELS, folded(panel.model_days(calls)))
        answers = ANSWERS.conform(folded(panel.hourly_answers(calls)))
    told = store.read_table(folder, EXECUTIONS)
    doubled = told.workflow.isin(hours.workflow.unique())
    beside = covered.file_id.isin(told.file_id) & covered.workflow.isin(hours.workflow.unique())
    covered = covered[~beside]
    logged = RUNS.conform(panel.execution_runs(told[~doubled & (told.started_at < now)]))
    runs = pd.concat([runs, logged], ignore_index=True) if len(logged) else runs
    grid = panel.hourly_grid(hours, coverage.covered_hours(covered, hours, now))
    return Facts(
        grid=grid,
        runs=runs.assign(day=panel.local_day(runs.hour, calendar)),
        hour_costs=panel.hourly_run_costs(runs),
        days=panel.daily_totals(grid, runs, calendar),
        calendar=calendar,
        coverage=covered,
        clock=clock,
        now=now,
        measures=panel.measures(grid, runs, answers, now),
        hours=hours,
        models=_meant(models, settings),
        bills=_told_in(store.read_table(folder, BILLS), now, settings),
        lists=kept_runs(folder, now),
    )


def _meant(models: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """`panel.model_days` with the models that a company's own names stand for."""
    if not settings.aliases:
        return models
    vendor = models.provider.fillna("")
    named = {
        c: [
            m if pd.isna(m) else settings.model_of(v, m)
            for v, m in zip(vendor, models[c], strict=True)
        ]
        for c in ("request_model", "served_model")
    }
    return MODELS.conform(models.assign(**named))


def _told_in(bills: pd.DataFrame, now: pd.Timestamp, settings: Settings) -> pd.DataFrame:
    """Bills of periods that began before now, with amount_eur at the rate of their first day."""
    own = bills[bills.period_start < now]
    days = pd.DataFrame({"currency": own.currency, "day": own.period_start.dt.tz_localize(None)})
    known = rates(days.drop_duplicates().astype({"currency": "str"}), settings)
    rate = days.astype(known[["currency", "day"]].dtypes.to_dict()).merge(known, how="left")
    return own.assign(amount_eur=own.amount / rate.fx_rate.astype("Float64").set_axis(own.index))


def providers(folder: store.Folder, now: pd.Timestamp) -> dict[str, str]:
    """The provider that answered most calls of each workflow in the last weeks before `now`."""
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        calls = store.calls_relation(folder, engine)
        recent = calls.filter(
            (duckdb.ColumnExpression("ts") < duckdb.ConstantExpression(now.to_pydatetime()))
            & (
                duckdb.ColumnExpression("ts")
                >= duckdb.ConstantExpression((now - PROVIDER_LOOKBACK).to_pydatetime())
            )
        )
        counts = recent.aggregate("workflow, provider, count(*) AS n").df()
    named = counts.dropna().sort_values(["n", "provider"])
    return dict(zip(named.workflow, named.provider, strict=True))


def _settled(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """A folded table in the order of its key, its costs to a fixed decimal.

    The engine adds in parallel, in any order; the same data must give the same figures.
    """
    typed = table.conform(frame).sort_values(list(table.key), ignore_index=True)
    return typed.assign(cost_eur=typed.cost_eur.round(COST_DECIMALS))


def _calendar(covered: pd.DataFrame, now: pd.Timestamp, settings: Settings) -> pd.DataFrame:
    """The company's days from the first that an export covers to some way past now."""
    zone = settings.company.zone
    first = min([now, *covered.covered_from.dropna()]).tz_convert(zone).date()
    return local_days(settings.company, first, (now + CLOCK_AHEAD).tz_convert(zone).date())


def _ends(calendar: pd.DataFrame) -> tuple[dt.date, dt.date]:
    """From where to where the business clock runs: people report what began before any export."""
    return (calendar.day.iloc[0] - CLOCK_BEHIND).date(), calendar.day.iloc[-1].date()


def open_week(data: str | Path, as_of: str = "", period: str = "") -> Review:
    """One week of a company's workbook; the last complete one without a `period`."""
    return open_review(data, as_of, "weekly", period)


def open_review(
    data: str | Path, as_of: str = "", kind: str = "weekly", period: str = ""
) -> Review:
    """One period of a company's workbook; the last complete one of its kind without a `period`."""
    return review_of(_opened(data, as_of), data, kind, period)


def review_of(book: Workbook, data: str | Path, kind: str, period: str = "") -> Review:
    """One period of an open workbook; the last complete one of its kind without a `period`."""
    reviewed = named_period(kind, period, book.now, book.settings)
    version, told = outcomes_of(store.Folder.at(data), reviewed, book.signed, book.settings)
    return Review(
        period=reviewed,
        now=book.now,
        settings=book.settings,
        facts=book.facts,
        judged=book.judged,
        register=book.register,
        registers=book.registers,
        incidents=book.incidents,
        timers=book.timers,
        files=book.files,
        quarantine=book.quarantine,
        texts=_texts(_told(book.register), data),
        outcomes=told,
        version=version,
    )


def outcomes_of(
    folder: store.Folder, reviewed: Period, signed: Mapping[str, int], settings: Settings
) -> tuple[int, Outcomes]:
    """The version of a period's review that is worked on, and what its file says so far.

    That is the first version until it is signed, then the last one signed, until a file for the
    next one has been begun.
    """
    done = signed.get(reviewed.name, 0)
    begun = (folder.path / outcomes.place(reviewed.name, done + 1)).exists()
    version = done + 1 if begun or not done else done
    path = folder.path / outcomes.place(reviewed.name, version)
    if not path.exists():
        return version, Outcomes()
    told = outcomes.read(
        path.read_bytes(), outcomes.place(reviewed.name, version), reviewed, settings.company,
        postmortem.roles(settings),
    )  # fmt: skip
    return version, told


def _told(register: Register) -> list[str]:
    """The names of what people wrote that a review shows: reasons, explanations and actions."""
    told = [*register.silences.values(), *register.explained, *register.tasks.values()]
    signed = [v for versions in register.reviews.values() for v in versions]
    said = [part["explained"] for v in signed for part in v["sections"].values()]
    return [*(t.get("text", "") for t in told), *said]


def open_dossier(data: str | Path, as_of: str = "", incident: str = "") -> Dossier:
    """One incident's dossier; the latest one's without an id, UsageError for an unknown one."""
    book = _opened(data, as_of)
    name = incident or next(reversed(book.register.incidents), "none")
    return dossier_of(name, book, data)


def dossier_of(name: str, book: Workbook, data: str | Path) -> Dossier:
    """The dossier of one incident of an open workbook, with its texts read."""
    known = Known(
        register=book.register,
        timers=book.timers,
        facts=book.facts,
        judged=book.judged,
        files=book.files,
        clock=book.clock,
        settings=book.settings,
        now=book.now,
        registers=book.registers,
    )
    return dossier(name, known, _texts(text_names(book.register.incident(name)), data))


def _texts(names: Iterable[str | None], data: str | Path) -> dict[str, str | None]:
    """What people wrote, by its name in the record; None for what was erased."""
    log = Log(store.Folder.at(data))
    return {name: log.text(name) for name in names if name}


def _opened(data: str | Path, as_of: str) -> Workbook:
    """A workbook; at a named moment it stays open until a file it was read from changes."""
    return _kept_open(str(data), as_of, _trace(data)) if as_of else open_workbook(data)


@lru_cache(maxsize=1)
def _kept_open(data: str, as_of: str, _trace: tuple) -> Workbook:
    return open_workbook(data, as_of)


def _trace(data: str | Path) -> tuple:
    """What tells whether anything a workbook is read from was written since: times and sizes."""
    folder = store.Folder.at(data).path
    paths = [p for n in ("settings", "tables") for p in sorted((folder / n).rglob("*"))]
    people = ("records/*.jsonl", "records/reviews/*.md", "register.xlsx")
    paths += [p for n in people for p in sorted(folder.glob(n))]
    paths += verdict_files(store.Folder.at(data))
    found = [p.stat() for p in paths]
    return tuple((f.st_ino, f.st_mtime_ns, f.st_size) for f in found)


def named_period(kind: str, name: str, now: pd.Timestamp, settings: Settings) -> Period:
    """The period a person asked for, else the last complete one; UsageError for none of its kind.

    A period that is still to come is refused: nothing in it could be reviewed.
    """
    found = period(name, kind) if name else last_complete(kind, now, settings.company)
    if found.bounds(settings.company)[0] > now:
        raise UsageError(f"--period {found.name} is still to come; expected one that has begun.")
    return found
