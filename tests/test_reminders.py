"""The law's reminders on an incident's page, and what is kept until somebody answers."""

from types import SimpleNamespace

import pandas as pd
import pytest

from opsbook import duty_pages, incident_pages
from opsbook.__main__ import erase
from opsbook.displays import plain
from opsbook.dossier import Known, dossier
from opsbook.errors import UsageError
from opsbook.events import Draft
from opsbook.incidents import timers
from opsbook.records import Log
from opsbook.register import Register, fold, fold_draft
from opsbook.registers import Registers
from opsbook.schema import COVERAGE, FILES
from opsbook.store import Folder, load_settings

NOTICED = pd.Timestamp("2026-11-20T10:00+01:00")
NOW = "2026-11-23T08:00+01:00"
OPENED = {
    "workflows": ["chat"], "family": "harm", "priority": "P1", "class_reason": "human",
    "started_at": "2026-11-20T08:00:00.000Z", "reason": "an answer named another customer",
}  # fmt: skip
NO_HARM = Draft("impact_set", "X-1", {"harm": "no", "personal_data": "no"})
CLOSED = Draft("closed", "X-1", {})


@pytest.fixture
def settings(small_company, tmp_path):
    return load_settings(Folder(small_company(tmp_path)))


@pytest.fixture
def after(settings):
    """The dossier of an incident noticed on Friday at 10:00, after further events, on Monday."""

    def at(*drafts, laws=()):
        company = settings.company.model_copy(update={"laws_also": list(laws)})
        own, register = settings.model_copy(update={"company": company}), Register()
        for draft in (Draft("incident_opened", "X-1", OPENED), *drafts):
            fold_draft(register, draft, NOTICED)
        known = Known(
            register=register,
            timers=timers(register, own, SimpleNamespace()),
            facts=SimpleNamespace(coverage=COVERAGE.empty()),
            judged=SimpleNamespace(),
            files=FILES.empty(),
            clock=SimpleNamespace(),
            settings=own,
            now=pd.Timestamp(NOW).tz_convert("UTC"),
        )
        return dossier("X-1", known, {})

    return at


@pytest.mark.parametrize(
    "words",
    [
        "AI Act Art. 73 widespread infringement, or critical infrastructure disrupted",
        "high-risk system: unknown, harm: unknown Sun 22 Nov 10:00 counts from Fri 20 Nov 10:00",
        "passed",
        "GDPR Art. 33 a breach of personal data: notify the authority",
        "Mon 23 Nov 10:00 counts from Fri 20 Nov 10:00 runs",
        "A reminder is not a statement that it is a serious incident",
        "erase nothing",
    ],
)
def test_a_page_reminds_by_when_in_which_case_and_why(after, words):
    assert words in plain(incident_pages.reminders(after()))


def test_with_every_answer_no_nothing_runs_and_nothing_is_kept(after):
    shown = plain(incident_pages.reminders(after(NO_HARM)))
    assert shown.startswith("None runs")
    assert "erase nothing" not in shown


def test_other_laws_run_only_where_the_settings_name_them(after):
    assert "NIS2" not in plain(incident_pages.reminders(after()))
    shown = plain(incident_pages.reminders(after(laws=["NIS2", "DORA"])))
    assert "NIS2 Art. 23 early warning" in shown
    assert "DORA Art. 19" in shown


def test_an_incident_that_ended_asks_nobody_any_more(after):
    shown = plain(incident_pages.reminders(after(CLOSED)))
    assert "ended" in shown
    assert "runs" not in shown


def test_a_page_is_made_again_when_its_reminders_change(after):
    before = after()
    risk = pd.DataFrame({"workflow": ["chat"], "risk": ["minimal"]}, dtype="string")
    known = Registers(systems=risk)
    from opsbook.reminders import clocks

    changed = clocks(before.incident, before.settings, known)
    assert len(changed) < len(before.clocks)
    from dataclasses import replace

    assert replace(before, clocks=changed).fingerprint("") != before.fingerprint("")
    assert replace(before, held=False).fingerprint("") != before.fingerprint("")


def test_the_status_page_names_per_incident_and_law_the_next_time(after):
    own = after()
    register = Register(incidents={"X-1": own.incident})
    review = SimpleNamespace(
        register=register, settings=own.settings, registers=Registers(), now=own.at
    )
    shown = plain(duty_pages.reminders(review))
    assert shown.count("X-1") == 2
    assert "a person died" in shown
    assert duty_pages.reminders(SimpleNamespace(**vars(review) | {"register": Register()})) == ""


# Erasing


@pytest.fixture
def company(small_company, tmp_path):
    """A company's folder with one incident and a note; `.text` is the note's name."""
    place = small_company(tmp_path)
    log = Log(Folder(place))
    name = log.keep("Frau Muster called")
    with log.writing(NOTICED.tz_convert("UTC")) as writing:
        writing.append(Draft("incident_opened", "X-1", OPENED))
        writing.append(Draft("noted", "X-1", {"text": name}, "AI Lead"))
    return SimpleNamespace(place=place, log=log, text=name)


def test_a_text_of_an_incident_on_hold_is_not_erased_and_the_reason_is_told(company):
    with pytest.raises(UsageError, match="belongs to X-1, whose evidence is kept until"):
        erase(company.text, company.place, NOW)
    assert company.log.text(company.text) == "Frau Muster called"


def test_it_is_erased_despite_the_hold_when_said_so_and_the_record_tells(company):
    erase(company.text, company.place, NOW, despite_hold=True)
    assert company.log.text(company.text) is None
    last = company.log.events()[-1]
    assert last.payload == {"text": company.text, "despite_hold": ["X-1"]}


def test_it_is_erased_without_more_once_somebody_has_answered_no(company):
    with company.log.writing(NOTICED.tz_convert("UTC")) as writing:
        writing.append(NO_HARM)
    erase(company.text, company.place, NOW)
    assert company.text in fold(company.log.events()).erased
