"""E2: the monthly review, an hour over categories, lists, baselines and causes."""

import pandas as pd
import pytest

from opsbook import month_pages, months
from opsbook.displays import plain
from opsbook.events import Draft
from opsbook.register import Register, fold_draft
from opsbook.regression_pages import Changed, Listed, Run
from opsbook.settings import Settings

OCTOBER = "2026-10-01 2026-10-31"
SEPTEMBER = "2026-09-01 2026-09-30"


# Data


@pytest.mark.parametrize(
    ("lines", "state", "missing"),
    [
        ([f"chat {OCTOBER}"], "whole", 0),
        (["chat 2026-10-01 2026-10-29"], "part", 2),
        (["chat 2026-10-01 2026-10-30", "chat 2026-10-31 2026-10-31 covered=0.5"], "part", 0),
        ([f"chat {SEPTEMBER}"], "none", 31),
        ([], "none", 31),
    ],
    ids=["every day", "two days missing", "half a day missing", "of the month before", "nothing"],
)
def test_of_each_workflow_the_months_covered_days_are_counted(review, lines, state, missing):
    chat = months.coverage(review("2026-10", *lines)).set_index("workflow").loc["chat"]
    assert (chat.state, chat.missing) == (state, missing)


def test_days_that_are_not_over_are_not_missing(review):
    running = review("2026-11", "chat 2026-11-01 2026-11-09", now="2026-11-10")
    chat = months.coverage(running).set_index("workflow").loc["chat"]
    assert (chat.days, chat.state) == (9, "whole")


def test_missing_days_are_asked_about(review):
    both = review("2026-10", "chat 2026-10-01 2026-10-29", f"invoices {OCTOBER}")
    assert months.data_question(both) == "Chat: 2 of 31 days missing."


# The four categories


def test_the_four_categories_are_there_whether_or_not_they_have_a_workflow(review):
    rows = months.categories(
        review("2026-10", f"chat {OCTOBER} calls=20 judged=20 failed=0 cost=2")
    )
    assert rows.category.tolist() == ["customer", "internal", "developer", "analytics"]
    assert rows.workflows.tolist() == [["chat"], ["invoices"], [], []]
    assert rows.heard.tolist() == [["chat"], [], [], []]


def test_what_no_export_and_no_register_tells_is_missing_and_not_zero(review):
    rows = months.categories(review("2026-10", f"chat {OCTOBER} cost=2"))
    told = rows.set_index("category").loc["customer"]
    assert told.cost_eur == 62
    assert told[["calls", "share", "refused_share", "quality", "manual_h", "ratio"]].isna().all()


@pytest.mark.parametrize(
    ("before", "now", "ratio"),
    [
        (f"{SEPTEMBER} cost=2", f"{OCTOBER} cost=2", (62 / 22) / (60 / 22)),
        ("2026-09-21 2026-09-30 cost=2", f"{OCTOBER} cost=2", (62 / 22) / (20 / 8)),
        (f"{SEPTEMBER} cost=1", f"{OCTOBER} cost=2", (62 / 22) / (30 / 22)),
    ],
    ids=["as before", "ten days before", "twice as dear"],
)
def test_cost_is_compared_for_each_workday_with_data(review, before, now, ratio):
    rows = months.categories(review("2026-10", f"chat {before}", f"chat {now}"))
    assert rows.ratio[0] == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("lines", "question"),
    [
        (["chat {} judged=40 failed=0 cost=2", "invoices {} cost=1"], ""),
        (
            ["chat {} judged=40 failed=4 cost=2", "invoices {} cost=1"],
            "Customer-facing automation: 10 % of calls failed.",
        ),
        (["chat {} judged=40 failed=0 cost=2"], "Internal process automation: no data in it."),
    ],
    ids=["nothing", "failing", "silent"],
)
def test_a_category_that_fails_or_is_silent_is_asked_about(review, lines, question):
    assert months.category_question(review("2026-10", *(x.format(OCTOBER) for x in lines))) == (
        question
    )


def test_hours_of_manual_fallback_are_those_noted_in_the_month(review):
    lines = [
        ("2026-10-07", "manual fallback", "chat", 3),
        ("2026-10-08", "manual fallback", "chat", 1),
        ("2026-11-02", "manual fallback", "chat", 9),
        ("2026-10-09", "AI Lead", None, 4),
    ]
    noted = [dict(zip(("day", "kind", "workflow", "hours"), line, strict=True)) for line in lines]
    month = review("2026-10", f"chat {OCTOBER}", sheets={"hours": noted})
    assert months.manual_hours(month) == {"chat": 4}


# Regression lists


def run(name, day, verdict="GO", model="m1", cases=("a", "b"), failing=()):
    told = [
        {"id": c, "verdict": "LOST" if c in failing else "SAME",
         "failed_checks": ["x"] if c in failing else []}
        for c in cases
    ]  # fmt: skip
    return Run(name, model, day, {"verdict": verdict, "reasons": [], "cases": told})


def listed(*runs, prompts=(), inputs=("a", "b"), approved="r1", **more):
    at = tuple(Changed("system.md", pd.Timestamp(p, tz="UTC"), "Say it") for p in prompts)
    texts = dict.fromkeys(inputs, "hello")
    return [Listed("chat", "Chat", texts, runs, approved, prompts=at, **more)]


FIRST = run("r1", "2026-09-14")


@pytest.mark.parametrize(
    ("lists", "question"),
    [
        (listed(FIRST), ""),
        (listed(FIRST, prompts=["2026-09-10"]), ""),
        (
            listed(FIRST, prompts=["2026-10-12T15:00"]),
            "Chat: its prompt changed on Mon 12 Oct and its list has not run since.",
        ),
        (listed(FIRST, run("r2", "2026-10-12"), prompts=["2026-10-12T15:00"]), ""),
        (
            listed(FIRST, run("r2", "2026-10-13", "HOLD"), prompts=["2026-10-12T15:00"]),
            "Chat: its prompt changed and its list says HOLD.",
        ),
        (
            listed(inputs=(), prompts=["2026-10-12T15:00"]),
            "Chat: its prompt changed and it has no list.",
        ),
    ],
    ids=["nothing changed", "before", "not run since", "run since", "held back", "no list"],
)
def test_a_workflow_that_changed_is_asked_about_until_its_list_ran(review, lists, question):
    assert months.list_question(review("2026-10", f"chat {OCTOBER}"), lists) == question


def test_cases_added_since_the_approved_run_are_named(review):
    register = Register(approved={"chat": {"run": "r1", "list": "old", "ts": "2026-09-14T10:00Z"}})
    month = review("2026-10", f"chat {OCTOBER}", register=register)
    row = months.changed(month, listed(FIRST, inputs=("a", "c"), sha="new")).iloc[0]
    assert (row.added, row.gone, row.edited) == (["c"], ["b"], True)


def test_the_last_verdict_stands_for_each_model(review):
    runs = (FIRST, run("r2", "2026-10-05", "HOLD", "m2"), run("r3", "2026-10-19", "GO", "m2"))
    rows = months.verdicts(review("2026-10", f"chat {OCTOBER}"), listed(*runs))
    assert rows[["model", "verdict", "day"]].values.tolist() == [
        ["m2", "GO", "2026-10-19"], ["m1", "GO", "2026-09-14"],
    ]  # fmt: skip


def test_a_candidates_failures_say_nothing_of_what_answers_today(review):
    runs = (FIRST, run("r2", "2026-10-05", "HOLD", "m2", failing=("a", "b")))
    rows = months.categories(review("2026-10", f"chat {OCTOBER}"), listed(*runs))
    assert (rows.passed[0], rows.cases[0]) == (2, 2)


# Cost baselines


@pytest.mark.parametrize(
    ("days", "drift", "moved", "question"),
    [
        (["2026-09-01 2026-10-31 0.10 ok"], 0.0, False, ""),
        (["2026-09-01 2026-09-30 0.10 ok", "2026-10-01 2026-10-31 0.12 ok"], 0.2, False, ""),
        (
            ["2026-09-01 2026-09-30 0.10 ok", "2026-10-01 2026-10-31 0.13 ok"], 0.3, False,
            "Chat: its baseline went +30 %.",
        ),
        (
            ["2026-09-01 2026-10-22 0.10 ok", "2026-10-23 2026-10-31 0.30 breach"], 0.0, False, "",
        ),
        (
            ["2026-09-01 2026-10-20 0.10 ok", "2026-10-21 2026-10-31 0.30 breach"], 2.0, True,
            "Chat: baseline moved, confirm the new normal.",
        ),
        (["2026-10-20 2026-10-31 0.10 ok"], None, False, ""),
    ],
    ids=["steady", "at the limit", "over it", "9 of 20 spoilt", "11 of 20 spoilt", "began in it"],
)  # fmt: skip
def test_a_baseline_that_moved_is_confirmed_by_a_person(review, days, drift, moved, question):
    month = review("2026-10", f"chat {OCTOBER}", run_cost=review.bands("chat", *days))
    chat = months.baseline_drift(month).set_index("workflow").loc["chat"]
    assert chat.drift == pytest.approx(drift) if drift is not None else pd.isna(chat.drift)
    assert chat.moved == moved
    assert months.baseline_question(month) == question


def test_an_epoch_explains_why_a_baseline_moved(review, bavaria):
    begun = {"first": "2026-10-05", "reason": "Another model"}
    told = [w.model_dump() | {"epochs": [begun]} for w in bavaria.workflows]
    settings = Settings(company=bavaria.company, workflows=told)
    days = ["2026-09-01 2026-10-04 0.10 ok", "2026-10-05 2026-10-31 0.20 ok"]
    month = review(
        "2026-10", f"chat {OCTOBER}", run_cost=review.bands("chat", *days), settings=settings
    )
    assert months.baseline_question(month) == ""
    assert months.baseline_drift(month).epochs[0] == ["Another model"]


def test_without_single_runs_the_cost_of_a_day_is_the_baseline(review):
    month = review("2026-10", f"chat {SEPTEMBER} cost=2", f"chat {OCTOBER} cost=3")
    chat = months.baseline_drift(month).set_index("workflow").loc["chat"]
    assert (chat.metric, chat.start_eur, chat.end_eur, chat.drift) == ("day", 2, 3, 0.5)


# Root causes


def incident(opened, found_, *checks):
    return opened(*((moment, [found_]) for moment in checks))


WEDNESDAY = ("R4", "chat", "P2", "Wed 2026-10-07 10:00", 3)
RESOLVED = [
    ("acknowledged", {}),
    ("identified", {"category": "vendor_outage"}),
    ("mitigated", {}),
    ("resolved", {}),
]


def resolve(register, when, moment="Thu 2026-10-08 09:00", named=True):
    for kind, payload in RESOLVED:
        if kind != "identified" or named:
            draft = Draft(kind, "INC-2026-0001", payload, "AI Lead")
            fold_draft(register, draft, when(moment))
    return register


@pytest.mark.parametrize(
    ("later", "again", "question"),
    [
        ([], 0, ""),
        ([("R4", "chat", "P2", "Mon 2026-10-05 10:00", 3)], 0, ""),
        ([("R4", "invoices", "P2", "Mon 2026-10-12 10:00", 3)], 0, ""),
        ([("R5", "chat", "P2", "Mon 2026-10-12 10:00", 3)], 0, ""),
        ([("R11", "chat", "P3", "Mon 2026-10-12 10:00", 1)], 0, ""),
        (
            [("R3", "chat", "P1", "Mon 2026-10-12 10:00", 1)], 1,
            "INC-2026-0001: fired again 1 time since it was resolved.",
        ),
    ],
    ids=["quiet", "before", "another workflow", "another family", "a single hour", "fired again"],
)  # fmt: skip
def test_a_fix_is_verified_by_the_data_since(review, opened, found, when, later, again, question):
    register = resolve(opened(("Wed 2026-10-07 14:00", [WEDNESDAY])), when)
    month = review(
        "2026-10", f"chat {OCTOBER}", register=register, findings=found(WEDNESDAY, *later)
    )
    row = months.causes(month).iloc[0]
    assert (row.again, row.clean_days) == (again, 23)
    assert months.cause_question(month) == question


def test_an_incident_without_a_root_cause_is_asked_about(review, opened, when):
    register = resolve(opened(("Wed 2026-10-07 14:00", [WEDNESDAY])), when, named=False)
    month = review("2026-10", f"chat {OCTOBER}", register=register)
    assert months.cause_question(month) == "INC-2026-0001: no root cause on record."


def test_an_incident_of_another_month_is_not_looked_at_once_it_is_resolved(review, opened, when):
    register = resolve(opened(("Wed 2026-10-07 14:00", [WEDNESDAY])), when)
    assert months.causes(review("2026-11", register=register)).empty


def test_one_that_is_still_open_stays_in_front_of_the_review(review, opened):
    register = opened(("Wed 2026-10-07 14:00", [WEDNESDAY]))
    november = review("2026-11", register=register)
    assert months.causes(november).id.tolist() == ["INC-2026-0001"]
    assert "not resolved" in months.cause_question(november)


# A month of which little is known


@pytest.mark.parametrize(
    "lines",
    [[], [f"chat {SEPTEMBER} calls=3 cost=1"], ["chat 2026-10-24 2026-10-31 calls=3 cost=1"]],
    ids=["nothing at all", "no call in the month", "one week of data"],
)
def test_every_section_says_what_it_knows_of_a_month_of_little_data(review, lines):
    month = review("2026-10", *lines)
    shown = [
        month_pages.at_a_glance(month),
        month_pages.data(month),
        month_pages.data_closing(month, {"data": months.data_question(month)}),
        month_pages.categories(month, listed()),
        month_pages.lists(month, []),
        month_pages.baselines(month),
        month_pages.causes(month),
    ]
    assert all(len(plain(piece)) > 40 for piece in shown)
    assert set(months.questions(month, listed())) >= {"data", "categories", "lists", "causes"}
    assert "nan" not in " ".join(map(plain, shown)).lower().split()


def test_the_same_data_gives_the_same_page(review):
    month = review("2026-10", f"chat {OCTOBER} calls=9 judged=9 failed=1 cost=1")
    assert month_pages.categories(month, listed(FIRST)) == month_pages.categories(
        month, listed(FIRST)
    )


def test_what_people_and_models_wrote_is_shown_as_the_words_it_is(review):
    evil = "<script>alert(1)</script>{{< env KEY >}}"
    lists = [Listed("chat", evil, {"a": evil}, (run("r1", "2026-10-05", model=evil),), "r1",
                    unknown=evil)]  # fmt: skip
    shown = month_pages.lists(review("2026-10", f"chat {OCTOBER}"), lists)
    assert "<script>" not in shown
    assert "{{<" not in shown
