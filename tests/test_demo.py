"""The demo company: made again it is the same, and what truth.toml says is planted is there.

The first part reads the committed exports with plain readers, so that neither the library nor the
generator judges itself; the second asks the rules.
"""

import csv
import datetime as dt
import gzip
import importlib.util
import io
import json
import shutil
import sys
import tomllib
from dataclasses import replace
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import openpyxl
import pandas as pd
import pytest

from opsbook import inbox, store
from opsbook.findings import judge
from opsbook.records import Log
from opsbook.register import fold
from opsbook.rules import RULES
from opsbook.settings import Epoch
from opsbook.workbook import open_workbook

DEMO = Path(__file__).parent.parent / "data" / "demo"
HOUR = dt.timedelta(hours=1)
MOST_BYTES = 5_000_000


def at(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def generator():
    spec = importlib.util.spec_from_file_location("demo_generate", DEMO / "generate.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def unzipped_lines(pattern):
    for path in sorted((DEMO / "inbox").glob(pattern)):
        yield from gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.fixture(scope="module")
def calls():
    """(workflow, time, failed, cost in USD, latency in ms, refused, model) of every logged call."""
    found = []
    for line in unzipped_lines("langfuse-*.jsonl.gz"):
        r = json.loads(line)
        began = dt.datetime.fromisoformat(r["startTime"])
        failed = r["level"] == "ERROR"
        row = (r["traceName"], began, failed, r["totalCost"], r["latencyMs"], r["refusal"] == 1)
        found.append((*row, r["providedModelName"]))
    for path in sorted((DEMO / "inbox").glob("litellm-*.csv.gz")):
        for r in csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode())):
            alias = json.loads(r["metadata"])["user_api_key_alias"]
            began = dt.datetime.fromisoformat(r["startTime"])
            failed = r["status"] == "failure"
            found.append((alias, began, failed, float(r["spend"]), None, False, r["model"]))
    return found


def between(calls, workflow, start, end):
    return [c for c in calls if c[0] == workflow and at(start) <= c[1] < at(end)]


def by_hour(calls, workflow, first, hours):
    """[(calls, failed)] of consecutive hours."""
    starts = [at(first) + n * HOUR for n in range(hours)]
    own = [c for c in calls if c[0] == workflow]
    groups = [[c for c in own if s <= c[1] < s + HOUR] for s in starts]
    return [(len(g), sum(c[2] for c in g)) for g in groups]


def csv_rows(pattern):
    for path in sorted((DEMO / "inbox").glob(pattern)):
        yield from csv.reader(io.StringIO(path.read_text("utf-8")))


@pytest.fixture(scope="module")
def made_again(tmp_path_factory):
    folder = tmp_path_factory.mktemp("again")
    generator().generate(folder)
    return folder


def test_the_demo_made_again_is_the_same(made_again):
    names = sorted(p.name for p in (DEMO / "inbox").iterdir() if p.name != "README.md")
    assert sorted(p.name for p in (made_again / "inbox").iterdir()) == names
    unpacked = generator().unpacked
    for name in [*(f"inbox/{n}" for n in names), "truth.toml"]:
        committed, again = (p.read_bytes() for p in (DEMO / name, made_again / name))
        assert unpacked(again) == unpacked(committed), name


def test_two_runs_of_the_generator_write_the_same_bytes(made_again, tmp_path):
    generator().generate(tmp_path)
    for path in sorted((made_again / "inbox").iterdir()):
        assert path.read_bytes() == (tmp_path / "inbox" / path.name).read_bytes(), path.name


def test_the_demo_stays_small():
    own = [p for p in DEMO.rglob("*") if not {"tables", "exports", "quarantine"} & {*p.parts}]
    assert sum(p.stat().st_size for p in own if p.is_file()) < MOST_BYTES


PLANTED = """
rule          workflow            from              to                priority  silent
R9            meeting-notes       2026-09-23T22:00  2026-09-24T22:00  P2        no
R4            invoice-extraction  2026-10-07T08:00  2026-10-07T13:00  P2        no
R7            company             2026-10-13T22:00  2026-10-14T22:00  P3        no
R8            customer-mail       2026-10-20T07:00  2026-10-20T15:00  P2        no
R7            company             2026-10-26T23:00  2026-10-27T23:00  -         yes
R6            code-review         2026-10-27T23:00  2026-10-29T23:00  P2        no
model-change  customer-mail       2026-11-01T23:00  2026-11-22T23:00  -         no
R10           customer-mail       2026-11-05T08:00  2026-11-05T16:00  P2        no
R13           sales-digest        2026-11-08T23:00  2026-11-09T23:00  -         no
R3            support-chat        2026-11-12T09:00  2026-11-12T11:00  P1        no
R5            invoice-extraction  2026-11-17T13:00  2026-11-22T23:00  P2        no
R3            support-chat        2026-11-22T05:00  2026-11-22T06:00  -         yes
"""


def test_truth_names_every_plant_in_utc():
    told = tomllib.loads((DEMO / "truth.toml").read_text("utf-8"))["planted"]
    rows = [
        [
            t["rule"],
            t["workflow"],
            f"{t['from']:%Y-%m-%dT%H:%M}",
            f"{t['to']:%Y-%m-%dT%H:%M}",
            t.get("priority", "-"),
            "yes" if t.get("silent") else "no",
        ]
        for t in told
    ]
    assert rows == [line.split() for line in PLANTED.strip().splitlines()[1:]]


def test_six_in_ten_support_chats_fail_for_two_hours(calls):
    hours = by_hour(calls, "support-chat", "2026-11-12T07:00", 6)
    shares = [failed / n if n else 0 for n, failed in hours]
    assert [round(s, 1) for s in shares] == [0, 0, 0.6, 0.6, 0, 0]


def test_one_in_eight_invoices_fails_in_each_of_five_hours(calls):
    hours = by_hour(calls, "invoice-extraction", "2026-10-07T06:00", 9)
    shares = [failed / n for n, failed in hours]
    assert shares[:2] == shares[7:] == [0, 0]
    assert all(0.09 < s < 0.20 for s in shares[2:7])


def test_one_of_three_chats_on_a_sunday_morning_fails(calls):
    assert by_hour(calls, "support-chat", "2026-11-22T05:00", 1) == [(3, 1)]


def test_single_failures_come_two_at_most_in_three_hours(calls):
    for workflow in ("customer-mail", "support-chat", "invoice-extraction"):
        own = [c for c in calls if c[0] == workflow and c[2] and not planted_failure(c)]
        hours = [c[1].replace(minute=0, second=0, microsecond=0) for c in own]
        assert len(hours) > 40
        assert all(sum(h - 3 * HOUR < g <= h for g in hours) <= 2 for h in hours)


def planted_failure(call):
    told = tomllib.loads((DEMO / "truth.toml").read_text("utf-8"))["planted"]
    hits = (t for t in told if t["rule"] in ("R3", "R4") and t["workflow"] == call[0])
    return any(t["from"] <= call[1] < t["to"] for t in hits)


def test_an_invoice_costs_over_twice_as_much_from_the_onset_on(calls):
    before = between(calls, "invoice-extraction", "2026-10-26T00:00", "2026-11-17T13:00")
    after = between(calls, "invoice-extraction", "2026-11-17T13:00", "2026-11-22T23:00")
    before, after = ([c[3] for c in part if not c[2]] for part in (before, after))
    assert 2.1 < median(after) / median(before) < 2.5


def test_customer_mail_answers_take_nearly_twice_as_long_for_a_day(calls):
    usual = between(calls, "customer-mail", "2026-10-19T07:00", "2026-10-19T15:00")
    slow = between(calls, "customer-mail", "2026-10-20T07:00", "2026-10-20T15:00")
    assert 1.75 < median(c[4] for c in slow) / median(c[4] for c in usual) < 2.05


def test_every_customer_mail_answer_of_a_day_is_a_refusal(calls):
    day = between(calls, "customer-mail", "2026-11-05T08:00", "2026-11-05T16:00")
    assert len(day) > 100
    assert all(c[5] for c in day if not c[2])


def test_customer_mail_is_answered_by_another_snapshot_from_a_monday_on(calls):
    old = between(calls, "customer-mail", "2026-08-30T22:00", "2026-11-01T23:00")
    new = between(calls, "customer-mail", "2026-11-01T23:00", "2026-11-22T23:00")
    assert {c[6] for c in old} == {"gpt-4o-2024-08-06"}
    assert {c[6] for c in new} == {"gpt-4o-2024-11-20"}


def test_code_review_uses_over_three_times_its_tokens_on_two_days():
    tokens = {}
    for row in csv_rows("anthropic-tokens-*.csv"):
        if row[0] != "usage_date_utc":
            local = at(row[0]) + (2 if row[0] < "2026-10-25 01" else 1) * HOUR
            tokens[local.date()] = tokens.get(local.date(), 0) + sum(int(v) for v in row[6:11])
    october = [dt.date(2026, 10, d) for d in (19, 20, 21, 22, 23)]
    usual = median(tokens[d] for d in october)
    for day in (28, 29):
        assert 3.1 < tokens[dt.date(2026, 10, day)] / usual < 3.8


def test_there_is_a_meeting_on_every_workday_but_one():
    days = set()
    for path in sorted((DEMO / "inbox").glob("meeting-notes-*.xlsx")):
        sheet = openpyxl.load_workbook(io.BytesIO(path.read_bytes())).active
        days |= {row[0][:10] for row in sheet.iter_rows(min_row=2, values_only=True)}
    assert "24.09.2026" not in days
    assert {"23.09.2026", "25.09.2026", "31.08.2026", "20.11.2026"} <= days


def test_the_digest_runs_on_every_monday_but_one():
    rows = [r for r in csv_rows("openai-usage-*.csv") if r[0] != "start_time"]
    used = {r[2][:10] for r in rows if len(r) > 4}
    mondays = {f"{dt.date(2026, 8, 31) + dt.timedelta(weeks=n)}" for n in range(12)}
    assert used == mondays - {"2026-11-09"}
    assert len({r[2][:10] for r in rows}) == 84


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    """A copy of the demo's settings, inbox, record and lists, ingested."""
    folder = tmp_path_factory.mktemp("demo")
    for part in ("settings", "inbox", "records", "regression"):
        shutil.copytree(DEMO / part, folder / part)
    company = store.Folder(folder)
    arrived = inbox.ingest(company, store.load_settings(company))
    assert set(arrived.files.state) == {"loaded"}
    assert not arrived.files.quarantined.any()
    return folder


@pytest.fixture(scope="module")
def book(demo_folder):
    """The demo's workbook."""
    return open_workbook(demo_folder, "")


BY_DAY = ("R6", "R9", "R13")
"""Rules whose plants are told in whole local days; what they find lies within."""


def span(rule, start, end):
    if rule not in BY_DAY:
        return start, end
    local = (t.astimezone(ZoneInfo("Europe/Vienna")) for t in (start, end - HOUR))
    return tuple(f"{t:%Y-%m-%d}" for t in local)


def test_the_rules_find_what_is_planted_for_them_and_nothing_else(book):
    """What is planted in the exports: R14 judges the lists."""
    found = book.judged.findings.query("method == 'calendar' and rule not in ('R11', 'R14')")
    found = found[found.priority.notna() | (found.rule.eq("R13") & found.state.eq("note"))]
    found = found[found.rule.ne("R8") | found.metric.eq("latency_ms")]
    rows = {
        (f.rule, f.workflow, *span(f.rule, f.started_at, f.ended_at), f.priority)
        for f in found.replace({"priority": {pd.NA: None}}).itertuples()
    }
    told = tomllib.loads((DEMO / "truth.toml").read_text("utf-8"))["planted"]
    assert rows == {
        (t["rule"], t["workflow"], *span(t["rule"], t["from"], t["to"]), t.get("priority"))
        for t in told
        if t["rule"] in RULES and RULES[t["rule"]].done and not t.get("silent")
    }


ALSO_R8 = """
workflow            metric          since              until              seen               planted
code-review         cost_eur        2026-10-28T08:00Z  2026-10-29T16:00Z  2026-10-28T13:00Z  R6
customer-mail       latency_ms      2026-10-20T07:00Z  2026-10-20T15:00Z  2026-10-20T12:00Z  R8
customer-mail       refused_share   2026-11-05T09:00Z  2026-11-05T16:00Z  2026-11-05T14:00Z  R10
invoice-extraction  cost_eur        2026-11-17T13:00Z  2026-11-20T16:00Z  2026-11-18T10:00Z  R5
invoice-extraction  run_cost_eur    2026-11-17T13:00Z  2026-11-20T16:00Z  2026-11-18T10:00Z  R5
invoice-extraction  tokens_per_run  2026-11-17T13:00Z  2026-11-20T16:00Z  2026-11-18T10:00Z  R5
"""


def test_a_level_stays_off_for_hours_only_where_something_is_planted(book):
    found = book.judged.findings.query("rule == 'R8' and method == 'calendar'")
    found = found[found.priority.notna()].sort_values(["workflow", "metric"])
    times = zip(found.started_at, found.ended_at, found.detected_at, strict=True)
    rows = [
        [f.workflow, f.metric, *(f"{t:%Y-%m-%dT%H:%MZ}" for t in of)]
        for f, of in zip(found.itertuples(), times, strict=True)
    ]
    assert rows == [line.split()[:-1] for line in ALSO_R8.strip().splitlines()[1:]]


def test_hours_that_stand_out_alone_are_fewer_than_one_a_week(book):
    ours = book.judged.findings.query("method == 'calendar'")
    found, lasting = ours[ours.rule == "R11"], ours[ours.rule == "R8"].set_index("workflow")
    assert set(found.priority) == {"P3"}
    alone = [
        f
        for f in found.itertuples()
        if not any(
            f.started_at < r8.ended_at and r8.started_at < f.ended_at
            for r8 in lasting[lasting.index == f.workflow].itertuples()
        )
    ]
    assert len(alone) <= 12


SEEN = """
rule  workflow            since              seen
R9    meeting-notes       2026-09-24T07:00Z  2026-09-24T15:00Z
R4    invoice-extraction  2026-10-07T08:00Z  2026-10-07T11:00Z
R6    code-review         2026-10-28T08:00Z  2026-10-28T15:00Z
R10   customer-mail       2026-11-05T08:00Z  2026-11-05T13:00Z
R13   sales-digest        2026-11-08T23:00Z  2026-11-10T16:00Z
R3    support-chat        2026-11-12T09:00Z  2026-11-12T10:00Z
R5    invoice-extraction  2026-11-17T13:00Z  2026-11-18T23:00Z
"""


@pytest.mark.parametrize("line", SEEN.strip().splitlines()[1:])
def test_each_is_seen_as_soon_as_the_data_allow(book, line):
    rule, workflow, since, seen = line.split()
    found = book.judged.findings.query("method == 'calendar' and state != 'not evaluable'")
    own = found[(found.rule == rule) & (found.workflow == workflow)]
    times = own[["started_at", "detected_at"]].map(lambda t: f"{t:%Y-%m-%dT%H:%MZ}")
    assert times.values.tolist() == [[since, seen]]


LATE = """
2026-11-25T09:00Z  -
2026-12-01T08:00Z  -
2026-12-01T08:30Z  customer-mail invoice-extraction support-chat
"""


@pytest.mark.parametrize("line", LATE.strip().splitlines())
def test_the_weekly_exports_are_late_a_business_day_after_their_week(demo_folder, line):
    moment, *late = line.split()
    told = open_workbook(demo_folder, moment).judged.findings
    own = told[(told.rule == "R13") & (told.metric == "missing_h") & told.observed.notna()]
    assert sorted(own.workflow) == [w for w in late if w != "-"]
    assert set(own.workflow[own.priority == "P2"]) <= {"customer-mail", "support-chat"}


def test_a_workflow_that_no_export_speaks_of_is_named(book):
    quiet = book.settings.workflow("sales-digest").model_copy(update={"id": "translations"})
    more = book.settings.model_copy(update={"workflows": [*book.settings.workflows, quiet]})
    own = judge(book.facts, more).findings.query("workflow == 'translations'")
    assert own[["rule", "state"]].values.tolist() == [["R13", "not evaluable"]]
    assert own.reason.tolist() == ["no export has spoken of it yet"]


@pytest.mark.parametrize(
    ("workflow", "first", "rules"),
    [
        ("invoice-extraction", "2026-11-18", {"R5", "R8", "R11"}),
        ("code-review", "2026-10-28", {"R6", "R8", "R11"}),
    ],
)
def test_an_epoch_takes_back_what_was_found_against_the_time_before_it(
    book, workflow, first, rules
):
    begun = {"first": first, "reason": "the new normal"}
    works = [
        w.model_copy(update={"epochs": [Epoch(**begun)]}) if w.id == workflow else w
        for w in book.settings.workflows
    ]
    anew = judge(book.facts, book.settings.model_copy(update={"workflows": works}))

    def since(judged) -> pd.DataFrame:
        """But for R14: a list is compared with its approved run, whatever is normal."""
        found = judged.findings.query("method == 'calendar' and rule != 'R14'")
        found = found[found.priority.notna()]
        own = found[(found.workflow == workflow) & (found.ended_at > first)]
        return set(own.rule)

    assert (since(book.judged), since(anew)) == (rules, set())


def test_a_company_without_a_single_export_is_judged_as_unheard(tmp_path):
    shutil.copytree(DEMO / "settings", tmp_path / "settings")
    found = open_workbook(tmp_path, "").judged.findings
    assert set(found.rule) == {"R13"}
    assert set(found.state) == {"not evaluable"}


MOMENTS = """
2026-09-24T14:59Z  -
2026-09-24T15:00Z  R9
2026-10-28T14:00Z  R9
2026-10-28T15:00Z  R9 R6
2026-11-05T12:00Z  R9 R6
2026-11-05T13:00Z  R9 R6 R10
2026-11-10T16:00Z  R9 R6 R10
2026-11-10T16:01Z  R9 R6 R10 R13
"""


@pytest.mark.parametrize("line", MOMENTS.strip().splitlines())
def test_a_check_at_a_moment_says_what_was_seen_by_then(demo_folder, line):
    moment, *rules = line.split()
    told = open_workbook(demo_folder, moment).judged.findings
    own = told[(told.method == "calendar") & told.rule.isin(["R6", "R9", "R10", "R13"])]
    by_time = own[own.observed.notna()].sort_values("detected_at")
    assert by_time.rule.tolist() == [r for r in rules if r != "-"]


@pytest.mark.parametrize("seed", range(2))
def test_the_order_of_runs_and_exports_changes_no_finding(book, seed):
    mixed = replace(
        book.facts,
        runs=book.facts.runs.sample(frac=1, random_state=seed),
        coverage=book.facts.coverage.sample(frac=1, random_state=seed),
    )
    again = judge(mixed, book.settings).findings
    pd.testing.assert_frame_equal(again, book.judged.findings)


def test_every_finding_carries_its_evidence(book):
    found = book.judged.findings
    own = found[found.priority.notna() & found.method.eq("calendar")]
    assert own[["observed", "sample", "parameters", "reason", "family"]].notna().all(axis=None)


WORKDAY_EUR = """
day         against the seven workdays before   what it is
2026-10-14  1.7 to 1.8                          the hackathon
2026-10-27  1.33 to 1.43                        a busy Tuesday that must stay silent
2026-10-28  0.9 to 1.45                         three times the tokens, not the money
2026-11-18  1.0 to 1.4                          dearer invoices
"""


def test_workdays_cost_what_the_plan_says(book):
    days = book.facts.days[book.facts.days.day_type == "workday"]
    total = days.groupby("day").cost_eur.sum().astype(float)["2026-08-31":"2026-11-22"]
    ratio = total / total.shift().rolling(7).mean()
    for line in WORKDAY_EUR.strip().splitlines()[1:]:
        day, low, _, high = line.split()[:4]
        assert float(low) < ratio[day] < float(high), line
    ordinary = total.drop(["2026-10-14", "2026-10-27"])
    assert ordinary.between(15, 40).all()
    assert ratio.drop("2026-10-14").max() < 1.45


def test_no_workflow_outweighs_the_others(book):
    days = book.facts.days[book.facts.days.day < "2026-10-01"]
    eur = days.groupby("workflow").cost_eur.sum().astype(float)
    share = eur / eur.sum()
    assert share["invoice-extraction"] <= 0.22
    assert 0.20 < share["code-review"] < 0.30


@pytest.fixture(scope="module")
def register():
    return fold(Log(store.Folder(DEMO)).events())


def test_the_record_is_whole_and_holds_no_word_of_a_person(register):
    log = Log(store.Folder(DEMO))
    assert log.verify().ok
    texts = [log.text(p.stem) for p in log.texts.iterdir()]
    assert all(texts)
    assert not any(text.encode() in log.content() for text in texts)


def test_the_record_lacks_nothing_that_the_rules_find_now(book, register):
    assert book.news == []
    assert (book.register.count, book.register.head) == (register.count, register.head)


@pytest.mark.parametrize(
    ("rule", "workflow", "begun", "priority", "state"),
    [
        ("R9", "meeting-notes", "2026-09-24", "P2", "closed"),
        ("R4", "invoice-extraction", "2026-10-07", "P2", "closed"),
        ("R7", "company", "2026-10-13", "P3", "closed"),
        ("R8", "customer-mail", "2026-10-20", "P2", "closed"),
        ("R6", "code-review", "2026-10-28", "P2", "closed"),
        ("R10", "customer-mail", "2026-11-05", "P1", "closed"),
        ("R3", "support-chat", "2026-11-12", "P1", "closed"),
        ("R5", "invoice-extraction", "2026-11-17", "P2", "identified"),
        ("R14", "invoice-extraction", "2026-11-23", "P2", "detected"),
    ],
)
def test_every_plant_has_its_incident(register, rule, workflow, begun, priority, state):
    own = [
        i
        for i in register.incidents.values()
        if rule in i.rules and i.workflow == workflow and f"{i.started_at:%Y-%m-%d}" == begun
    ]
    assert [(i.priority, i.state) for i in own] == [(priority, state)]


def test_no_other_incident_is_graver_than_a_single_breach(register):
    grave = [i for i in register.incidents.values() if i.priority != "P3"]
    assert len(grave) == 8
    assert sum(i.class_reason == "escalated" for i in grave) == 1
