"""One incident's dossier: all that its page shows, and nothing else.

Its page follows from the dossier, the library and the notebook alone. So two dossiers with the same
fingerprint make the same page, and a page whose dossier did not change need not be made again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from opsbook.clock import BusinessClock
from opsbook.estimates import trailing
from opsbook.events import stamp
from opsbook.findings import Facts, Judged
from opsbook.panel import hourly_tasks
from opsbook.postmortem import due_at
from opsbook.register import ENDED, Incident, Register
from opsbook.registers import Registers
from opsbook.reminders import clocks, held
from opsbook.schema import COMPANY
from opsbook.settings import Limits, Settings
from opsbook.steps import post_mortem_due

HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
BEFORE = {"hour": 12 * HOUR, "window": 48 * HOUR, "day": 14 * DAY}
"""How long before its finding a course begins, by the length of its buckets."""
AFTER = {"hour": 12 * HOUR, "window": 12 * HOUR, "day": 3 * DAY}
LONGEST = {"hour": 14 * DAY, "window": 14 * DAY, "day": 90 * DAY}
"""What a chart can show; of a longer course the end is shown."""
COURSE = ["at", "value", "center", "upper"]


@dataclass(frozen=True)
class Dossier:
    """One incident as its page shows it, as of `at`: an ended one as of its last event.

    `timers` are its rows of `incidents.timers`, `course` the metric of the finding `shown`, bucket
    by bucket, `sources` the exports that hold its calls, `texts` what people wrote by its name in
    the record (None: erased), `post_mortem_due_at` when one is owed (None: not yet known).
    """

    incident: Incident
    settings: Settings
    at: pd.Timestamp
    timers: pd.DataFrame
    course: pd.DataFrame
    sources: pd.DataFrame
    texts: Mapping[str, str | None]
    post_mortem_owed: bool
    post_mortem_due_at: pd.Timestamp | None
    clocks: pd.DataFrame
    held: bool

    @property
    def ended(self) -> bool:
        """Whether nothing can happen to it any more but being reopened."""
        return self.incident.state in ENDED

    @property
    def finding(self) -> dict | None:
        """The finding its course shows; None for what a person reported."""
        return shown(self.incident, self.at)

    @property
    def provisional(self) -> bool:
        """Whether the rules say it and the record does not hold it yet."""
        return not self.incident.timeline[0].hash

    def fingerprint(self, made_by: str) -> str:
        """The hash of everything its page follows from; `made_by` is that of the code.

        Equal for equal dossiers, whoever opened them and when.
        """
        told = {
            "made_by": made_by,
            "incident": vars(self.incident)
            | {"timeline": [asdict(e) for e in self.incident.timeline]},
            "settings": self.settings.model_dump(mode="json"),
            "at": self.at,
            "frames": [f.to_csv() for f in (self.timers, self.course, self.sources, self.clocks)],
            "texts": dict(self.texts),
            "post_mortem": [self.post_mortem_owed, self.post_mortem_due_at],
            "held": self.held,
        }
        plain = json.dumps(told, sort_keys=True, default=str)
        return hashlib.sha256(plain.encode()).hexdigest()


@dataclass(frozen=True)
class Known:
    """What dossiers are cut out of: the register with its timers, the facts, and the files."""

    register: Register
    timers: pd.DataFrame
    facts: Facts
    judged: Judged
    files: pd.DataFrame
    clock: BusinessClock
    settings: Settings
    now: pd.Timestamp
    registers: Registers = field(default_factory=Registers)


def dossier(name: str, known: Known, texts: Mapping[str, str | None]) -> Dossier:
    """The dossier of the incident with this id; UsageError for none."""
    incident = known.register.incident(name)
    ended = incident.state in ENDED
    own = known.timers[known.timers.id == incident.id].reset_index(drop=True)
    owed = post_mortem_due(incident, known.settings.limits)
    return Dossier(
        incident=incident,
        settings=known.settings,
        at=incident.timeline[-1].at if ended else known.now,
        timers=own,
        course=course(shown(incident, known.now), known),
        sources=sources(incident, known.facts.coverage, known.files),
        texts=texts,
        post_mortem_owed=owed,
        post_mortem_due_at=due_at(incident, known.settings, known.clock) if owed else None,
        clocks=clocks(incident, known.settings, known.registers),
        held=held(incident, known.settings, known.registers),
    )


def shown(incident: Incident, now: pd.Timestamp) -> dict | None:
    """The finding that tells most of an incident: of the gravest one that holds, else the first.

    What still holds reaches to `now`: the record notes its end when it is over.
    """
    grave = [f for f in incident.evidence if f["priority"] == incident.evidence[0]["priority"]]
    holds = next((f for f in grave if f["state"] == "firing"), None)
    return holds | {"to": stamp(now)} if holds else next(iter(grave), None)


def text_names(incident: Incident) -> list[str]:
    """The names of the texts that an incident's events and actions speak of, each once."""
    named = [e.payload.get("text") for e in incident.timeline]
    named += [action.get("text") for action in incident.actions]
    return list(dict.fromkeys(n for n in named if n))


def holding(text: str, register: Register, settings: Settings, registers: Registers) -> list[str]:
    """The incidents whose evidence is kept and that a text belongs to, by the text's name."""
    return [
        i.id
        for i in register.incidents.values()
        if text in text_names(i) and held(i, settings, registers)
    ]


def sources(incident: Incident, coverage: pd.DataFrame, files: pd.DataFrame) -> pd.DataFrame:
    """The exports that cover its workflows while it lasted, one row each, by start.

    Columns file_id, file, reader, covered_from, covered_to. Takes COVERAGE and FILES.
    """
    own = coverage if incident.workflow == COMPANY else coverage[_speaks_of(coverage, incident)]
    inside = (own.covered_from < incident.ended_at) & (own.covered_to > incident.started_at)
    spans = own[inside].groupby("file_id", as_index=False)
    spans = spans.agg(covered_from=("covered_from", "min"), covered_to=("covered_to", "max"))
    named = spans.merge(files[["file_id", "file", "reader"]], on="file_id")
    columns = ["file_id", "file", "reader", "covered_from", "covered_to"]
    return named.sort_values(["covered_from", "file"], ignore_index=True)[columns]


def _speaks_of(coverage: pd.DataFrame, incident: Incident) -> pd.Series:
    return coverage.workflow.isin(incident.workflows)


# The course of a finding


def course(finding: dict | None, known: Known) -> pd.DataFrame:
    """The metric of a finding around its time: at (start of a bucket, UTC), value, center, upper.

    Value is <NA> where there is no data; center (the baseline) and upper (the limit) are those of
    the bucket where they change, else the finding's. No rows where nothing is kept by the hour.
    """
    if finding is None:
        return pd.DataFrame(columns=COURSE)
    grain, measured = MEASURED.get((finding["rule"], finding["metric"]), OTHERWISE)
    start, end = pd.Timestamp(finding["from"]), pd.Timestamp(finding["to"])
    until = end + AFTER[grain]
    begin = max(start - BEFORE[grain], until - LONGEST[grain])
    frame = measured(finding, known.facts, known.judged, known.settings.limits)
    shown = frame[(frame["at"] >= begin) & (frame["at"] < until)].reset_index(drop=True)
    levels = {"center": finding["baseline"], "upper": finding["limit"]}
    full = shown.assign(**{k: shown.get(k, v) for k, v in levels.items()})
    floats = ["value", "center", "upper"]
    return full[COURSE].astype(dict.fromkeys(floats, "Float64"))


def grain(finding: dict) -> str:
    """What a bucket of a finding's course is: hour, window (the hours up to it) or day."""
    return MEASURED.get((finding["rule"], finding["metric"]), OTHERWISE)[0]


def _own(frame: pd.DataFrame, finding: dict) -> pd.DataFrame:
    return frame[frame.workflow == finding["workflow"]].reset_index(drop=True)


def _failed(finding: dict, facts: Facts, _: Judged, limits: Limits) -> pd.DataFrame:
    hours = _own(facts.grid, finding)
    enough = hours.judged.where(hours.judged >= limits.rate_watch_calls)
    return pd.DataFrame({"at": hours.hour, "value": hours.failed / enough})


def _refused(finding: dict, facts: Facts, _: Judged, limits: Limits) -> pd.DataFrame:
    runs = facts.runs[facts.runs.workflow == finding["workflow"]]
    hours = hourly_tasks(_own(facts.grid, finding), runs)
    enough = hours.tasks.where(hours.tasks >= limits.rate_watch_calls)
    return pd.DataFrame({"at": hours.hour, "value": hours.refused / enough})


def _run_cost(finding: dict, facts: Facts, judged: Judged, _: Limits) -> pd.DataFrame:
    hours = _own(facts.hour_costs, finding).sort_values("hour")
    days = _own(judged.run_cost, finding)[["started_at", "center", "upper"]]
    both = pd.merge_asof(
        hours, days.sort_values("started_at"), left_on="hour", right_on="started_at"
    )
    return both.rename(columns={"hour": "at", "run_cost_eur": "value"})


def _window(finding: dict, facts: Facts, _: Judged, limits: Limits) -> pd.DataFrame:
    hours = _own(facts.grid, finding)
    tokens = hours.input_tokens.fillna(0) + hours.output_tokens.fillna(0)
    amount = tokens if finding["metric"] == "tokens" else hours.cost_eur.fillna(0)
    total = trailing(amount.to_numpy(float), limits.tokens_window_h)
    return pd.DataFrame({"at": hours.hour, "value": np.where(hours.covered, total, np.nan)})


def _spend(_: dict, __: Facts, judged: Judged, ___: Limits) -> pd.DataFrame:
    return judged.spend.rename(columns={"started_at": "at", "cost_eur": "value"})


def _daily_tasks(finding: dict, facts: Facts, _: Judged, __: Limits) -> pd.DataFrame:
    days = _own(facts.days, finding)
    done = days.runs.where(days.runs > 0, days.calls)
    return pd.DataFrame({"at": days.started_at, "value": done.where(days.covered_share > 0)})


def _hourly_tasks(finding: dict, facts: Facts, _: Judged, __: Limits) -> pd.DataFrame:
    runs = facts.runs[facts.runs.workflow == finding["workflow"]]
    hours = hourly_tasks(_own(facts.grid, finding), runs)
    blank = pd.Series(pd.NA, index=hours.index, dtype="Float64")
    return pd.DataFrame({"at": hours.hour, "value": hours.tasks, "center": blank, "upper": blank})


def _measured(finding: dict, facts: Facts, _: Judged, __: Limits) -> pd.DataFrame:
    hours = _own(facts.measures[facts.measures.metric == finding["metric"]], finding)
    return pd.DataFrame({"at": hours.hour, "value": hours.value})


Measure = Callable[[dict, Facts, Judged, Limits], pd.DataFrame]
MEASURED: dict[tuple[str, str], tuple[str, Measure]] = {
    ("R3", "error_share"): ("hour", _failed),
    ("R4", "error_share"): ("hour", _failed),
    ("R5", "run_cost_eur"): ("hour", _run_cost),
    ("R6", "tokens"): ("window", _window),
    ("R6", "cost_eur"): ("window", _window),
    ("R7", "cost_eur"): ("day", _spend),
    ("R9", "tasks"): ("day", _daily_tasks),
    ("R10", "refused_share"): ("hour", _refused),
    ("R13", "missing_h"): ("hour", _hourly_tasks),
    ("R13", "tasks"): ("day", _daily_tasks),
}
"""How long a bucket is and how it is measured, by rule and metric."""
OTHERWISE: tuple[str, Measure] = ("hour", _measured)
"""The same for what is measured by the hour as the rules R8 and R11 judge it."""
