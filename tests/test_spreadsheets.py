"""register.xlsx: made by the tool, edited in Excel or LibreOffice, read and never written again."""

import datetime as dt
import shutil
import subprocess
import time
import zipfile
from io import BytesIO

import openpyxl
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trial
from hypothesis import strategies as st
from openpyxl.workbook.protection import WorkbookProtection

from opsbook import registerbooks, spreadsheets
from opsbook.errors import UsageError
from opsbook.records import Log
from opsbook.register import fold, fold_draft
from opsbook.reports import QUESTIONS
from opsbook.settings import Settings
from opsbook.steps import acknowledged, declined
from opsbook.store import Folder

NOW = pd.Timestamp("2026-11-23T12:00Z")
NOTICED = dt.datetime(2026, 11, 23, 9, 30)
FINE = ("It promised a refund.", NOTICED, "Support chat", "no", "no", "no", "no", "no")
HEADS = [head for head, _ in spreadsheets.HEADS.values()]


@pytest.fixture(scope="module")
def settings():
    def workflow(name: str, category: str) -> dict:
        known = {"id": name, "name": name.replace("-", " ").capitalize(), "category": category}
        return known | {"owner": "Head", "matches": [f"template:{name}"]}

    hours = {"monday": ["09:00-17:00"]}
    return Settings(
        company={"name": "Example", "zone": "Europe/Berlin", "country": "DE", "hours": hours},
        workflows=[workflow("support-chat", "customer"), workflow("invoices", "internal")],
    )


@pytest.fixture
def path(tmp_path, settings):
    """A company's folder with a new register."""
    (tmp_path / "settings").mkdir()
    registerbooks.make(tmp_path / "register.xlsx", settings)
    return tmp_path / "register.xlsx"


def write(path, *rows, change=lambda sheet: None) -> None:
    """Rows as a person leaves them from row 2 on, in place of what stood there."""
    book = openpyxl.load_workbook(path)
    sheet = book["Reports"]
    for number, row in enumerate(rows, start=2):
        for column in range(1, len(HEADS) + 1):
            sheet.cell(number, column).value = row[column - 1] if column <= len(row) else None
    change(sheet)
    book.save(path)


def put(**cells):
    """A change of single cells: put(B2="soon")."""
    return lambda sheet: [sheet[cell].__setattr__("value", v) for cell, v in cells.items()]


@pytest.fixture
def read(path, settings):
    return lambda: spreadsheets.read(path, settings, NOW)


@pytest.fixture
def enter(path, settings):
    """What one check enters of the register, at a moment."""

    def at(now: pd.Timestamp = NOW) -> spreadsheets.Entered:
        with Log(Folder(path.parent)).writing(now) as writing:
            return spreadsheets.enter(writing, settings)

    return at


def incidents(path):
    return fold(Log(Folder(path.parent)).events()).incidents


def test_a_new_one_has_bold_frozen_heads_choices_and_a_note_on_how_to_use_it(path, read):
    book = openpyxl.load_workbook(path)
    sheet = book["Reports"]
    assert [c.value for c in sheet[1]] == HEADS
    assert all(c.font.bold for c in sheet[1])
    assert sheet.freeze_panes == "A2"
    chosen = {str(v.sqref).split(":")[0]: v for v in sheet.data_validations.dataValidation}
    assert set(chosen) == {"C2", "D2", "E2", "F2", "G2", "H2", "J2"}
    assert [c.value for c in book["Lists"]["C"]][:3] == ["Workflow", "Support chat", "Invoices"]
    assert "Read me" in book.sheetnames
    assert (read().rows, read().problems) == ([], [])


def test_it_is_never_made_over_what_people_wrote(path, settings):
    write(path, FINE)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        registerbooks.make(path, settings)
    assert path.read_bytes() == before


def test_without_a_file_nothing_is_reported_and_nothing_is_wrong(tmp_path, settings):
    assert spreadsheets.read(tmp_path / "register.xlsx", settings, NOW) == spreadsheets.Sheet()


@pytest.mark.parametrize(
    ("said", "answer"),
    [(" YES ", "yes"), ("Ja", "yes"), ("oui", "yes"), ("sí", "yes"), ("x", "yes"), (True, "yes"),
     ("si\u0301", "yes"), ("Nein.", "no"), ("non", "no"), (False, "no"), (0, "no"),
     ("?", "unknown"), ("unbekannt", "unknown"), ("INCONNU", "unknown"), (None, "")],
)  # fmt: skip
def test_an_answer_is_read_in_the_persons_own_language(path, read, said, answer):
    write(path, (*FINE[:3], said))
    found = read()
    assert found.problems == []
    assert found.rows[0].report.seen_by_customer == answer


@pytest.mark.parametrize(
    "noticed",
    [NOTICED, "2026-11-23 09:30", "23.11.2026 9:30", "2026-11-23T08:30Z", 46349.3958333333],
)
def test_a_time_is_read_from_a_date_of_excel_a_text_and_a_bare_number(path, read, noticed):
    write(path, ("x", noticed, "invoices"), change=lambda s: setattr(s["B2"], "number_format", "0"))
    if isinstance(noticed, dt.datetime):
        write(path, ("x", noticed, "invoices"))
    assert read().problems == []
    assert read().rows[0].report.noticed_at == pd.Timestamp("2026-11-23T08:30Z")


def test_heads_are_known_in_any_order_and_case_below_a_title_and_beside_own_columns(path, read):
    def rebuild(sheet):
        sheet.insert_rows(1)
        sheet["A1"] = "Our reports"
        sheet["A2"], sheet["C2"] = "  WORKFLOW ", "what  happened"
        sheet["A3"], sheet["C3"] = "SUPPORT CHAT", "It promised a refund."
        sheet["L2"], sheet["L3"] = "Our own notes", "anything"

    write(path, FINE, change=rebuild)
    found = read()
    assert found.problems == []
    assert found.rows[0].cell == "Reports!C3"
    assert found.rows[0].report.workflow == "support-chat"
    assert found.rows[0].report.what == "It promised a refund."


@pytest.mark.parametrize(
    ("cell", "value", "says"),
    [
        ("D2", "mybe", '"mybe" is not yes, no or unknown'),
        ("A2", None, "What happened is empty"),
        ("B2", None, "Noticed at is empty"),
        ("B2", "yesterday", "'yesterday' is not a time with its date; expected like 2026-11-23"),
        ("B2", dt.datetime(2026, 11, 23), "has no date with its time of day; expected like 2026"),
        ("B2", dt.time(9, 30), "has no date with its time of day"),
        ("B2", 12, "has no date with its time of day"),
        ("B2", dt.datetime(2026, 11, 23, 14), "still to come"),
        ("C2", "Suport chat", "'Suport chat' is no workflow; did you mean support-chat?"),
        ("J2", "urgent", '"urgent" is no class; expected P1, P2, P3 or nothing'),
        ("A2", "=B2&C2", "is a formula; write the value itself"),
        ("D2", "#REF!", "is an error, #REF!"),
        ("D2", "y\x9bes\n" + "x" * 99, '"y es ' + "x" * 55 + '" is not yes'),
    ],
)
def test_a_problem_is_named_by_its_cell_and_the_other_rows_are_read(path, read, cell, value, says):
    write(path, FINE, ("Second", NOTICED, "invoices"), change=put(**{cell: value}))
    found = read()
    assert [p.startswith(f"register.xlsx, Reports!{cell}: ") for p in found.problems] == [True]
    assert says in found.problems[0]
    assert [row.report.what for row in found.rows] == ["Second"]


def test_every_problem_of_a_row_is_named_at_once(path, read):
    write(path, ("", "soon", "payroll", "perhaps"))
    assert [p.split(": ")[0][-2:] for p in read().problems] == ["A2", "B2", "C2", "D2"]


def saved(book) -> bytes:
    content = BytesIO()
    book.save(content)
    return content.getvalue()


def bomb() -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet1.xml", b"\0" * (spreadsheets.MOST_BYTES + 1))
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda fine: b"", "is damaged or no .xlsx"),
        (lambda fine: fine[: len(fine) // 2], "is damaged or no .xlsx"),
        (lambda fine: b"what;when\nx;y\n", "is damaged or no .xlsx"),
        (lambda fine: spreadsheets.OLE + b"\0" * 600, "is password-protected or an old .xls"),
        (lambda fine: bomb(), "unpacks to 50 MB"),
        (lambda fine: saved(openpyxl.Workbook()), "has no sheet Reports; found Sheet"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_problem_and_no_crash(path, read, content, says):
    path.write_bytes(content(path.read_bytes()))
    found = read()
    assert (found.rows, len(found.problems)) == ([], 1)
    assert found.problems[0].startswith("register.xlsx")
    assert says in found.problems[0]


@trial(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(at=st.integers(0, 10_000), by=st.binary(max_size=40))
def test_whatever_bytes_a_file_holds_it_is_read_or_named_and_never_a_crash(path, settings, at, by):
    fine = path.read_bytes()
    broken = path.with_name("broken.xlsx")
    place = at % len(fine)
    broken.write_bytes(fine[:place] + by + fine[place + len(by) :])
    found = spreadsheets.read(broken, settings, NOW)
    assert found.rows == []
    assert all(p.startswith("broken.xlsx") for p in found.problems)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda s: s.merge_cells("A1:B1"), "Reports!A1:B1: heads are merged"),
        (put(B1="When?"), "Reports!A1: the head 'Noticed at' is missing"),
        (put(I1="Workflow"), "Reports!I1: the head 'Workflow' stands twice"),
    ],
)
def test_heads_that_cannot_be_told_stop_the_reading(path, read, change, says):
    write(path, FINE, change=change)
    assert read().rows == []
    assert says in read().problems[0]


def test_merged_cells_below_the_heads_are_named_and_the_rest_is_read(path, read):
    write(path, FINE, change=lambda s: s.merge_cells("A5:B6"))
    assert read().problems == ["register.xlsx, Reports!A5:B6 is merged; unmerge it"]
    assert len(read().rows) == 1


def test_a_sheet_protected_against_changes_is_read(path, read):
    book = openpyxl.load_workbook(path)
    book["Reports"].append(FINE)
    book["Reports"].protection.enable()
    book.security = WorkbookProtection(workbookPassword="x", lockStructure=True)
    book.save(path)
    assert (len(read().rows), read().problems) == (1, [])


# Entering


def test_a_row_is_entered_once_and_the_file_keeps_its_bytes(path, enter):
    write(path, FINE, ("Frau Muster got a wrong bill.", NOTICED, "invoices", "yes", "yes"))
    before = path.read_bytes()
    first = enter()
    assert [e.type for e in first.events] == ["incident_opened"] * 2
    assert [i.priority for i in incidents(path).values()] == ["P3", "P1"]
    assert (enter().events, first.problems) == ([], [])
    assert path.read_bytes() == before
    assert "Muster" not in Log(Folder(path.parent)).content().decode()


def test_sorting_and_deleting_rows_enters_nothing(path, enter):
    one, two, three = [(f"Thing {n}", NOTICED, "invoices") for n in (1, 2, 3)]
    write(path, one, two, three)
    assert len(enter().events) == 3
    write(path, three, one, ())
    assert enter().events == []


@pytest.mark.parametrize(
    "edited",
    [
        ("It promised two refunds.", *FINE[1:]),
        (FINE[0], dt.datetime(2026, 11, 23, 9, 15), *FINE[2:]),
        (FINE[0], NOTICED, "invoices", *FINE[3:]),
        (*FINE, "Called the customer back."),
    ],
    ids=["what", "when", "where", "done"],
)
def test_an_edited_row_becomes_a_note_on_its_incident_once(path, enter, edited):
    write(path, FINE)
    enter()
    write(path, edited)
    assert [(e.type, e.incident) for e in enter().events] == [("noted", "INC-2026-0001")]
    assert enter().events == []
    write(path, FINE)
    assert [e.type for e in enter().events] == ["noted"]


def test_another_report_in_the_place_of_an_old_one_is_another_incident(path, enter):
    write(path, FINE)
    enter()
    write(path, ("It was rude.", dt.datetime(2026, 11, 23, 11), "Support chat"))
    assert [(e.type, e.incident) for e in enter().events] == [("incident_opened", "INC-2026-0002")]


def test_two_rows_that_say_the_same_are_two_incidents_and_stay_two(path, enter):
    write(path, FINE, FINE)
    assert len(enter().events) == 2
    assert enter().events == []


def test_an_edit_that_tells_of_harm_raises_the_class_and_no_edit_lowers_it(path, enter):
    write(path, FINE)
    enter()
    write(path, (*FINE[:3], "yes", "no", "yes", "no", "no"))
    assert [e.type for e in enter().events] == ["noted", "impact_set", "priority_changed"]
    incident = incidents(path)["INC-2026-0001"]
    assert (incident.priority, incident.class_reason) == ("P1", "harm_external")
    assert incident.reason == "reported: false information on safety or law reached a customer"
    assert (incident.external, incident.impact["harm"]) == ("yes", "yes")
    write(path, FINE)
    assert [e.type for e in enter().events] == ["noted"]
    assert incidents(path)["INC-2026-0001"].priority == "P1"


def test_a_graver_edit_of_an_ended_incident_is_noted_and_said(path, enter):
    write(path, FINE)
    enter()
    log = Log(Folder(path.parent))
    with log.writing(NOW) as writing:
        register = fold(writing.events)
        incident = register.incident("INC-2026-0001")
        for step in (acknowledged, lambda i, r: declined(i, r, "a" * 64)):
            draft = step(incident, "AI Lead")
            writing.append(draft)
            fold_draft(register, draft, NOW)
    write(path, (*FINE[:3], "yes", "yes"))
    found = enter()
    assert [e.type for e in found.events] == ["noted"]
    assert "INC-2026-0001 is ended; report it in a new row" in found.problems[0]


def test_an_erased_row_is_not_entered_again_while_it_stands_in_the_file(path, enter):
    write(path, FINE)
    log, opened = Log(Folder(path.parent)), enter().events[0]
    log.erase(opened.payload["text"])
    assert enter().events == []


def test_a_row_with_a_problem_waits_until_it_is_put_right(path, enter):
    write(path, FINE, change=put(D2="mybe"))
    assert enter().events == []
    assert len(enter().problems) == 1
    write(path, FINE)
    assert [e.type for e in enter().events] == ["incident_opened"]


def test_a_row_on_record_stays_known_however_old_it_grows(path, enter):
    write(path, FINE)
    enter()
    assert enter(NOW + pd.Timedelta("400D")) == spreadsheets.Entered()
    write(path, FINE, ("Another", NOTICED, "invoices"))
    assert "is too long ago" in enter(NOW + pd.Timedelta("400D")).problems[0]


def test_a_year_of_rows_is_known_again_within_two_seconds(path, enter):
    start = dt.datetime(2026, 11, 1, 9)
    times = [start + dt.timedelta(minutes=n) for n in range(300)]
    write(path, *((f"Thing at {at}", at, "invoices", *["no"] * 5) for at in times))
    assert len(enter().events) == 300
    begun = time.monotonic()
    assert enter().events == []
    assert time.monotonic() - begun < 2


@pytest.mark.skipif(not shutil.which("soffice"), reason="no LibreOffice on this machine")
def test_it_survives_libreoffice_with_its_rows_and_its_choices(path, settings, tmp_path):
    write(path, (*FINE, "Called back.", "P1", dt.datetime(2026, 11, 22, 18)))
    out = tmp_path / "again"
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", "xlsx", "--outdir", str(out)]
    subprocess.run([*command, str(path)], check=True, capture_output=True, timeout=120)
    again = out / "register.xlsx"
    before, after = (spreadsheets.read(p, settings, NOW) for p in (path, again))
    assert after == before
    assert len(after.rows) == 1
    assert set(QUESTIONS) <= set(vars(after.rows[0].report))
    sheet = openpyxl.load_workbook(again)["Reports"]
    assert len(sheet.data_validations.dataValidation) == 7
