"""The sheets of register.xlsx beside the reports: read by cell, noted when a row changes."""

import datetime as dt
import json
import shutil
import subprocess

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from opsbook import registerbooks, spreadsheets
from opsbook.__main__ import app
from opsbook.errors import UsageError
from opsbook.records import Log
from opsbook.register import fold
from opsbook.registers import GERMAN, SHEETS, changes
from opsbook.settings import Settings
from opsbook.store import Folder, load_settings

NOW = pd.Timestamp("2026-11-23T12:00Z")
DAY = dt.datetime(2026, 11, 2)
CONTRACT = {"Id": "C-1", "Vendor": "OpenAI", "What": "API, pay as you go", "Owner": "AI Lead"}
NOTICE = {
    "Id": "N-1", "Vendor": "OpenAI", "Kind": "model", "What changes": "A new snapshot",
    "Announced": DAY,
}  # fmt: skip


@pytest.fixture(scope="module")
def settings():
    def workflow(name: str) -> dict:
        known = {"id": name, "name": name.replace("-", " ").capitalize(), "category": "internal"}
        return known | {"owner": "Head of support", "matches": [f"template:{name}"]}

    hours = {"monday": ["09:00-17:00"]}
    return Settings(
        company={"name": "Example", "zone": "Europe/Vienna", "country": "AT", "hours": hours,
                 "locale": "de_AT"},
        workflows=[workflow("support-chat"), workflow("invoices")],
    )  # fmt: skip


@pytest.fixture
def path(tmp_path):
    """A company's folder; what a person saves lands in its register.xlsx."""
    (tmp_path / "settings").mkdir()
    return tmp_path / "register.xlsx"


def save(path, change=lambda book: None, **sheets) -> None:
    """A register as a person leaves it: per sheet, rows by head; every head stands there."""
    book = openpyxl.Workbook()
    book.active.title = "Reports"
    book.active.append([head for head, _ in spreadsheets.HEADS.values()])
    for name, sheet in SHEETS.items():
        page = book.create_sheet(sheet.title)
        heads = [f.head for f in sheet.fields.values()]
        page.append(heads)
        for row in sheets.get(name, ()):
            page.append([row.get(h) for h in heads])
    change(book)
    book.save(path)


@pytest.fixture
def read(path, settings):
    return lambda: spreadsheets.read_sheets(path, settings)


@pytest.fixture
def enter(path, settings):
    def at(now: pd.Timestamp = NOW) -> list:
        with Log(Folder(path.parent)).writing(now) as writing:
            return spreadsheets.enter(writing, settings).events

    return at


def rows(held, name: str) -> list[dict]:
    frame = held.rows[name][0]
    return [{k: v for k, v in r.items() if pd.notna(v)} for r in frame.to_dict("records")]


def test_a_row_is_read_with_its_kinds_whatever_people_write(path, read):
    told = CONTRACT | {
        "Id": "c-1", "From": "1.3.2026", "Until": 46082, "Notice, months": "1,5",
        "Price a year": "€ 1.234,50", "Trains on our data": "Nein", "Owner": "ai lead",
    }  # fmt: skip
    save(path, contracts=[told], notices=[NOTICE | {"Workflows": "Support chat; INVOICES"}])
    held = read()
    assert (held.problems, held.notices) == ([], [])
    assert rows(held, "contracts") == [
        {"id": "C-1", "vendor": "OpenAI", "what": "API, pay as you go", "owner": "AI Lead",
         "starts_on": pd.Timestamp("2026-03-01"), "ends_on": pd.Timestamp("2026-03-01"),
         "notice_months": 1.5, "price_year": 1234.5, "trains_on_data": "no",
         "cell": "Contracts!A2"},
    ]  # fmt: skip
    assert rows(held, "notices")[0]["workflows"] == "support-chat, invoices"


@pytest.mark.parametrize(
    ("sheet", "change", "cell", "says"),
    [
        ("notices", {"Workflows": "invoice"}, "Notices!I2", "no workflow; did you mean invoices?"),
        ("notices", {"Kind": "modell"}, "Notices!C2", "did you mean model?"),
        ("notices", {"Announced": "soon"}, "Notices!G2", '"soon" is no day; expected like 2026'),
        ("notices", {"Announced": "31.2.2026"}, "Notices!G2", "is no day that exists"),
        ("notices", {"Announced": dt.datetime(1926, 1, 1)}, "Notices!G2", "correct the year"),
        ("notices", {"Announced": None}, "Notices!G2", "Announced is empty"),
        ("notices", {"Id": "Muster"}, "Notices!A2", "is no id; expected letters and a number"),
        ("notices", {"Decided": dt.datetime(2026, 11, 1)}, "Notices!K2", "Decided lies before"),
        ("contracts", {"Price a year": "=1+1"}, "Contracts!H2", "is a formula; write the value"),
        ("contracts", {"Vendor": "#REF!"}, "Contracts!B2", "is an error, #REF!"),
        ("contracts", {"Notice, months": "three"}, "Contracts!F2", "is no number; expected like"),
        ("contracts", {"Notice, months": -3}, "Contracts!F2", "is no number from zero up"),
        ("contracts", {"Trains on our data": "mybe"}, "Contracts!M2", "not yes, no or unknown"),
        ("contracts", {"From": DAY, "Until": dt.datetime(2026, 11, 1)}, "Contracts!E2",
         "Until lies before From; correct one of the two days"),
    ],
)  # fmt: skip
def test_a_problem_is_named_by_its_cell_and_only_its_row_waits(
    path, read, sheet, change, cell, says
):
    fine = {"notices": NOTICE, "contracts": CONTRACT}[sheet]
    save(path, **{sheet: [fine | change, fine | {"Id": "X-2"}]})
    held = read()
    assert [p.startswith(f"register.xlsx, {cell}: ") for p in held.problems] == [True]
    assert says in held.problems[0]
    assert [r["id"] for r in rows(held, sheet)] == ["X-2"]


@pytest.mark.parametrize("owner", ["Maria Muster", "maria.muster@example.org", "M. M."])
def test_a_persons_name_is_refused_as_an_owner_with_the_reason_and_not_repeated(path, read, owner):
    save(path, contracts=[CONTRACT | {"Owner": owner}])
    (problem,) = read().problems
    assert "Contracts!N2: this is no role of the company. Roles stand here" in problem
    assert "because rows go on record; expected one of: AI Lead, Founder or CEO" in problem
    assert owner not in problem


def test_a_near_role_is_suggested(path, read):
    save(path, contracts=[CONTRACT | {"Owner": "Head of suport"}])
    assert read().problems[0].endswith("did you mean Head of support?")


def test_a_doubled_key_names_both_cells_and_the_first_row_is_read(path, read):
    save(path, contracts=[CONTRACT, CONTRACT | {"Id": "c-1", "Vendor": "Other"}])
    held = read()
    assert held.problems == [
        "register.xlsx, Contracts!A3: the same Id stands at Contracts!A2 too; one row each"
    ]
    assert [r["vendor"] for r in rows(held, "contracts")] == ["OpenAI"]


def test_a_sheet_that_is_missing_or_renamed_is_a_notice_and_the_others_are_read(path, read):
    def older(book):
        book["Contracts"].title = "Old contracts"
        del book["Value"]

    save(path, change=older, contracts=[CONTRACT], notices=[NOTICE])
    held = read()
    assert held.problems == []
    assert held.notices == ["register.xlsx has no sheet Contracts, Value: nothing is read there"]
    assert len(rows(held, "notices")) == 1


def test_sheets_and_heads_are_known_in_german_below_a_title(path, read):
    def german(book):
        page = book["Contracts"]
        for cell in page[1]:
            cell.value = GERMAN.get(cell.value, cell.value)
        page.insert_rows(1)
        page["A1"] = "Unsere Verträge"
        page.title = "Verträge"

    save(path, change=german, contracts=[CONTRACT])
    assert [r["cell"] for r in rows(read(), "contracts")] == ["Verträge!A3"]


def test_heads_that_are_merged_or_missing_stop_their_sheet_alone(path, read):
    def spoil(book):
        book["Contracts"].merge_cells("A1:B1")
        book["Notices"]["A1"] = "Number"
        book["Actions"]["H1"] = "Remarks"

    save(path, change=spoil, contracts=[CONTRACT], hours=[{"Day": DAY, "On what": "ai lead",
                                                           "Hours": 2}])  # fmt: skip
    held = read()
    assert held.problems == [
        "register.xlsx, Notices!A1: the head 'Id' is missing; put it back",
        "register.xlsx, Contracts!A1:B1: heads are merged; unmerge them",
    ]
    assert held.notices == ["register.xlsx, Actions!A1: no head Note; nothing is read for it"]
    assert rows(held, "hours")[0]["hours"] == 2


def test_a_file_that_is_open_in_excel_is_read_with_a_notice(path, read):
    save(path, contracts=[CONTRACT])
    path.with_name("~$register.xlsx").touch()
    assert "is open in a spreadsheet program" in read().notices[0]
    assert len(rows(read(), "contracts")) == 1


def test_a_file_with_the_date_system_of_1904_gives_the_same_days(path, read):
    def mac(book):
        book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904

    save(path, change=mac, contracts=[CONTRACT | {"From": DAY, "Until": 44866}])
    (row,) = rows(read(), "contracts")
    assert (row["starts_on"], row["ends_on"]) == (pd.Timestamp(DAY), pd.Timestamp("2026-11-02"))


# Noting


def test_each_row_is_noted_when_it_is_new_changed_or_gone_and_only_then(path, enter):
    log = Log(Folder(path.parent))
    save(path, contracts=[CONTRACT, CONTRACT | {"Id": "C-2"}])
    assert [e.payload["what"] for e in enter()] == ["new", "new"]
    assert enter() == []
    save(path, contracts=[CONTRACT | {"Id": "C-2"}, CONTRACT])
    assert enter() == []
    later = NOW + pd.Timedelta("1D")
    save(path, contracts=[CONTRACT | {"What": "API and chat", "From": DAY}])
    assert [(e.payload["key"], e.payload["what"]) for e in enter(later)] == [
        ("C-1", "changed"), ("C-2", "gone"),
    ]  # fmt: skip
    found = changes(fold(log.events()), log.text)
    assert found.values.tolist() == [
        ["contracts", "C-1", "What: API, pay as you go to API and chat; From: empty to 2026-11-02",
         later],
        ["contracts", "C-2", "gone", later],
        ["contracts", "C-1", "new", NOW],
        ["contracts", "C-2", "new", NOW],
    ]  # fmt: skip


def test_a_row_that_comes_back_is_new_again(path, enter):
    for held in ([CONTRACT], [], [CONTRACT]):
        save(path, contracts=held)
        (event,) = enter()
    assert event.payload["what"] == "new"


def test_the_chain_holds_no_word_that_people_wrote(path, enter):
    topic = {"Role": "AI Lead", "Topic": "Talk by Maria Muster", "Held": DAY}
    save(path, contracts=[CONTRACT | {"Note": "Ask Herr Muster"}],
         training=[topic, topic | {"Topic": "Art. 4 for Muster"}])  # fmt: skip
    events = enter()
    assert "Muster" not in Log(Folder(path.parent)).content().decode()
    assert [e.payload["key"] for e in events[1:]] == [
        "AI Lead / 2026-11-02 (1)", "AI Lead / 2026-11-02 (2)",
    ]  # fmt: skip
    assert enter() == []


def test_while_a_row_waits_no_row_of_its_sheet_is_gone(path, enter):
    save(path, contracts=[CONTRACT, CONTRACT | {"Id": "C-2"}])
    enter()
    save(path, contracts=[CONTRACT | {"Owner": "Somebody"}])
    assert enter() == []
    save(path, change=lambda book: book.remove(book["Contracts"]))
    assert enter() == []
    save(path, contracts=[CONTRACT])
    assert [e.payload["what"] for e in enter()] == ["gone"]


def test_a_row_whose_text_was_erased_is_not_kept_again_while_it_stands(path, enter):
    save(path, contracts=[CONTRACT])
    log = Log(Folder(path.parent))
    log.erase(enter()[0].payload["text"])
    assert enter() == []
    assert changes(fold(log.events()), log.text).what.tolist() == ["new"]


def test_the_file_keeps_its_bytes_and_hostile_text_stays_text(path, enter, read):
    evil = '<script>alert(1)</script> {{< env KEY >}} =HYPERLINK("x")'
    save(path, contracts=[CONTRACT | {"Note": evil}])
    before = path.read_bytes()
    (event,) = enter()
    assert path.read_bytes() == before
    kept = Log(Folder(path.parent)).text(event.payload["text"])
    assert json.loads(kept)["note"] == evil == rows(read(), "contracts")[0]["note"]


# The workbook that the tool makes


@pytest.fixture
def made(path, settings):
    registerbooks.make(path, settings)
    return openpyxl.load_workbook(path)


def rules(book) -> dict[str, dict[str, str]]:
    """Per sheet, the list that each column offers."""
    return {
        page.title: {
            str(v.sqref).split(":")[0][:-1]: v.formula1.lstrip("=")
            for v in page.data_validations.dataValidation
            if v.type == "list"
        }
        for page in book.worksheets
    }


def test_a_new_one_has_every_sheet_with_bold_frozen_heads_and_a_hidden_sheet_of_lists(made):
    titles = [s.title for s in SHEETS.values()]
    assert made.sheetnames == ["Reports", "Read me", *titles, "Lists"]
    assert made["Lists"].sheet_state == "hidden"
    for sheet in SHEETS.values():
        page = made[sheet.title]
        assert [c.value for c in page[1]] == [f.head for f in sheet.fields.values()]
        assert all(c.font.bold for c in page[1])
        assert page.freeze_panes == "B2"


def test_its_lists_are_named_ranges_that_hold_what_may_be_chosen(made):
    offered = rules(made)
    named = {n: d.attr_text for n, d in made.defined_names.items()}
    for sheet in SHEETS.values():
        listed = [f for f in sheet.fields.values() if f.values or f.kind in ("role", "workflow")]
        assert len(offered[sheet.title]) >= len(listed)
    assert {n for of in offered.values() for n in of.values()} == set(named)
    cells = made["Lists"][named["Roles"].split("!")[1].replace("$", "")]
    roles = [cell.value for (cell,) in cells]
    assert roles == ["AI Lead", "Founder or CEO", "Deputy", "Operations", "Head of support"]


def test_it_says_of_a_column_what_belongs_there_and_days_have_the_format_of_a_day(made):
    page = made["Contracts"]
    said = {str(v.sqref).split(":")[0]: v.prompt for v in page.data_validations.dataValidation}
    assert said["A2"] == "short and for good, like C-1; needed"
    assert said["E2"] == "empty: runs on"
    assert page.column_dimensions["D"].number_format == "yyyy-mm-dd"


def test_it_is_read_without_a_problem_and_never_made_over_what_people_wrote(path, settings, made):
    assert made.sheetnames[0] == "Reports"
    held = spreadsheets.read_sheets(path, settings)
    assert (held.problems, held.notices) == ([], [])
    assert all(whole and frame.empty for frame, whole in held.rows.values())
    before = path.read_bytes()
    with pytest.raises(UsageError, match="is there already"):
        registerbooks.make(path, settings)
    assert path.read_bytes() == before


@pytest.mark.skipif(not shutil.which("soffice"), reason="no LibreOffice on this machine")
def test_it_survives_libreoffice_with_its_rows_and_every_list_over_all_its_rows(
    tmp_path, path, settings
):
    row = {"id": "C-1", "vendor": "OpenAI", "what": "API", "owner": "AI Lead", "ends_on": DAY}
    registerbooks.make(path, settings, {"contracts": [row]})
    out, profile = tmp_path / "again", f"-env:UserInstallation=file://{tmp_path}/profile"
    command = ["soffice", profile, "--headless", "--convert-to", "xlsx", "--outdir", str(out)]
    subprocess.run([*command, str(path)], check=True, capture_output=True, timeout=120)
    again = out / "register.xlsx"
    assert rows(spreadsheets.read_sheets(again, settings), "contracts") == rows(
        spreadsheets.read_sheets(path, settings), "contracts"
    )
    books = [openpyxl.load_workbook(p) for p in (path, again)]
    assert rules(books[1]) == rules(books[0])
    ranges = [{n: d.attr_text for n, d in b.defined_names.items()} for b in books]
    assert ranges[1] == ranges[0]
    ends = [
        sorted(str(v.sqref) for v in p.data_validations.dataValidation if v.type == "list")
        for p in (b["Contracts"] for b in books)
    ]
    assert ends[1] == ends[0]


# The commands


@pytest.fixture
def run(small_company, tmp_path):
    company = small_company(tmp_path / "data" / "x")
    call = CliRunner().invoke
    return lambda *words: call(app, ["register", *words, "--data", str(company)])


def test_new_lint_and_list_make_it_look_it_over_and_print_a_sheet(run, tmp_path):
    assert "make it with: opsbook register new" in str(run("lint").exception)
    place = json.loads(run("new", "--json").stdout)["path"]
    assert run("lint").stdout.endswith("0 rows, all good.\n")
    book = openpyxl.load_workbook(place)
    for column, value in zip("ABCGI", ("N-1", "OpenAI", "model", DAY, "Murtal"), strict=True):
        book["Notices"][f"{column}2"] = value
    book["Actions"].append(["T-1", "Ask", "AI Lead", DAY])
    book.save(place)
    done = run("lint", "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 2
    assert said["rows"]["actions"] == 1
    assert said["problems"] == [
        "register.xlsx, Notices!D2: What changes is empty",
        "register.xlsx, Notices!I2: 'Murtal' is no workflow; expected one of: chat",
    ]
    (row,) = json.loads(run("list", "Actions", "--json").stdout)["rows"]
    assert (row["id"], row["due_on"], row["workflow"]) == ("T-1", "2026-11-02", None)
    assert "is no sheet; expected one of notices" in str(run("list", "payroll").exception)


def test_the_demos_register_is_read_without_a_problem_and_its_rows_are_on_record():
    demo = Folder.at("data/demo")
    log = Log(demo)
    held = spreadsheets.registers(demo, load_settings(demo), fold(log.events()), log.text)
    assert (held.problems, held.absent) == ((), ())
    assert all(len(held.frame(name)) for name in SHEETS)
    new = held.changes[held.changes.what == "new"]
    assert new.groupby("sheet").size().to_dict() == {n: len(held.frame(n)) for n in SHEETS}
    (said,) = held.changes[held.changes.what != "new"].what
    assert said.startswith("Overruled because: empty to The vendor moved the name by itself")
