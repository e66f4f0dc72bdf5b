"""An incident's page, the register and the foot of every page: what people read of the record."""

import json
import re
import shutil
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from opsbook import incident_pages, reviews, steps
from opsbook.displays import plain
from opsbook.dossier import Known, dossier
from opsbook.events import Draft, verify
from opsbook.incidents import timers
from opsbook.records import Log
from opsbook.register import fold, fold_draft
from opsbook.settings import Limits
from opsbook.site import mark_as, shows_another
from opsbook.store import Folder
from opsbook.weekly import incident_pages as pages_of
from opsbook.workbook import open_dossier, open_week, open_workbook

pytestmark = pytest.mark.xdist_group("site")
NOW = "2026-11-23T08:00+01:00"
HOSTILE = "<script>document.title='taken'</script> {{< env HOME >}} **loud** ```{=html}"


@pytest.fixture(scope="module")
def book(weekly):
    """The demo's workbook, as its site was built from it."""
    return open_workbook(weekly.place / "data/demo", NOW)


@pytest.fixture
def register_after(book):
    """The demo's register with an incident opened by hand at 10:00 and steps: (time, draft)."""

    def at(*taken, priority="P1"):
        register = deepcopy(book.register)
        told = {
            "workflows": ["support-chat"],
            "family": "harm",
            "provider": None,
            "priority": priority,
            "class_reason": "human",
            "started_at": "2026-11-20T08:00:00.000Z",
            "reason": "an answer named another customer",
        }
        for moment, step in (("10:00", lambda _: Draft("incident_opened", "X-1", told)), *taken):
            made = step(register.incidents.get("X-1"))
            fold_draft(register, made, pd.Timestamp(f"2026-11-20T{moment}+01:00"))
        return register

    return at


@pytest.fixture
def after(book, register_after):
    """The dossier of that incident."""

    def at(*taken, priority="P1", texts=None, until=NOW):
        register = register_after(*taken, priority=priority)
        known = Known(
            register=register,
            timers=timers(register, book.settings, book.clock),
            facts=book.facts,
            judged=book.judged,
            files=book.files,
            clock=book.clock,
            settings=book.settings,
            now=pd.Timestamp(until).tz_convert("UTC"),
        )
        return dossier("X-1", known, texts or {})

    return at


def acknowledged(moment: str, role: str = "AI Lead"):
    return moment, lambda i: steps.acknowledged(i, role)


def noted(moment: str, text: str):
    return moment, lambda i: steps.noted(i, "AI Lead", text)


DECLINED = ("12:00", lambda i: steps.declined(i, "Founder or CEO", "t2"))


@pytest.mark.parametrize(
    "words",
    [
        "P1 X-1 acknowledged",
        "Since Fri 20 Nov 09:00",
        "Measured reported by a person",
        "Detected Fri 20 Nov 10:00, 1 h after it began",
        "AI Lead knows since Fri 20 Nov 10:40",
        "Founder or CEO by Fri 20 Nov 12:00, 2 d 20 h ago",
        "First response Pause the workflow.",
    ],
)
def test_a_page_says_since_when_against_what_and_who_acts_by_when(after, words):
    assert words in plain(incident_pages.head(after(acknowledged("10:40"))))


def test_each_deadline_has_its_role_and_is_met_missed_or_overdue(after):
    shown = plain(incident_pages.timers(after(acknowledged("11:10"))))
    assert "AI Lead within 60 minutes Fri 20 Nov 11:00" in shown
    assert "Fri 20 Nov 11:10 missed" in shown
    assert shown.endswith("n/a n/a overdue")


def test_a_deadline_of_an_incident_that_is_done_with_is_not_open_any_more(after):
    assert "overdue" not in plain(incident_pages.timers(after(acknowledged("10:40"), DECLINED)))


def test_the_timeline_tells_in_order_who_did_what_and_what_they_wrote(after):
    found = after(acknowledged("10:40"), noted("10:50", "t1"), texts={"t1": "Called the customer."})
    assert plain(incident_pages.timeline(found)).endswith(
        "Fri 20 Nov 09:00 the data Began "
        "Fri 20 Nov 10:00 Opsbook Opened as P1: an answer named another customer "
        "Fri 20 Nov 10:40 AI Lead Acknowledged "
        "Fri 20 Nov 10:50 AI Lead Note Called the customer."
    )


def test_an_erased_text_is_said_to_be_erased(after):
    found = after(noted("10:50", "t1"), texts={"t1": None})
    assert plain(incident_pages.timeline(found)).endswith("Note (erased)")


def test_hostile_words_of_a_note_stand_there_as_words(after):
    shown = incident_pages.timeline(after(noted("10:50", "t1"), texts={"t1": HOSTILE}))
    assert "<script>" not in shown
    assert "{{<" not in shown
    assert "&lt;script&gt;document.title=&#x27;taken&#x27;&lt;/script&gt;" in shown


def test_the_first_response_lists_every_step_with_when_it_was_done(after):
    done = ("10:20", lambda i: Draft("step_done", "X-1", {"step": "pause"}, "Operations"))
    shown = plain(incident_pages.first_response(after(done)))
    assert "Pause the workflow: no further output leaves it. B3 done Fri 20 Nov 10:20" in shown
    assert "Send no correction and no follow-up written by AI. B3 open n/a" in shown


def test_what_nobody_has_said_is_unknown_and_a_post_mortem_is_owed(after):
    shown = plain(incident_pages.outcome(after()))
    for words in (
        "Root cause not named yet",
        "Personal data unknown",
        "High-risk system unknown",
        "Post-mortem owed, not begun; due once the incident is resolved",
        "Detection lag 1 h",
    ):
        assert words in shown


def test_an_incident_that_the_record_does_not_hold_yet_says_so(after):
    assert "Not on record yet" in plain(incident_pages.head(after()))


# Which pages have to be made again


def test_equal_dossiers_have_equal_fingerprints_and_another_code_another_one(after):
    one, same = after(acknowledged("10:40")), after(acknowledged("10:40"))
    assert one.fingerprint("code") == same.fingerprint("code")
    assert one.fingerprint("code") != one.fingerprint("newer code")


@pytest.mark.parametrize(
    "change",
    [
        {"taken": (noted("11:00", "t1"),)},
        {"taken": (), "texts": {"t1": None}},
        {"taken": (), "priority": "P2"},
        {"taken": (), "until": "2026-11-24T08:00+01:00"},
    ],
    ids=["another event", "a text erased", "another class", "another moment, while it is open"],
)
def test_whatever_a_page_shows_changes_its_fingerprint(after, change):
    taken = change.pop("taken")
    assert after(*taken, **change).fingerprint("code") != after().fingerprint("code")


def test_the_page_of_an_ended_incident_does_not_age(after):
    later = after(DECLINED, until="2027-03-01T08:00+01:00")
    assert later.fingerprint("code") == after(DECLINED).fingerprint("code")


def test_a_page_is_made_again_only_when_its_incident_changed(
    weekly, opsbook, tmp_path, monkeypatch
):
    place = tmp_path / "project"
    shutil.copytree(weekly.place, place)
    monkeypatch.chdir(place)
    data = Path("data/demo")
    assert [p.id for p in pages_of(open_workbook(data, NOW), data) if p.stale] == []
    opsbook("incident", "note", "INC-2026-0001", "--text", "Seen.", "--as", "lead", cwd=place)
    assert [p.id for p in pages_of(open_workbook(data, NOW), data) if p.stale] == ["INC-2026-0001"]


def test_a_dossier_opened_again_after_an_event_shows_it(weekly, opsbook, tmp_path):
    place = tmp_path / "project"
    shutil.copytree(weekly.place, place)
    data = place / "data/demo"
    before = open_dossier(data, NOW, "INC-2026-0001")
    opsbook("incident", "note", "INC-2026-0001", "--text", "Seen.", "--as", "lead", cwd=place)
    now = open_dossier(data, NOW, "INC-2026-0001")
    assert len(now.incident.timeline) == len(before.incident.timeline) + 1
    assert list(now.texts.values())[-1] == "Seen."


# The register


@pytest.mark.parametrize(
    ("cause", "undecided"), [(None, True), ("unknown", True), ("human_use", False)]
)
def test_an_incident_keeps_the_review_a_draft_until_its_root_cause_is_named(
    weekly, register_after, cause, undecided
):
    week = open_week(weekly.place / "data/demo", NOW)
    named = ("11:00", lambda i: steps.identified(i, "AI Lead", cause))
    register = register_after(acknowledged("10:40"), *([named] if cause else []))
    own = replace(week, register=register, incidents=register.frame())
    assert ("X-1" in set(reviews.undecided(own).id)) is undecided


def test_an_incident_that_is_reopened_again_and_again_is_flagged_as_flapping(
    weekly, register_after
):
    week = open_week(weekly.place / "data/demo", NOW)
    finding = {"workflow": "support-chat", "from": "2026-11-20T08:00:00.000Z", "key": "k"}
    figures = finding | {"rule": "R4", "metric": "error_share", "state": "over", "priority": "P2"}
    figures["reason"] = "14% of calls failed"
    figures |= {"to": "2026-11-20T09:00:00.000Z", "detected_at": "2026-11-20T09:00:00.000Z"}
    again = [
        (f"1{n}:00", lambda _: Draft("reopened", "X-1", {"finding": figures, "key": "k"}))
        for n in range(1, 4)
    ]
    for times, words in ((2, "reopened 2 times"), (3, "FLAPPING: reopened 3 times")):
        register = register_after(*again[:times])
        own = replace(week, register=register, incidents=register.frame().tail(1))
        shown = plain(incident_pages.register(own, own.incidents, "{id}.html"))
        assert f"R4, {words}" in shown


def p3s(*rows: tuple[str, str, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["workflow", "family", "started_at"])
    return frame.assign(priority="P3", started_at=pd.to_datetime(frame.started_at, utc=True))


@pytest.mark.parametrize(
    ("days", "found"),
    [
        (("10-27", "11-02", "11-09", "11-20"), {("chat", "cost"): 4}),
        (("11-02", "11-09", "11-20"), {}),
        (("10-20", "11-02", "11-09", "11-20"), {}),
    ],
    ids=["four in four weeks", "three are not more than three", "the first is five weeks old"],
)
def test_more_than_three_p3_alike_in_four_weeks_are_looked_at_as_a_p2(days, found):
    alike = p3s(*(("chat", "cost", f"2026-{d}") for d in days), ("chat", "errors", "2026-11-20"))
    now = pd.Timestamp("2026-11-23T08:00Z")
    assert incident_pages.alike_p3(alike, now, Limits()) == found


def test_who_must_act_soonest_stands_first():
    incidents = pd.DataFrame(
        {"id": ["A", "B", "C"], "priority": ["P1", "P2", "P2"], "detected_at": [1, 2, 3]}
    )
    due = pd.DataFrame(
        {
            "id": ["A", "A", "C"],
            "due_at": pd.to_datetime(
                ["2026-11-23T09:00Z", "2026-11-23T12:00Z", "2026-11-23T10:00Z"]
            ),
            "met": pd.array([True, None, None], "boolean"),
            "current": True,
        }
    )
    assert incident_pages.by_urgency(incidents, due).id.tolist() == ["C", "A", "B"]


# The site after a week of events


@pytest.fixture(scope="module")
def recorded(weekly, opsbook, tmp_path_factory):
    """The demo's site after a silence, a lost message, a note erased and a page left behind."""
    place = tmp_path_factory.mktemp("recorded") / "project"
    shutil.copytree(weekly.place, place)
    log = Log(Folder(place / "data/demo"))
    known = reversed(fold(log.events()).incidents.values())
    going = next(i for i in known if i.priority != "P3" and i.family != "regression")
    now = pd.Timestamp(NOW).tz_convert("UTC")
    until = now + pd.Timedelta(days=2)
    notice = {"notice": f"{going.id}/0/mail", "channel": "mail", "roles": ["AI Lead"], "tries": 1}
    gone = log.keep("A name")
    with log.writing(now) as writing:
        register = fold(writing.events)
        why = log.keep(f"Planned. {HOSTILE}")
        writing.append(
            steps.silence(register, "AI Lead", "support-chat", "errors", now, until, why),
            Draft("notification_started", going.id, notice),
            steps.noted(going, "AI Lead", log.keep(HOSTILE)),
            steps.noted(going, "AI Lead", gone),
            Draft("text_erased", None, {"text": gone}, "AI Lead"),
        )
    log.erase(gone)
    shutil.copy(
        place / f"reports/incidents/{going.id}.ipynb",
        place / "reports/incidents/INC-1999-0001.ipynb",
    )
    done = opsbook("review", "weekly", "--renderer", "embedded", "--json", cwd=place)
    assert done.returncode in (0, 1), done.stderr
    return SimpleNamespace(site=place / "_site", log=log, id=going.id, said=json.loads(done.stdout))


def words_of(page: Path) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.read_text("utf-8")).split())


def test_every_page_says_how_far_the_record_reached_and_verify_takes_it(recorded):
    for page in recorded.site.rglob("*.html"):
        found = re.search(r"opsbook verify --count (\d+) --head (\w{16})", words_of(page))
        assert found, page
        assert verify(recorded.log.content(), int(found[1]), found[2]).ok
        signed = page.stem in fold(recorded.log.events()).reviews
        assert signed or int(found[1]) == len(recorded.log.events())


def test_every_incident_has_its_page_and_one_that_is_gone_has_none(recorded):
    made = {p.stem for p in (recorded.site / "reports/incidents").glob("INC-*.html")}
    assert made == set(fold(recorded.log.events()).incidents)


def test_an_incidents_page_links_its_exports_on_the_data_page(recorded):
    text = (recorded.site / f"reports/incidents/{recorded.id}.html").read_text("utf-8")
    anchors = re.findall(r'href="\.\./data\.html#([^"]+)"', text)
    data = (recorded.site / "reports/data.html").read_text("utf-8")
    assert anchors
    assert all(f'id="{a}"' in data for a in anchors)


def test_a_message_that_may_not_have_arrived_stands_on_the_home_page(recorded):
    words = words_of(recorded.site / "index.html")
    assert "tell them by hand" in words
    assert f"{recorded.id} AI Lead mail uncertain" in words


def test_a_silence_is_listed_with_who_and_why_on_the_register_and_in_the_review(recorded):
    for page in ("reports/incidents/index.html", "reports/weekly/2026-W47.html"):
        assert "Support chat errors AI Lead Planned. " in words_of(recorded.site / page)


def test_planted_words_of_the_record_run_nowhere(recorded):
    for page in recorded.site.rglob("*.html"):
        text = page.read_text("utf-8")
        assert "<script>document.title" not in text, page
        assert "{{<" not in text, page
        assert str(Path.home()) not in text, page
    shown = words_of(recorded.site / f"reports/incidents/{recorded.id}.html")
    assert "&lt;script&gt;document.title=" in shown
    assert "**loud**" in shown
    assert "(erased)" in shown


def test_the_pages_of_another_company_are_made_anew_and_those_of_a_moved_project_kept(
    tmp_path, monkeypatch
):
    ours, moved = tmp_path / "project", tmp_path / "moved"
    ours.mkdir()
    monkeypatch.chdir(ours)
    assert not shows_another(Path("data/acme"))
    mark_as(Path("data/acme"))
    assert not shows_another(Path("data/acme"))
    assert not shows_another(ours / "data/acme")
    assert shows_another(Path("data/demo"))
    assert shows_another(tmp_path / "elsewhere/data/acme")
    shutil.copytree(ours, moved)
    monkeypatch.chdir(moved)
    assert not shows_another(moved / "data/acme")
