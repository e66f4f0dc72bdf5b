"""The demo company's exports, made from a plan: the same bytes on every machine.

`WORKFLOWS` says what runs on an ordinary day, `EVENTS` what is planted in it; calls are drawn hour
by hour and each export has one small writer. Chance comes from `random.Random.random()` alone, and
everything else is +, -, *, / and comparison, which are exact everywhere.
"""

import csv
import datetime as dt
import gzip
import io
import json
import random
import re
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from zoneinfo import ZoneInfo

from openpyxl import Workbook

HERE = Path(__file__).parent
ZONE = ZoneInfo("Europe/Vienna")
HOUR = dt.timedelta(hours=1)
FIRST, LAST = dt.date(2026, 8, 31), dt.date(2026, 11, 22)
DAYS_OFF = {dt.date(2026, 10, 2): "company closure", dt.date(2026, 10, 26): "National Day"}
OPENS, CLOSES = 9, 17
WEEKLY_GROWTH = 0.01
WEEKDAY = (1.04, 1.02, 1.0, 0.99, 0.95, 1.0, 1.0)
ERROR_SHARE = 0.006
FRINGE = {6: 0.5, 7: 1.0, 8: 2.0, 17: 2.0, 18: 1.5, 19: 1.5, 20: 1.0, 21: 0.5}
"""Weights of the hours around opening; others have none unless a workflow never rests."""
REST = {h: 1.0 for h in range(8, 21)}
NIGHT = 0.15
"""Weight of a night hour of a workflow that never rests."""


@dataclass(frozen=True)
class Price:
    """USD per million tokens, as genai-prices 0.2.3 gives it for September 2026."""

    provider: str
    model: str
    plain: float
    cached: float
    output: float
    written: float = 0.0
    asked: str = ""


MAIL_OLD = Price("openai", "gpt-4o-2024-08-06", 2.50, 1.25, 10.0, asked="gpt-4o")
MAIL_NEW = replace(MAIL_OLD, model="gpt-4o-2024-11-20")
HAIKU = Price("anthropic", "claude-haiku-4-5-20251001", 1.0, 0.1, 5.0, asked="claude-haiku-4-5")
SONNET = Price("anthropic", "claude-sonnet-4-6", 3.0, 0.3, 15.0, 3.75, "claude-sonnet-4-6")
SMALL = Price("mistral", "mistral-small-2603", 0.15, 0.015, 0.6, asked="mistral-small-latest")
GPT = Price("openai", "gpt-5.4-2026-03-05", 2.50, 0.25, 15.0, asked="gpt-5.4")


@dataclass(frozen=True)
class Plan:
    """One workflow on an ordinary workday in the middle of the period.

    `office` is calls per opening hour, `fringe` calls in all other hours of the day, `least` the
    fewest in an opening hour, `rest` calls on a rest day. Tokens are the trace's, times a factor:
    `plain` uncached input, `prompt` the part of every input that a cache holds, `output`.
    """

    id: str
    price: Price
    office: float
    fringe: float
    rest: float
    plain: float
    output: float
    prompt: int = 0
    least: int = 0
    sleepless: bool = False
    monday: tuple[int, ...] = ()
    latency_ms: float = 900.0


WORKFLOWS = (
    Plan("customer-mail", MAIL_OLD, 15.2, 9, 13, plain=8, output=12, prompt=1500, latency_ms=1400),
    Plan("support-chat", HAIKU, 35, 20, 30, 9, 8, prompt=1200, least=30, sleepless=True),
    Plan("invoice-extraction", HAIKU, 31, 12, 26, plain=6, output=20, prompt=900, least=25),
    Plan("meeting-notes", SMALL, 3.25, 2, 2.5, plain=10, output=30, latency_ms=6000),
    Plan("code-review", SONNET, 7.0, 8, 6.5, plain=4, output=60, prompt=38_000),
    Plan("sales-digest", GPT, 0, 0, 0, plain=4, output=20, prompt=800, monday=(7, 8)),
    Plan("hackathon", SONNET, 0, 0, 0, plain=8, output=60, prompt=2000),
)
DIGEST_CALLS = 20
"""Calls of the weekly digest in each of its Monday hours."""


@dataclass(frozen=True)
class Event:
    """Something planted: when it is true (local times), what it does, what a rule must say.

    The factors multiply; `failing` is the share of calls that fail, `exactly` the calls of each
    hour whatever the rhythm. `noted` False keeps a helper of another event out of truth.toml.
    """

    rule: str
    workflow: str
    start: str
    end: str
    note: str
    priority: str = ""
    silent: bool = False
    noted: bool = True
    calls: float = 1.0
    exactly: int | None = None
    failing: float = 0.0
    plain: float = 1.0
    cached: float = 1.0
    output: float = 1.0
    latency: float = 1.0
    refusing: bool = False

    @property
    def started_at(self) -> dt.datetime:
        """Its start in UTC."""
        return utc(self.start)

    @property
    def ended_at(self) -> dt.datetime:
        """Its end in UTC, exclusive."""
        return utc(self.end)

    def covers(self, workflow: str, at: dt.datetime) -> bool:
        """Whether it changes this workflow at this moment (UTC)."""
        mine = self.workflow in (workflow, "company")
        return mine and self.started_at <= at < self.ended_at


def utc(local: str) -> dt.datetime:
    """A local time like "2026-10-07 10:00" in UTC; a doubled hour is its first."""
    naive = dt.datetime.fromisoformat(local)
    return naive.replace(tzinfo=ZONE).astimezone(dt.UTC)


EVENTS = (
    Event("R9", "meeting-notes", "2026-09-24 00:00", "2026-09-25 00:00",
          "Not one run on a workday.", "P2", exactly=0),
    Event("R4", "invoice-extraction", "2026-10-07 10:00", "2026-10-07 15:00",
          "About 13 % of the calls fail in each of five hours.", "P2", failing=0.14),
    Event("R7", "company", "2026-10-14 00:00", "2026-10-15 00:00",
          "A hackathon's key, mapped to no workflow, makes the day 1.75 times normal.", "P3"),
    Event("R7", "hackathon", "2026-10-14 18:00", "2026-10-14 22:00",
          "", noted=False, exactly=58),
    Event("R8", "customer-mail", "2026-10-20 09:00", "2026-10-20 17:00",
          "Answers take 1.9 times as long all day.", "P2", latency=1.9),
    Event("R7", "company", "2026-10-27 00:00", "2026-10-28 00:00",
          "A busy but normal Tuesday after the holiday: 1.38 times the last workdays.",
          silent=True),
    Event("R7", "company", "2026-10-27 09:00", "2026-10-27 12:00", "", noted=False, calls=1.80),
    Event("R7", "company", "2026-10-27 12:00", "2026-10-28 00:00", "", noted=False, calls=1.10),
    Event("R6", "code-review", "2026-10-28 00:00", "2026-10-30 00:00",
          "A loop reads the same context again and again: 3.4 times the tokens.", "P2",
          plain=1.5, cached=4.7, output=1.5),
    Event("model-change", "customer-mail", "2026-11-02 00:00", "2026-11-23 00:00",
          "gpt-4o answers from gpt-4o-2024-11-20 instead of gpt-4o-2024-08-06, at the same price."),
    Event("R10", "customer-mail", "2026-11-05 09:00", "2026-11-05 17:00",
          "Every answer is a refusal.", "P2", refusing=True, output=0.4),
    Event("R13", "sales-digest", "2026-11-09 00:00", "2026-11-10 00:00",
          "The Monday digest did not run.", exactly=0),
    Event("R3", "support-chat", "2026-11-12 10:00", "2026-11-12 12:00",
          "About 60 % of the calls fail.", "P1", failing=0.60),
    Event("R5", "invoice-extraction", "2026-11-17 14:00", "2026-11-23 00:00",
          "Invoices arrive as full-page scans: the input grows, a run costs 2.4 times as much.",
          "P2", plain=2.7),
    Event("R3", "support-chat", "2026-11-22 06:00", "2026-11-22 07:00",
          "One error in three calls on a Sunday morning says nothing.",
          silent=True, exactly=3, failing=0.34),
)  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One call as it happened; what an export tells of it is its writer's business."""

    number: int
    at: dt.datetime
    price: Price
    plain: int
    cached: int
    written: int
    output: int
    failure: str = ""
    latency_ms: int = 0
    refused: bool = False
    quality: float = 0.0

    @property
    def cost_usd(self) -> float:
        """What the vendor charges."""
        p = self.price
        parts = self.plain * p.plain + self.cached * p.cached + self.written * p.written
        return (parts + self.output * p.output) / 1_000_000


def quantile(table: list[int], share: float) -> float:
    """The value of a table of evenly spaced quantiles at a share from 0 to 1."""
    place = share * (len(table) - 1)
    low = min(int(place), len(table) - 2)
    return table[low] + (place - low) * (table[low + 1] - table[low])


def hours() -> Iterator[dt.datetime]:
    """Every hour of the period, in UTC; days on which the clocks change have 23 or 25."""
    at, end = utc(f"{FIRST} 00:00"), utc(f"{LAST + dt.timedelta(days=1)} 00:00")
    while at < end:
        yield at
        at += HOUR


def works(day: dt.date) -> bool:
    """Whether the company is open on a local day."""
    return day.weekday() < 5 and day not in DAYS_OFF


def expected(plan: Plan, local: dt.datetime) -> float:
    """Calls to expect in the hour that begins at a local time, before growth and noise."""
    if plan.monday:
        return DIGEST_CALLS if local.weekday() == 0 and local.hour in plan.monday else 0.0
    if works(local.date()) and OPENS <= local.hour < CLOSES:
        return plan.office
    total, weights = (plan.fringe, FRINGE) if works(local.date()) else (plan.rest, REST)
    night = NIGHT if plan.sleepless else 0.0
    whole = sum(weights.get(h, night) for h in range(24) if h not in open_hours(local.date()))
    return total * weights.get(local.hour, night) / whole


def open_hours(day: dt.date) -> range:
    """The opening hours of a local day; none on a rest day."""
    return range(OPENS, CLOSES) if works(day) else range(0)


def count(plan: Plan, local: dt.datetime, events: list[Event], chance: random.Random) -> int:
    """How many calls the hour has: the rhythm, growth, a little noise, and what is planted."""
    week = (local.date() - FIRST).days // 7
    grown = expected(plan, local) * (1 + WEEKLY_GROWTH * (week - 5.5)) * WEEKDAY[local.weekday()]
    noise = 1 + 0.08 * (chance.random() + chance.random() - 1)
    fraction = chance.random()
    for event in events:
        grown *= event.calls
    exact = [e.exactly for e in events if e.exactly is not None]
    if exact:
        return exact[0]
    least = plan.least if local.hour in open_hours(local.date()) else 0
    return max(int(grown * noise + fraction), least)


class Failures:
    """Which calls of a workflow fail: the planted share, else now and then a single one.

    Single failures keep their distance from planted ones and from each other, so that no rule has
    reason to fire where nothing is planted.
    """

    def __init__(self, plan: Plan, chance: random.Random) -> None:
        """Starts without a failure."""
        self.plan, self.chance, self.seen = plan, chance, []
        own = [e for e in EVENTS if e.workflow == plan.id and e.failing]
        self.quiet = [(e.started_at - 26 * HOUR, e.ended_at + 26 * HOUR) for e in own if e.silent]
        self.quiet += [(e.started_at - 3 * HOUR, e.ended_at + 3 * HOUR) for e in own]

    def of_hour(self, at: dt.datetime, calls: int, events: list[Event]) -> set[int]:
        """The positions of the calls that fail among those of one hour."""
        order = sorted(range(calls), key=[self.chance.random() for _ in range(calls)].__getitem__)
        share = sum(e.failing for e in events)
        if share:
            return set(order[: int(share * calls + 0.5)])
        wanted = sum(self.chance.random() < ERROR_SHARE for _ in range(calls))
        allowed = min(wanted, self.room(at, calls))
        self.seen += [at] * allowed
        return set(order[:allowed])

    def room(self, at: dt.datetime, calls: int) -> int:
        """How many single failures the hour may still have: 2 in 3 hours, 2 a day at low volume."""
        if any(start <= at < end for start, end in self.quiet):
            return 0
        back = 3 if calls >= 25 else 24
        return max(2 - sum(at - s < back * HOUR for s in self.seen), 0)


GOLDEN = 0.6180339887498949
"""Steps of this size, modulo 1, fill the unit interval evenly: every day sees the distribution."""


def calls_of(plan: Plan, tokens: dict[str, list[int]]) -> Iterator[Call]:
    """All calls of a workflow, in order."""
    chance = random.Random(f"opsbook demo {plan.id}")
    failures, number = Failures(plan, chance), 0
    for hour in hours():
        local = hour.astimezone(ZONE)
        events = [e for e in EVENTS if e.covers(plan.id, hour)]
        calls = count(plan, local, events, chance)
        failing = failures.of_hour(hour, calls, events)
        starts = sorted(int(chance.random() * 3_600_000) for _ in range(calls))
        for place, start in enumerate(starts):
            number += 1
            at = hour + dt.timedelta(milliseconds=start)
            call = drawn(plan, number, at, place == 0, events, tokens, chance)
            yield failed(call, chance) if place in failing else call


def drawn(
    plan: Plan,
    number: int,
    at: dt.datetime,
    first: bool,
    events: list[Event],
    tokens: dict[str, list[int]],
    chance: random.Random,
) -> Call:
    """One successful call; the first of an hour finds no cached prompt and pays for it."""
    share = (number * GOLDEN + 0.02 * chance.random()) % 1.0
    other = (number * GOLDEN * GOLDEN + 0.02 * chance.random()) % 1.0
    plain = plan.plain * quantile(tokens["context"], share)
    output = 40 + plan.output * quantile(tokens["generated"], other)
    prompt, latency = float(plan.prompt), 1.0
    for event in events:
        plain, output = plain * event.plain, output * event.output
        prompt, latency = prompt * event.cached, latency * event.latency
    length = int(min(output, 8000))
    miss = plan.prompt if first else 0
    writes = bool(plan.price.written)
    slow = (plan.latency_ms + 4 * length) * (0.7 + 0.3 * (chance.random() + chance.random()))
    return Call(
        number=number,
        at=at,
        price=price_at(plan, at),
        plain=int(plain) + (0 if writes else miss),
        cached=0 if first else int(prompt),
        written=miss if writes else 0,
        output=length,
        latency_ms=int(slow * latency),
        refused=any(e.refusing for e in events) or chance.random() < 0.008,
        quality=0.78 + 0.1 * (chance.random() + chance.random()),
    )


def price_at(plan: Plan, at: dt.datetime) -> Price:
    """The workflow's model at a moment: customer mail is moved to another snapshot unasked."""
    moved = any(e.rule == "model-change" and e.covers(plan.id, at) for e in EVENTS)
    return MAIL_NEW if moved else plan.price


def failed(call: Call, chance: random.Random) -> Call:
    """The same call, had the vendor not answered: no tokens, no cost."""
    kind = ("rate limit (429)", "timeout (504)", "server error (500)")[int(chance.random() * 3)]
    waited = 30_000 if "504" in kind else 400
    return replace(
        call, plain=0, cached=0, written=0, output=0, failure=kind, latency_ms=waited, refused=False
    )


def iso(at: dt.datetime) -> str:
    """A UTC time as the vendors write it, to the millisecond."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"


def zipped(text: str) -> bytes:
    """The text as gzip without a time or a name in it."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(text.encode())
    return packed.getvalue()


def week(local: dt.datetime) -> str:
    """The ISO week of a local time."""
    year, number, _ = local.isocalendar()
    return f"{year}-W{number:02}"


def month(local: dt.datetime) -> str:
    """The month of a local time; the one day of August goes with September."""
    return max(f"{local:%Y-%m}", "2026-09")


def cut(
    calls: list[tuple[str, Call]], period: Callable[[dt.datetime], str]
) -> dict[str, list[tuple[str, Call]]]:
    """Calls by the local week or month whose export they are in, in order."""
    parts: dict[str, list[tuple[str, Call]]] = {}
    for workflow, call in calls:
        parts.setdefault(period(call.at.astimezone(ZONE)), []).append((workflow, call))
    return parts


def table(header: str, rows: Iterable[list], ends: str = "\n") -> str:
    """A CSV text; its header is written as the vendor does."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=ends)
    writer.writerows([header.split(","), *rows])
    return text.getvalue()


def langfuse(calls: list[tuple[str, Call]]) -> str:
    """Langfuse observations, one JSON object a line, for calls with their workflow."""
    return "".join(json.dumps(observation(w, c), separators=(",", ":")) + "\n" for w, c in calls)


PROMPT_VERSIONS = {"customer-mail": 7, "support-chat": 12}


def observation(workflow: str, call: Call) -> dict:
    """One generation as Langfuse exports it: usage keys stand each for itself."""
    p, key = call.price, workflow[0]
    usage = {"input": call.plain, "output": call.output, "input_cached_tokens": call.cached}
    costs = {"input": call.plain * p.plain / 1e6, "output": call.output * p.output / 1e6}
    return {
        "id": f"{key}o{call.number}",
        "traceId": f"{key}t{call.number}",
        "traceName": workflow,
        "type": "GENERATION",
        "name": "answer",
        "startTime": iso(call.at),
        "endTime": iso(call.at + dt.timedelta(milliseconds=call.latency_ms)),
        "environment": "production",
        "version": None,
        "level": "ERROR" if call.failure else "DEFAULT",
        "statusMessage": call.failure or None,
        "promptName": workflow,
        "promptVersion": PROMPT_VERSIONS[workflow],
        "providedModelName": p.model,
        "usageDetails": {} if call.failure else usage,
        "costDetails": {} if call.failure else {k: round(v, 6) for k, v in costs.items()},
        "totalCost": round(call.cost_usd, 6),
        "latencyMs": call.latency_ms,
        "tags": [],
        "refusal": None if call.failure else int(call.refused),
    }


LITELLM = (
    "request_id,call_type,api_key,spend,total_tokens,prompt_tokens,completion_tokens,startTime,"
    "endTime,model,model_group,custom_llm_provider,metadata,cache_hit,request_tags,session_id,status"
)
KEYS = {"invoice-extraction": "5f2d8c1e7b9a4036", "hackathon": "c04e91d27a6b853f"}
"""Hashes of the gateway's keys, made up and shortened."""
FAILED = {"429": "RateLimitError", "504": "Timeout", "500": "InternalServerError"}


def litellm(calls: list[tuple[str, Call]]) -> str:
    """LiteLLM's spend logs, one row per call, for calls with the alias of their key."""
    return table(LITELLM, (spend_log(alias, call) for alias, call in calls))


def spend_log(alias: str, call: Call) -> list:
    """One row of the spend logs; prompt tokens are all input, cached included."""
    about: dict = {"user_api_key_alias": alias}
    if call.failure:
        code = call.failure[-4:-1]
        about["error_information"] = {"error_class": FAILED[code], "error_code": code}
    prompt, p = call.plain + call.cached + call.written, call.price
    end = call.at + dt.timedelta(milliseconds=call.latency_ms)
    name = f"{alias[0]}{call.number}"
    return [
        name, "acompletion", KEYS[alias], f"{call.cost_usd:.6f}", prompt + call.output, prompt,
        call.output, iso(call.at), iso(end), p.model, p.asked, p.provider,
        json.dumps(about, separators=(",", ":")), "False", "[]", f"s{name}",
        "failure" if call.failure else "success",
    ]  # fmt: skip


TEMPLATE = (
    "ts,workflow,run_id,model,input_tokens,output_tokens,cost,currency,status,latency_ms,quality,"
    "output_class"
)
EUR_PER_USD = 0.92
"""The rate at which the reseller of the meeting notes' model writes its invoices."""


def template(calls: list[tuple[str, Call]]) -> bytes:
    """Opsbook's template as a German Excel holds it: local times and commas, all as text."""
    book = Workbook()
    sheet = book.active
    sheet.title = "Aufrufe"
    sheet.append(TEMPLATE.split(","))
    for workflow, call in calls:
        sheet.append(template_row(workflow, call))
    return settled(book)


def template_row(workflow: str, call: Call) -> list[str]:
    """One row, as a person in Graz writes it."""
    return [
        call.at.astimezone(ZONE).strftime("%d.%m.%Y %H:%M"), workflow, f"m{call.number}",
        call.price.model, str(call.plain + call.cached), str(call.output),
        f"{call.cost_usd * EUR_PER_USD:.6f}".replace(".", ","), "EUR",
        "error" if call.failure else "ok", str(call.latency_ms),
        "" if call.failure else f"{call.quality:.2f}".replace(".", ","),
        "" if call.failure else "refusal" if call.refused else "answer",
    ]  # fmt: skip


MADE = "2026-11-23T06:00:00Z"
MODIFIED = re.compile(rb"(<dcterms:(created|modified)[^>]*>)[^<]*")


def settled(book: Workbook) -> bytes:
    """A workbook's bytes with one fixed date wherever a file of this kind holds one."""
    fresh, fixed = io.BytesIO(), io.BytesIO()
    book.save(fresh)
    with zipfile.ZipFile(fresh) as old, zipfile.ZipFile(fixed, "w") as new:
        for name in sorted(old.namelist()):
            member = zipfile.ZipInfo(name, (2026, 11, 23, 6, 0, 0))
            member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, 0
            content = MODIFIED.sub(rb"\g<1>" + MADE.encode(), old.read(name))
            new.writestr(member, content, compresslevel=9)
    return fixed.getvalue()


def hourly(calls: Iterable[Call]) -> dict[dt.datetime, list[Call]]:
    """Calls by the UTC hour they began in."""
    found: dict[dt.datetime, list[Call]] = {}
    for call in calls:
        found.setdefault(call.at.replace(minute=0, second=0, microsecond=0), []).append(call)
    return found


ANTHROPIC = (
    "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,"
    "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
    "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
    "web_search_count"
)


def anthropic(calls: list[tuple[str, Call]]) -> str:
    """Anthropic's console export of tokens by the hour: no calls, no outcomes, no cost."""
    groups = hourly(c for _, c in calls).items()
    return table(ANTHROPIC, (tokens_of_hour(at, group) for at, group in groups))


def tokens_of_hour(at: dt.datetime, calls: list[Call]) -> list:
    """One row: the tokens of an hour."""
    plain, written, cached, output = (
        sum(getattr(c, part) for c in calls) for part in ("plain", "written", "cached", "output")
    )
    return [
        at.strftime("%Y-%m-%d %H:%M"), calls[0].price.model, "ci-review", "Code review",
        "standard", "≤ 200k", plain, written, 0, cached, output, 0,
    ]  # fmt: skip


TIMES = "start_time,end_time,start_time_iso,end_time_iso"
OPENAI_USAGE = (
    f"{TIMES},project_id,num_model_requests,user_id,api_key_id,model,batch,service_tier,"
    "input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens"
)
OPENAI_COST = (
    f"{TIMES},amount_value,amount_currency,line_item,project_id,organization_id,organization_name"
)
PROJECT = "proj_sales_digest"
ORGANISATION = ["org-murtal", "Murtal Fittings"]
DAY = dt.timedelta(days=1)


def bucket(start: dt.datetime, width: dt.timedelta) -> list[str]:
    """The four time columns of OpenAI's exports."""
    ends = (start, start + width)
    return [str(int(e.timestamp())) for e in ends] + [e.isoformat() for e in ends]


def days_of(part: str) -> Iterator[dt.datetime]:
    """The UTC days of one month's export, within the period; August's one goes with September."""
    for number in range((LAST - FIRST).days + 1):
        day = FIRST + dt.timedelta(days=number)
        if max(f"{day:%Y-%m}", "2026-09") == part:
            yield dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def openai_usage(part: str, calls: list[tuple[str, Call]]) -> str:
    """OpenAI's usage by the hour; a day without usage is a row of nothing but its times."""
    groups = hourly(c for _, c in calls)
    rows = []
    for day in days_of(part):
        used = [at for at in groups if at.date() == day.date()]
        rows += [usage_of_hour(at, groups[at]) for at in used] or [bucket(day, DAY)]
    return table(OPENAI_USAGE, rows)


def usage_of_hour(at: dt.datetime, calls: list[Call]) -> list:
    """One row: the requests and tokens of an hour; whole numbers arrive as 10.0."""
    plain, cached, output = (
        sum(getattr(c, kind) for c in calls) for kind in ("plain", "cached", "output")
    )
    numbers = [f"{n}.0" for n in (plain + cached, output, cached, plain)]
    about = [PROJECT, f"{len(calls)}.0", "", "key_digest", calls[0].price.model, "FALSE", "default"]
    return [*bucket(at, HOUR), *about, *numbers]


def openai_cost(part: str, calls: list[tuple[str, Call]]) -> str:
    """OpenAI's cost by the day and line; a day without cost is a row of nothing but its times."""
    rows = []
    for day in days_of(part):
        own = [c for _, c in calls if c.at.date() == day.date()]
        rows += bill_of_day(day, own) if own else [bucket(day, DAY)]
    return table(OPENAI_COST, rows)


def bill_of_day(day: dt.datetime, calls: list[Call]) -> list[list[str]]:
    """A line for each kind of token."""
    p = calls[0].price
    kinds = (
        ("input", "plain", p.plain),
        ("cached input", "cached", p.cached),
        ("output", "output", p.output),
    )
    return [
        [*bucket(day, DAY), f"{sum(getattr(c, part) for c in calls) * usd / 1_000_000:.6f}", "usd",
         f"{p.model}, {words}", PROJECT, *ORGANISATION]
        for words, part, usd in kinds
    ]  # fmt: skip


def truth() -> str:
    """truth.toml: what is planted, for tests and for people who want to compare."""
    head = "# What is planted in the demo's exports; written by generate.py. Times are UTC.\n"
    return head + "".join(planted(e) for e in EVENTS if e.noted)


def planted(event: Event) -> str:
    """One entry; a look-alike is marked silent: no rule may say a word."""
    lines = ["", "[[planted]]", f'rule = "{event.rule}"', f'workflow = "{event.workflow}"']
    lines += [f"from = {iso(event.started_at)}", f"to = {iso(event.ended_at)}"]
    lines += [f'priority = "{event.priority}"'] if event.priority else []
    lines += [f"note = {json.dumps(event.note)}"]
    lines += ["silent = true"] if event.silent else []
    return "\n".join(lines) + "\n"


def exports(tokens: dict[str, list[int]]) -> dict[str, bytes]:
    """Every file of the inbox by name."""
    made = {p.id: [(p.id, c) for c in calls_of(p, tokens)] for p in WORKFLOWS}
    chats = in_order(made["customer-mail"], made["support-chat"])
    gateway = in_order(made["invoice-extraction"], made["hackathon"])
    notes, reviews, digest = (made[w] for w in ("meeting-notes", "code-review", "sales-digest"))
    files: dict[str, bytes] = {}
    for part, calls in cut(chats, week).items():
        files[f"langfuse-observations-{part}.jsonl.gz"] = zipped(langfuse(calls))
    for part, calls in cut(gateway, week).items():
        files[f"litellm-spend-logs-{part}.csv.gz"] = zipped(litellm(calls))
    for part, calls in cut(notes, month).items():
        files[f"meeting-notes-{part}.xlsx"] = template(calls)
    for part, calls in cut(reviews, month).items():
        files[f"anthropic-tokens-{part}.csv"] = anthropic(calls).encode()
    for part, calls in cut(digest, month).items():
        files[f"openai-usage-{part}.csv"] = openai_usage(part, calls).encode()
        files[f"openai-cost-{part}.csv"] = openai_cost(part, calls).encode()
    return files


def in_order(*parts: list[tuple[str, Call]]) -> list[tuple[str, Call]]:
    """The calls of several workflows as one vendor saw them."""
    return sorted((c for part in parts for c in part), key=lambda c: (c[1].at, c[0]))


def put(path: Path, content: bytes) -> None:
    """A file written, unless it holds the same already.

    What is zipped is compared unpacked: zip libraries differ in how they pack the same content.
    """
    if path.exists() and unpacked(path.read_bytes()) == unpacked(content):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def unpacked(content: bytes) -> bytes:
    """What a gzip or a workbook holds; anything else as it is."""
    if content[:2] == b"\x1f\x8b":
        return gzip.decompress(content)
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            return b"".join(n.encode() + book.read(n) for n in sorted(book.namelist()))
    return content


def generate(folder: Path) -> None:
    """The demo's inbox and its truth.toml, made again in a folder."""
    tokens = tomllib.loads((HERE / "tokens.toml").read_text("utf-8"))
    for name, content in exports(tokens).items():
        put(folder / "inbox" / name, content)
    put(folder / "truth.toml", truth().encode())


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
