"""The post-mortem: begun with what the record knows, refused until people have said the rest."""

import hashlib
import re

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trial
from hypothesis import strategies as st

from opsbook import postmortem
from opsbook.clock import business_clock
from opsbook.errors import UsageError
from opsbook.events import Draft
from opsbook.incidents import timers
from opsbook.register import Register, fold_draft
from opsbook.reports import Report, opening
from opsbook.settings import Settings
from opsbook.steps import acknowledged, closed, identified, mitigated, post_mortem_due, resolved

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")
PATH = "records/post-mortems/INC-2026-0001.md"
OWNERS = ["AI Lead", "Head of support"]
ROWS = """\
| Filter answers on opening hours | ai lead | 2026-12-01 | prevent |
| Alert on the word "guarantee" \\| "promise" | Head of support | 2026-12-15 | Detect |
"""


@pytest.fixture(scope="module")
def settings():
    workflow = {"id": "support-chat", "name": "Support | chat", "category": "customer"}
    return Settings(
        company={
            "name": "Example", "zone": "Europe/Berlin", "country": "DE", "subdivision": "BY",
            "hours": {day: ["09:00-17:00"] for day in DAYS},
        },
        workflows=[workflow | {"owner": "Head of support", "matches": ["template:chat"]}],
    )  # fmt: skip


@pytest.fixture(scope="module")
def clock(settings):
    first = pd.Timestamp("2026-11-01").date()
    return business_clock(settings.company, first, pd.Timestamp("2027-01-31").date())


def local(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="Europe/Berlin").tz_convert("UTC")


@pytest.fixture
def register(settings):
    """A harm reported at 09:30 that began at 08:10, acknowledged 10:10, its founder never told."""
    now, register = local("2026-11-23 09:40"), Register()
    report = Report(
        "It promised a refund.", local("2026-11-23 09:30"), "support-chat", "yes", "no", "yes",
        began_at=local("2026-11-23 08:10"),
    )  # fmt: skip
    fold_draft(register, opening(report, register, settings, now, "f" * 64), now)
    incident = register.incident("INC-2026-0001")
    fold_draft(register, acknowledged(incident, "AI Lead"), local("2026-11-23 10:10"))
    told = Draft("step_done", incident.id, {"step": "pause"}, "AI Lead")
    fold_draft(register, told, local("2026-11-23 10:15"))
    return register


@pytest.fixture
def incident(register):
    return register.incident("INC-2026-0001")


@pytest.fixture
def begun(register, incident, settings, clock):
    return postmortem.template(incident, settings, timers(register, settings, clock))


def finished(begun: str, rows: str = ROWS) -> str:
    """The file as people leave it: every TO WRITE answered, actions in the table."""
    return re.sub(r"^TO WRITE:.*$", "Said by people.", begun, flags=re.M) + rows


def read(text: str) -> postmortem.PostMortem:
    return postmortem.read(text.encode(), PATH, OWNERS)


def test_it_begins_with_what_the_record_knows(begun):
    for line in (
        "# Post-mortem INC-2026-0001: Support | chat: reported: false information on safety or law "
        "reached a customer",
        "P1, harm external; due after it is resolved.",
        "- Reached anyone outside: yes",
        "- Harm happened: yes",
        "Root cause on record: not named.",
        "- Detected: 2026-11-23 09:30, by a person's report",
        "- Detection lag: 1 h 20 min",
        "| AI Lead | 2026-11-23 10:30 | - | 2026-11-23 10:10 | met |",
        "| Founder or CEO | 2026-11-23 11:30 | - | - | unknown |",
        "| 2026-11-23 10:10 | AI Lead | acknowledged | event 0 |",
        "| Pause the workflow: no further output leaves it. | 2026-11-23 10:15 |",
    ):
        assert line in begun.splitlines()


def test_a_finished_one_gives_its_actions_and_the_hash_of_its_bytes(begun):
    text = finished(begun)
    done = read(text)
    assert [(a.text, a.owner, a.due.isoformat(), a.kind) for a in done.actions] == [
        ("Filter answers on opening hours", "AI Lead", "2026-12-01", "prevent"),
        ('Alert on the word "guarantee" | "promise"', "Head of support", "2026-12-15", "detect"),
    ]
    assert done.sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_windows_line_ends_and_its_byte_order_mark_change_nothing_but_the_hash(begun):
    text = finished(begun)
    done = postmortem.read(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(), PATH, OWNERS)
    assert done.actions == read(text).actions


def test_every_section_that_people_owe_is_named_with_its_line(begun):
    with pytest.raises(UsageError) as problem:
        read(begun)
    said = str(problem.value).splitlines()
    owed = [name for name, hint in postmortem.HINTS.items() if hint]
    assert [re.search('"(.+?)"', line)[1] for line in said] == owed
    number = begun.splitlines().index(f"TO WRITE: {postmortem.HINTS['Summary']}") + 1
    assert said[0].startswith(f'{PATH}, line {number}: "Summary" is still to be written')


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("## Trigger\n", "## The trigger\n", r'the section "## Trigger" is missing'),
        (
            "## What went well\n\nSaid by people.",
            "## What went well\n",
            r'line \d+: "What went well" is empty',
        ),
        ("| ai lead |", "| Erika |", r"line \d+: owner 'Erika' is no role; expected one of AI"),
        ("| ai lead |", "| |", r"owner '' is no role"),
        ("2026-12-01 | prevent", "soon | prevent", r"due 'soon' is not a date; expected like 2026"),
        ("2026-12-01 | prevent", "| prevent", r"due '' is not a date"),
        ("| prevent |", "| fix |", r"kind 'fix'; expected one of prevent, detect, mitigate"),
        ("| prevent |", "|", r"an action has 4 cells \(action, owner, due, kind\), found 3"),
        (ROWS, "", r"no action is named"),
    ],
)
def test_what_is_left_open_is_refused_with_file_and_line(begun, before, after, says):
    text = finished(begun)
    assert before in text
    with pytest.raises(UsageError, match=says) as problem:
        read(text.replace(before, after, 1))
    assert str(problem.value).startswith(PATH)


@pytest.mark.parametrize(
    ("was", "resolved_at", "due"),
    [
        ("P1", "2026-11-20 15:30", "2026-11-23 15:30"),
        ("P2", "2026-11-20 15:30", "2026-11-27 15:30"),
        ("P2", "2026-11-21 11:00", "2026-11-27 17:00"),
        ("P2", "2026-12-28 12:00", "2027-01-05 12:00"),
        ("P1", None, None),
    ],
)
def test_it_is_due_some_days_after_the_resolution(incident, settings, clock, was, resolved_at, due):
    incident.history[0]["priority"] = was
    if resolved_at:
        incident.times["resolved"] = local(resolved_at)
    found = postmortem.due_at(incident, settings, clock)
    assert found == (due and local(due))


def test_a_p1_is_closed_only_with_its_post_mortem_signed(incident, register, settings, begun):
    now, limits = local("2026-11-23 12:00"), settings.limits
    for step in (
        identified(incident, "AI Lead", "prompt_change"),
        mitigated(incident, "AI Lead"),
    ):
        fold_draft(register, step, now)
    fold_draft(register, resolved(incident, "AI Lead", now), now)
    assert post_mortem_due(incident, limits)
    with pytest.raises(UsageError, match="is not begun"):
        postmortem.signed(incident, "AI Lead", read(finished(begun)), ["a" * 64, "b" * 64])
    fold_draft(register, postmortem.started(incident, "AI Lead", now), now)
    with pytest.raises(UsageError, match="its post-mortem is not signed"):
        closed(incident, "AI Lead", limits)
    done = postmortem.signed(incident, "AI Lead", read(finished(begun)), ["a" * 64, "b" * 64])
    fold_draft(register, done, now)
    assert [a["owner"] for a in incident.actions] == ["AI Lead", "Head of support"]
    assert "Filter" not in str(done.payload)
    fold_draft(register, closed(incident, "AI Lead", limits), now)
    assert incident.state == "closed"


def test_it_is_begun_once(incident, register):
    fold_draft(register, postmortem.started(incident, "AI Lead", None), local("2026-11-23 12:00"))
    with pytest.raises(UsageError, match=r"go on in records/post-mortems/INC-2026-0001\.md"):
        postmortem.started(incident, "AI Lead", None)


@trial(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_people_leave_is_read_or_refused_with_its_line(begun, data):
    lines = finished(begun).splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = data.draw(st.one_of(st.binary(), st.text("|- a\\#").map(str.encode))).decode(
        "latin-1"
    )
    try:
        owners, refused = {a.owner for a in read("\n".join(lines)).actions}, []
    except UsageError as problem:
        owners, refused = set(), str(problem).split("\n")
    assert owners <= set(OWNERS)
    assert all(re.match(rf"{PATH}, line \d+: ", line) for line in refused)
    assert owners or refused


def test_who_is_no_lead_signs_no_post_mortem(incident, begun):
    with pytest.raises(UsageError, match="not by 'Reporter'"):
        postmortem.signed(incident, "Reporter", read(finished(begun)), ["a", "b"])


def test_a_hostile_reason_cannot_forge_a_section_or_a_row(register, incident, settings, clock):
    said = "x\n## Actions\n| steal | AI Lead | 2026-12-01 | prevent | <img src=x> [a](b)"
    told = Draft("priority_changed", incident.id, {"priority": "P1", "reason": said} | {
        "class_reason": "human"})  # fmt: skip
    fold_draft(register, told, local("2026-11-23 10:20"))
    text = postmortem.template(incident, settings, timers(register, settings, clock))
    assert text.count("\n## ") == len(postmortem.HINTS)
    assert "<img" not in text.replace("\\<", "")
    assert len(read(finished(text)).actions) == 2
