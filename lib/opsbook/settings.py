"""A company's settings: who it is, when it works, what runs there, and every limit.

TOML files in `settings/`, one per subject. Each limit is a field with its default, unit, the clause
it serves and the reason for the value; nothing else in the library holds such a number.
"""

import datetime as dt
import json
import re
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo

from opsbook.schema import STATUSES, UNASSIGNED

SPAN = re.compile(r"\s*(\d?\d:\d\d)\s*[-–]\s*(\d?\d:\d\d)\s*")
MEETING = re.compile(
    r"(?:(first|second|third|fourth)\s+)?"
    r"(monday|tuesday|wednesday|thursday|friday|saturday|sunday)\s+(\d?\d:\d\d)"
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CATEGORIES = {
    "customer": "Customer-facing automation",
    "internal": "Internal process automation",
    "developer": "Developer tooling",
    "analytics": "Analytics and reporting",
}


class Part(BaseModel):
    """A part of the settings: fixed once read; a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not an IANA zone")
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class Closure(Part):
    """Days on which the company is closed; both ends count."""

    first: dt.date = Field(examples=["2026-12-24"])
    last: dt.date = Field(examples=["2026-12-31"])
    reason: str = Field(examples=["Company holidays"])

    @model_validator(mode="after")
    def _in_order(self) -> "Closure":
        if self.first > self.last:
            raise ValueError(f"first ({self.first}) is after last ({self.last})")
        return self


class Span(Part):
    """Opening hours within one day, local time; a close at 00:00 is the day's end, 24:00."""

    opens: dt.time
    closes: dt.time

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = SPAN.fullmatch(value)
        if not found:
            raise ValueError(f'{value!r} is no span of hours; expected like "09:00-17:00"')
        opens, closes = (time.rjust(5, "0") for time in found.groups())
        return {"opens": opens, "closes": "00:00" if closes == "24:00" else closes}

    @model_validator(mode="after")
    def _in_order(self) -> "Span":
        if self.opens >= self.closes > dt.time.min:
            raise ValueError(
                f"{self.opens:%H:%M} is not before {self.closes:%H:%M}; hours over midnight are "
                'two spans: one that ends at "24:00", and one on the next day from "00:00"'
            )
        return self


Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
NTH = ("first", "second", "third", "fourth")
HolidayKind = Literal["bank", "catholic", "de_facto", "optional", "protestant", "unofficial"]


class Meeting(Part):
    """When a review is held: the weekday and local time, and for a month which of its weekdays."""

    weekday: Weekday
    at: dt.time
    nth: int = 1

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        found = MEETING.fullmatch(value.strip().lower())
        if not found:
            raise ValueError(f'{value!r} is no such time; expected like "first tuesday 10:00"')
        nth, weekday, at = found.groups()
        told = {"weekday": weekday, "at": at.rjust(5, "0")}
        return told | ({"nth": NTH.index(nth) + 1} if nth else {})

    def __str__(self) -> str:
        """As the settings write it."""
        return f"{NTH[self.nth - 1]} {self.weekday} {self.at:%H:%M}"


class Company(Part):
    """Who the company is and when it works."""

    name: str = Field(examples=["Example Ltd"], description="as the pages show it")
    zone: Zone = Field(
        examples=["Europe/Vienna"], description="time zone in which its days and hours are counted"
    )
    country: str = Field(
        examples=["AT"], pattern="^[A-Z]{2}$", description="two letters; its public holidays count"
    )
    subdivision: str | None = Field(
        None, examples=["6"], description="state, canton or region, for holidays of its own"
    )
    holidays_also: list[HolidayKind] = Field(
        [],
        examples=['["bank"]'],
        description="days off besides public holidays, by the country's own kinds",
    )
    open_on: list[dt.date] = Field(
        [], examples=["[2026-04-03]"], description="holidays on which the company works"
    )
    locale: str = Field(
        "en_GB", examples=["de_AT"], description="how figures and dates are written"
    )
    hours: dict[str, list[Span]] = Field(
        examples=['{ monday = ["09:00-17:00"] }'],
        description="opening hours, local time; the business clock runs only within them",
    )
    closures: list[Closure] = Field(
        [],
        examples=['[{ first = 2026-12-24, last = 2026-12-31, reason = "Company holidays" }]'],
        description="days off besides public holidays; both ends count",
    )
    currency: str = Field(
        "EUR", pattern="^[A-Z]{3}$", examples=["EUR"], description="what costs are told in"
    )
    engine: Literal["duckdb", "spark"] = Field(
        "duckdb", description="where calls are added up: on this machine, or in Spark"
    )
    site: str = Field(
        "", examples=["https://intranet.example/opsbook"], description="where the site is published"
    )
    weekly_review: Meeting = Field(
        Meeting(weekday="monday", at=dt.time(9, 30)),
        examples=["monday 09:30"],
        description="when the week before is reviewed, local time",
    )
    monthly_review: Meeting = Field(
        Meeting(weekday="tuesday", at=dt.time(10)),
        examples=["first tuesday 10:00"],
        description="when the month before is reviewed: which of the next month's weekdays",
    )
    quarterly_review: Meeting = Field(
        Meeting(weekday="tuesday", at=dt.time(10), nth=2),
        examples=["second tuesday 10:00"],
        description="when the quarter before is reviewed",
    )
    laws_also: list[Literal["NIS2", "DORA"]] = Field(
        [],
        examples=['["NIS2"]'],
        description="laws whose reporting times incidents remind of, besides AI Act and GDPR",
    )
    now: dt.datetime | None = Field(
        None,
        examples=["2026-11-23T08:00:00+01:00"],
        description="a fixed time, for a demonstration only",
    )

    @model_validator(mode="after")
    def _days(self) -> "Company":
        strange = set(self.hours) - set(WEEKDAYS)
        if strange:
            raise ValueError(f"hours: {sorted(strange)[0]!r} is not a weekday in English")
        if not any(self.hours.values()):
            raise ValueError("hours: no day has opening hours; the business clock would never run")
        return self

    @model_validator(mode="after")
    def _spans_apart(self) -> "Company":
        for day, spans in self.hours.items():
            ordered = sorted(spans, key=lambda s: s.opens)
            for one, next_one in pairwise(ordered):
                if not dt.time.min < one.closes <= next_one.opens:
                    raise ValueError(f"hours: two spans of {day} overlap at {next_one.opens:%H:%M}")
        return self

    @property
    def month_first(self) -> bool:
        """Whether people there write 3/4/2026 for a day in March."""
        return self.locale in ("en_US", "en_PH", "es_PA", "es_PR")

    @property
    def tz(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.zone)


class Epoch(Part):
    """A day from which on what is normal is measured anew: another model, prompt or price."""

    first: dt.date = Field(examples=["2026-11-02"])
    reason: str = Field(examples=["Another model"])


class Workflow(Part):
    """One production workflow and where its calls show in the exports."""

    id: str = Field(
        examples=["support-chat"], pattern="^[a-z0-9][a-z0-9-]*$", description="short and for good"
    )
    name: str = Field(examples=["Support chat"], description="as the pages show it")
    category: Literal["customer", "internal", "developer", "analytics"] = Field(
        examples=["customer"],
        description="customer (its output reaches customers), internal, developer or analytics",
    )
    owner: str = Field(examples=["Head of support"], description="a role, not a person")
    deputy: str = Field(
        "", examples=["Support lead"], description="the role that stands in for the owner"
    )
    matches: list[str] = Field(
        examples=['["langfuse:support-chat"]'],
        description="source:account as the exports name it; * stands for anything",
    )
    parsed: bool = Field(False, description="something downstream parses the output")
    schedule: Literal["workdays", "always", "weekly"] = Field(
        "workdays", examples=["always"], description="when it runs: workdays, always or weekly"
    )
    due: Weekday = Field("monday", description="the day a weekly workflow runs on")
    export_days: int = Field(
        1, ge=1, le=31, examples=["7"], description="days from one export of its calls to the next"
    )
    planned_off: list[Closure] = Field(
        [],
        examples=['[{ first = 2026-12-24, last = 2026-12-31, reason = "Paused" }]'],
        description="days on which it does not run, by plan",
    )
    epochs: list[Epoch] = Field(
        [],
        examples=['[{ first = 2026-11-02, reason = "Another model" }]'],
        description="days from which on its cost, tokens, latency and quality are measured anew",
    )
    note: str = Field("", examples=["Drafts only: a person sends."], description="in your words")

    @property
    def customer_facing(self) -> bool:
        """Whether its output reaches customers (clause A1)."""
        return self.category == "customer"

    def off_on(self, day: dt.date) -> str | None:
        """Why it does not run on a day by plan; None when it may."""
        return next((c.reason for c in self.planned_off if c.first <= day <= c.last), None)


Role = Literal["AI Lead", "Founder or CEO"]
VARIABLE = re.compile(r"\{([A-Z][A-Z0-9_]*)\}")
SECRETS = {
    "the password": r"^[^:/]+://[^/?#]*:[^/?#]*[^/?#*][^/?#]*@",
    "a key or token": r"[?&][^=&]*(?:pass|pwd|token|secret|key|sig(?==)|authorization)[^=&]*"
    r"=[^&]*[^&*]",
    "what looks like a token": r"(?=[a-z0-9]*[a-z])(?=[a-z0-9]*[0-9])[a-z0-9]{16,}"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b(?:xox[a-z]|sk|ghp|tk)[-_]\w+",
}
"""Where in an address a secret stands; a variable is read as *."""


class Channel(Part):
    """One way to tell people of an incident: whom it reaches, from which priority, and where.

    The address is one of apprise; its secrets stand in the environment and are named in braces.
    """

    id: str = Field(
        examples=["mail-lead"], pattern="^[a-z0-9][a-z0-9-]*$", description="short and for good"
    )
    roles: list[Role] = Field(
        examples=['["AI Lead"]'], min_length=1, description="whom it reaches: roles, not people"
    )
    from_priority: Literal["P1", "P2"] = Field(
        "P2", examples=["P1"], description="P2: both classes; P1: only the worst"
    )
    url: str = Field(
        examples=["mailto://{MAIL_USER}:{MAIL_PASSWORD}@example.org"],
        description="address as apprise knows it; secrets as {NAME} of an environment variable",
    )
    timeout_s: float = Field(
        15, gt=0, le=120, examples=["30"], description="how long a server may take to answer"
    )

    @model_validator(mode="after")
    def _no_secret(self) -> "Channel":
        bare = VARIABLE.sub("*", self.url)
        found = next(
            (what for what, where in SECRETS.items() if re.search(where, bare, re.I)), None
        )
        if found:
            raise ValueError(
                f"url: {found} stands there in plain text; put it into an environment variable and "
                "write the variable's name in braces, like {MAIL_PASSWORD}"
            )
        return self

    @property
    def variables(self) -> list[str]:
        """The environment variables that its address names."""
        return VARIABLE.findall(self.url)


MAPPED = (
    "ts", "account", "run_id", "provider", "model", "request_model", "served_model", "requests",
    "status", "error_type", "finish_reason", "input_tokens", "cache_read_tokens",
    "cache_write_tokens", "output_tokens", "reasoning_tokens", "cost", "currency", "latency_ms",
    "prompt_version", "region", "quality", "output_class",
)  # fmt: skip
"""What a column of a foreign export can stand for; `model` is both asked for and answering."""
CONSTANT = (
    "account", "provider", "model", "request_model", "served_model", "status", "currency",
    "prompt_version", "region",
)  # fmt: skip
"""What may be one word for a whole export."""
MODELS = ("model", "request_model", "served_model")
ISO_4217 = re.compile(r"[A-Z]{3}")


class Units(Part):
    """In which units an export counts."""

    latency: Literal["ms", "s", "min"] = "ms"
    cost: Literal["units", "cents", "micro"] = "units"
    tokens: Literal["1", "1k", "1M"] = "1"


class Mapping(Part):
    """How an export that no reader knows becomes calls: which of its columns means what."""

    id: str = Field(
        examples=["mistral-console"],
        pattern="^[a-z0-9][a-z0-9-]*$",
        description="the source, as in a workflow's `matches`",
    )
    title: str = Field(examples=["Mistral console"])
    header: list[str] = Field(
        examples=['["Date", "Model", "Input tokens"]'],
        min_length=1,
        description="columns that must all be there: how the export is recognised",
    )
    columns: dict[str, str] = Field(
        examples=['{ ts = "Date", model = "Model" }'],
        description="columns of calls, and those of the file; usage.cost is inside JSON of usage",
    )
    constants: dict[str, str] = Field({}, examples=['{ currency = "EUR" }'])
    units: Units = Field(Units(), examples=['{ latency = "s", cost = "cents", tokens = "1k" }'])
    input_tokens_include_cache: bool = Field(
        True, description="false: cache reads and writes are added to the input tokens"
    )
    zone: Zone = Field("UTC", examples=["Europe/Vienna"], description="of times without one")
    decimal: Literal["point", "comma"] = "point"
    dates: Literal["day first", "month first"] = "day first"
    bucket: Literal["call", "minute", "hour", "day"] = Field(
        "call", description="what one row is: a call, or the total of a stretch of time"
    )
    status: dict[str, str] = Field({}, examples=['{ succeeded = "ok", failed = "error" }'])
    key: list[str] = Field(
        [], examples=['["Request ID"]'], description="columns that name a row; empty: all mapped"
    )

    @field_validator("columns", "constants")
    @classmethod
    def _known(cls, given: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        known = MAPPED if info.field_name == "columns" else CONSTANT
        strange = next((name for name in given if name not in known), None)
        if strange is not None:
            raise ValueError(f"{strange!r} is none of the known: {', '.join(known)}")
        blank = next((name for name, value in given.items() if not value.strip()), None)
        if blank is not None:
            raise ValueError(f"{blank} is empty; leave it out")
        return given

    @field_validator("status")
    @classmethod
    def _outcomes(cls, words: dict[str, str]) -> dict[str, str]:
        strange = next((w for w, outcome in words.items() if outcome not in STATUSES), None)
        if strange is not None:
            raise ValueError(
                f"{strange!r} means {words[strange]!r}; expected one of {', '.join(STATUSES)}"
            )
        return words

    @model_validator(mode="after")
    def _complete(self) -> "Mapping":
        named = {*self.columns, *self.constants}
        twice = next((n for n in self.columns if n in self.constants), None)
        currency = self.constants.get("currency", "EUR")
        status = self.constants.get("status", "ok")
        problems = {
            f"{twice} is both a column and a constant": twice is not None,
            "model stands beside request_model or served_model; name one or those two": (
                "model" in named and len(named & {*MODELS}) > 1
            ),
            "columns: ts is missing; name the column with the time": "ts" not in self.columns,
            "columns: neither model nor cost is there; a call needs one of them": (
                not named & {*MODELS, "cost"}
            ),
            'currency is missing; a cost needs a column or constants = { currency = "EUR" }': (
                "cost" in self.columns and "currency" not in named
            ),
            f"constants: currency {currency!r} is no code of ISO 4217 like EUR": (
                not ISO_4217.fullmatch(currency)
            ),
            f"constants: status {status!r} is none of {', '.join(STATUSES)}": (
                status not in STATUSES
            ),
        }
        found = next((what for what, holds in problems.items() if holds), None)
        if found:
            raise ValueError(found)
        return self


def _limit(default: float, unit: str, clause: str, reason: str, **bounds: float) -> object:
    extra = {"unit": unit, "clause": clause, "reason": reason}
    return Field(default, json_schema_extra=extra, **bounds)


class Limits(Part):
    """Every number the rules use."""

    confidence: float = _limit(0.95, "share", "D5", "one-sided Clopper-Pearson bound", gt=0.5, lt=1)
    rate_min_calls: int = _limit(20, "calls", "D4", "below it one error more or less decides", ge=1)
    rate_watch_calls: int = _limit(5, "calls", "D4", "fewer calls say nothing", ge=1)
    rate_lookback_h: int = _limit(24, "hours", "D4", "how far to pool calls for a sample", ge=1)
    error_p1_share: float = _limit(0.20, "share", "D6", "the runbook's 20 percent", gt=0, lt=1)
    error_p1_errors: int = _limit(5, "calls", "D6", "fewer failures are single events", ge=1)
    error_p2_share: float = _limit(0.05, "share", "D5", "the runbook's 5 percent", gt=0, lt=1)
    error_p2_errors: int = _limit(3, "calls", "D5", "fewer failures are single events", ge=1)
    error_p2_window_h: int = _limit(
        3, "hours", "D5", "three hourly buckets are more than two", ge=1
    )
    run_cost_ratio: float = _limit(2.0, "times", "D2", "the runbook's 200 percent", gt=1)
    run_cost_min_runs: int = _limit(10, "runs", "D2", "a median of fewer jumps", ge=1)
    run_cost_pool_days: int = _limit(
        5, "days", "D2", "low-traffic workflows pool up to a week", ge=1
    )
    run_cost_collapsed: float = _limit(
        0.1, "share", "D2", "a third of real days over 200 percent were collapsed traffic", ge=0
    )
    expensive_run_ratio: float = _limit(2.0, "times", "B8", "listed one by one, as P3", gt=1)
    spend_ratio: float = _limit(1.5, "times", "D1", "the runbook's 150 percent", gt=1)
    spend_days: int = _limit(7, "days", "D1", "the runbook's 7-day average", ge=1)
    spend_min_days: int = _limit(4, "days", "D1", "fewer days are no average", ge=1)
    spend_floor_eur: float = _limit(5.0, "EUR", "D1", "less is not worth a look", ge=0)
    spend_floor_share: float = _limit(0.25, "share", "D1", "of a median workday's spend", ge=0)
    tokens_ratio: float = _limit(3.0, "times", "B4", "the runbook's three times", gt=1)
    tokens_window_h: int = _limit(24, "hours", "B4", "the runbook's 24 hours", ge=1)
    tokens_covered_h: int = _limit(
        20, "hours", "B4", "of the window; with fewer the sum is not a day's", ge=1
    )
    tokens_min_runs: int = _limit(
        20, "runs", "B4", "a usual day of fewer is measured against the floor", ge=0
    )
    tokens_floor: float = _limit(
        1_000_000, "tokens", "B4", "a few euros' worth; three times less is no P2", ge=0
    )
    tokens_floor_eur: float = _limit(5.0, "EUR", "B4", "three times less is no P2", ge=0)
    review_overdue_days: int = _limit(
        7, "days", "E1", "a review held later says little of its period", ge=1
    )
    action_carried: int = _limit(
        3, "reviews", "E1", "left open so often, an action is for the next higher review", ge=1
    )
    zero_tasks_chance: float = _limit(
        0.01, "share", "B4", "an empty day this rare is no chance: 4.6 tasks a day", gt=0, lt=1
    )
    zero_tasks_days: int = _limit(
        20, "business days", "B4", "rarer work cannot be told from none in a month", ge=1
    )
    refusal_share: float = _limit(
        0.5, "share", "B4", "most answers; the runbook's all would miss a few that pass", gt=0, lt=1
    )
    refusal_min_runs: int = _limit(20, "runs", "B4", "below it one more or less decides", ge=1)
    refusal_all_runs: int = _limit(5, "runs", "B4", "so few only if all are refused", ge=1)
    coverage_gap_days: float = _limit(
        1.0, "business days", "E1", "an export or run may be a day late", gt=0
    )
    baseline_days: int = _limit(20, "buckets", "B5", "four working weeks of one slot", ge=1)
    warm_up: int = _limit(8, "buckets", "B5", "fewer widen the slot", ge=1)
    learning: int = _limit(5, "buckets", "B5", "with 5 or fewer points 2 SD can never fire", ge=1)
    left_out_share: float = _limit(
        0.5, "share", "E2", "above it the baseline has moved", gt=0, le=1
    )
    baseline_drift: float = _limit(
        0.2,
        "share",
        "E2",
        "by more in a month: somebody should know why",
        gt=0,
    )
    deviation_sd: float = _limit(2.0, "SD", "B5", "the runbook's two standard deviations", gt=0)
    deviation_share: float = _limit(
        0.2, "share", "B5", "nearer to the median no one would act, however steady it was", ge=0
    )
    deviation_h: float = _limit(
        4, "business hours", "B5", "the runbook's more than four hours", gt=0
    )
    deviation_gap_h: float = _limit(
        2, "business hours", "B5", "a longer silence hides whether it went on", ge=0
    )
    deviation_min_runs: int = _limit(5, "runs", "B5", "a median of fewer is one run's", ge=1)
    deviation_min_refusals: int = _limit(3, "calls", "B5", "fewer refusals are single events", ge=1)
    isolated_k: float = _limit(
        3.5, "SD", "B8", "of both baselines, so that a usual peak passes", gt=0
    )
    isolated_floor_eur: float = _limit(
        0.1, "EUR", "B8", "less in an hour is not worth a look", ge=0
    )
    isolated_days: int = _limit(7, "days", "B8", "a week holds every kind of day", ge=1)
    p1_lead_min: int = _limit(60, "minutes", "B2", "AI Lead within one hour", ge=1)
    p1_founder_min: int = _limit(120, "minutes", "B2", "founder or CEO within two", ge=1)
    p2_lead_business_h: float = _limit(
        4, "business hours", "B6", "the runbook names none; shorter than the escalation", gt=0
    )
    group_provider_min: int = _limit(60, "minutes", "B4", "two workflows, one cause", ge=0)
    reopen_h: int = _limit(24, "hours", "B4", "the same again within a day reopens", ge=0)
    flapping_reopened: int = _limit(3, "times", "B4", "reopened so often it flaps", ge=1)
    flapping_days: int = _limit(7, "days", "B4", "within a week", ge=1)
    escalate_h: float = _limit(
        4, "business hours", "B6", "the runbook's four; elapsed hours where customers see it", gt=0
    )
    history_h: int = _limit(
        192, "hours", "B2", "what ended earlier (a weekly export and a day) calls no one", ge=1
    )
    post_mortem_p1_days: int = _limit(3, "days", "A5", "while people remember", ge=1)
    post_mortem_p2_days: int = _limit(5, "business days", "A5", "while people remember", ge=1)
    post_mortem_p2_h: int = _limit(24, "hours", "A5", "a longer P2 owes a post-mortem", ge=1)
    alert_budget: float = _limit(
        1.0, "false P2 a week", "E2", "whom it calls for nothing more often stops listening", ge=0
    )
    alike_p3: int = _limit(3, "P3s", "B9", "more alike propose a look as a P2", ge=1)
    reconciled_share: float = _limit(
        0.02, "of a bill", "E3", "rounding and the hour at which a vendor's month ends", ge=0, lt=1
    )
    model_settled_days: int = _limit(
        7, "days", "F1", "what answers in a workflow's first days is what it began with", ge=0
    )
    alike_weeks: int = _limit(4, "weeks", "B9", "within a month", ge=1)
    notice_days: int = _limit(
        31, "days", "E2", "what is nearer is decided before the next monthly review", ge=1
    )
    contract_days: int = _limit(
        92, "days", "E3", "what is nearer is decided before the next quarterly review", ge=1
    )
    update_window_h: int = _limit(2, "hours", "C1", "to switch, to look and to switch back", ge=1)
    update_weeks: int = _limit(4, "weeks", "C1", "a month, so that each weekday is seen", ge=2)
    update_held_days: int = _limit(7, "days", "C1", "every kind of day was seen once", ge=1)
    duty_months: int = _limit(12, "months", "F2", "what was looked at longer ago is old", ge=1)
    log_days: int = _limit(183, "days", "F2", "six months, EU AI Act Art. 26(6)", ge=1)
    request_days: int = _limit(
        30,
        "days",
        "F2",
        "a month, as GDPR Art. 12(3) gives; Art. 86 of the AI Act names none",
        ge=1,
    )
    lead_hours_least: float = _limit(2, "hours a week", "E4", "the runbook's two to four", ge=0)
    lead_hours_most: float = _limit(4, "hours a week", "E4", "the runbook's two to four", gt=0)
    lead_workflows: int = _limit(5, "workflows", "E4", "the runbook's three to five", ge=1)
    function_workflows: int = _limit(
        10, "workflows", "E4", "past them AI operations is a function of its own", ge=1
    )
    idle_weeks: int = _limit(4, "weeks", "E3", "a workflow nobody needed for so long", ge=1)
    drill_days: int = _limit(
        365, "days", "E3", "what nobody practised for a year is forgotten", ge=1
    )
    troubled_p2: int = _limit(3, "P1 and P2", "E3", "so many in a quarter is no chance", ge=1)


class Alias(Part):
    """A name of the company's own for a model, like a deployment's, and the model it stands for."""

    name: str = Field(examples=["chat-production"], description="* stands for anything")
    model: str = Field(examples=["gpt-5-mini"], description="as the vendor lists it", min_length=1)
    provider: str = Field("*", examples=["azure"], description="as the exports name it")


class Price(Part):
    """What a model costs the company from one day to another, where it is not the list price."""

    model: str = Field(examples=["gpt-5-mini*"], description="* stands for anything")
    provider: str = Field("*", examples=["azure"], description="as the exports name it")
    first: dt.date = Field(examples=["2026-11-01"])
    last: dt.date | None = Field(None, examples=["2027-10-31"])
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", examples=["EUR"])
    input: float | None = Field(
        None, ge=0, examples=["0.25"], description="per million tokens, as are the others"
    )
    output: float | None = Field(None, ge=0, examples=["2.0"])
    cache_read: float | None = Field(None, ge=0, examples=["0.025"], description="else as input")
    cache_write: float | None = Field(None, ge=0, examples=["0.25"], description="else as input")
    cache_write_1h: float | None = Field(
        None, ge=0, examples=["0.5"], description="kept for an hour; else as cache_write"
    )
    factor: float | None = Field(
        None, gt=0, description="instead of prices: times the list price, as in `factor = 1.1`"
    )
    reason: str = Field(examples=["Data zone EU, 10 percent more"], min_length=1)

    @model_validator(mode="after")
    def _whole(self) -> "Price":
        if self.last is not None and self.first > self.last:
            raise ValueError(f"first ({self.first}) is after last ({self.last})")
        own = (self.input, self.output)
        if own.count(None) == 1 or (self.factor is None) == (own == (None, None)):
            raise ValueError("expected either input and output, per million tokens, or a factor")
        return self

    @property
    def per_token(self) -> tuple[float, ...]:
        """Prices of a token of input, cache read, cache write, an hour's write, and output."""
        write = self.input if self.cache_write is None else self.cache_write
        read = self.input if self.cache_read is None else self.cache_read
        hour = write if self.cache_write_1h is None else self.cache_write_1h
        return tuple(p / 1_000_000 for p in (self.input, read, write, hour, self.output))

    def overlaps(self, other: "Price") -> bool:
        """Whether both hold for the same name on the same day."""
        same = (self.provider, self.model) == (other.provider, other.model)
        ends = (self.last or dt.date.max), (other.last or dt.date.max)
        return same and self.first <= ends[1] and other.first <= ends[0]


WORDS = ("account", "run_id", "request_model", "served_model", "status", "currency")
COUNTS = ("requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens")
CORRECTED = (*WORDS, *COUNTS, "cost", "latency_ms", "quality")
"""What a correction may set: words, whole numbers, numbers."""


def _no_value(name: str, value: float | str) -> str | None:
    """Why a correction cannot set a column to this; None where it can."""
    kinds = {"a text": (WORDS, str), "a whole number": (COUNTS, int)}
    what, kind = next(
        ((w, k) for w, (names, k) in kinds.items() if name in names), ("a number", int | float)
    )
    if name not in CORRECTED:
        return f"{name!r} is not one of {', '.join(CORRECTED)}"
    if not isinstance(value, kind) or (kind is not str and value < 0):
        return f"{name} = {value!r}, expected {what}"
    if name == "status" and value not in STATUSES:
        return f"status = {value!r}, expected one of {', '.join(STATUSES)}"
    return None


class Correction(Part):
    """Calls that an export tells wrongly, and what is done about them: left out, or set right."""

    source: str = Field("*", examples=["litellm"], description="the reader; * for any")
    file: str = Field("*", examples=["spend-2026-11.csv"], description="the export's name")
    account: str = Field("*", examples=["test-key"])
    model: str = Field("*", examples=["gpt-5-mini*"], description="what answered")
    run_id: str = Field("*", examples=["run-17"])
    row: int | None = Field(None, ge=1, description="the row in that file; 1 is its head")
    first: dt.datetime | None = Field(None, examples=["2026-11-03T00:00:00+01:00"])
    last: dt.datetime | None = Field(
        None, examples=["2026-11-04T00:00:00+01:00"], description="exclusive"
    )
    action: Literal["leave out", "set"] = Field(examples=["set"])
    values: dict[str, float | int | str] = Field(
        {},
        examples=['{ cost = 0.12, currency = "EUR" }'],
        description='with action = "set": columns of calls',
    )
    reason: str = Field(examples=["Load test, not production"], min_length=1)
    status: Literal["open", "reported", "confirmed"] = Field(
        "open", description="whether the vendor knows and agrees"
    )

    @model_validator(mode="after")
    def _meant(self) -> "Correction":
        if (self.action == "set") != bool(self.values):
            raise ValueError('values: expected with action = "set", and only then')
        wrong = next((w for n, v in self.values.items() if (w := _no_value(n, v))), None)
        if wrong:
            raise ValueError(f"values: {wrong}")
        if ("cost" in self.values) != ("currency" in self.values):
            raise ValueError("values: expected cost together with its currency")
        naive = next((t for t in (self.first, self.last) if t and t.tzinfo is None), None)
        if naive:
            raise ValueError(f"{naive} has no zone; expected like 2026-11-03T00:00:00+01:00")
        return self


class Settings(Part):
    """Everything a company has set."""

    company: Company
    workflows: list[Workflow] = Field(examples=["[[workflows]]"])
    limits: Limits = Limits()
    channels: list[Channel] = Field([], examples=["[[channels]]"])
    mappings: list[Mapping] = Field([], examples=["[[mapping]]"])
    aliases: list[Alias] = Field([], examples=["[[aliases]]"])
    prices: list[Price] = Field([], examples=["[[prices]]"])
    corrections: list[Correction] = Field([], examples=["[[corrections]]"])

    @field_validator("prices")
    @classmethod
    def _one_price(cls, prices: list[Price]) -> list[Price]:
        for n, price in enumerate(prices):
            twin = next((m for m, p in enumerate(prices[:n]) if p.overlaps(price)), None)
            if twin is not None:
                raise ValueError(
                    f"entries {twin + 1} and {n + 1} both hold for {price.model!r} from "
                    f"{max(price.first, prices[twin].first)} on; end the earlier one with `last`"
                )
        return prices

    @field_validator("channels", "mappings")
    @classmethod
    def _apart(cls, parts: list[Part]) -> list[Part]:
        ids = [p.id for p in parts]
        doubled = next((i for i in ids if ids.count(i) > 1), None)
        if doubled:
            raise ValueError(f"the id {doubled!r} stands twice")
        return parts

    @model_validator(mode="after")
    def _unique(self) -> "Settings":
        ids = [w.id for w in self.workflows]
        doubled = next((i for i in ids if ids.count(i) > 1), None)
        if doubled:
            raise ValueError(f"workflows: the id {doubled!r} stands twice")
        return self

    def epochs_of(self, name: str) -> list[dt.date]:
        """The local days on which a workflow's epochs begin."""
        found = self.workflow(name)
        return [e.first for e in found.epochs] if found else []

    def workflow(self, name: str) -> Workflow | None:
        """The workflow with this id; None for 'company' and 'unassigned'."""
        return next((w for w in self.workflows if w.id == name), None)

    def model_of(self, provider: str, name: str) -> str:
        """The model that a name stands for: by the first alias that fits, else itself."""
        return next(
            (
                a.model
                for a in self.aliases
                if fnmatchcase(name.lower(), a.name.lower())
                and fnmatchcase(provider.lower(), a.provider.lower())
            ),
            name,
        )

    def channels_for(self, role: str, priority: str) -> list[Channel]:
        """The channels that reach a role at a priority, "P1" or "P2"; nobody is called for P3."""
        return [c for c in self.channels if role in c.roles and priority <= c.from_priority]

    def display_name(self, name: str) -> str:
        """The name people use for a workflow's id."""
        found = self.workflow(name)
        return found.name if found else name.capitalize()

    def workflow_of(self, source: str, account: str | None) -> str:
        """The id of the workflow an export's account belongs to; 'unassigned' when none does.

        The first match in the order of the settings wins; letter case does not matter.
        """
        place = f"{source}:{account or ''}".lower()
        hits = (
            w.id for w in self.workflows if any(fnmatchcase(place, m.lower()) for m in w.matches)
        )
        return next(hits, UNASSIGNED)


BOUNDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def limits_text(limits: Limits) -> str:
    """The limits as the text of settings/limits.toml, each under the reason for its value.

    Read back, it gives the same limits.
    """
    lines = ["[limits]"]
    before = ""
    for name, field in Limits.model_fields.items():
        subject = name.partition("_")[0]
        lines += [""] * (subject != before)
        lines += [f"# {_reason(field)}", f"{name} = {json.dumps(getattr(limits, name))}"]
        before = subject
    return "\n".join(lines) + "\n"


def _reason(field: FieldInfo) -> str:
    """Why a limit is what it is: its clause, reason, unit, default and bounds."""
    about = field.json_schema_extra
    bounds = [
        f"{word} {getattr(bound, key):g}"
        for bound in field.metadata
        for key, word in BOUNDS.items()
        if hasattr(bound, key)
    ]
    facts = ", ".join([f"default {field.default!r}", *bounds])
    return f"{about['clause']}: {about['reason']} ({about['unit']}; {facts})"
