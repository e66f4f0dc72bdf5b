"""Lists as people keep them: what is read, what is named by its cell, what is never touched."""

import json
import shutil
import subprocess

import openpyxl
import pytest

from opsbook import answers, listbooks, lists
from opsbook.errors import UsageError
from opsbook.regression.cases import Answer, Case
from opsbook.regression.grammar import KINDS
from opsbook.regression.verdicts import compared

CASES = [
    Case("a", "mail", "Wo ist 00123?\nBitte um 1,5", (("", 'contains-all: "1.234,56", EUR'),
         ("", "bullets: 3-5"), ("", "field total = 1234,56 ± 0,01")), critical=True, language="de"),
    Case("b", "mail", "=1+1", (("", "not-is-refusal"), ("", "+49 40")), repeats=5, must_pass=4,
         note="1/2", enabled=False, variables={"order": "3-4"}),
]  # fmt: skip


def told(case):
    checks = tuple(text for _, text in case.checks)
    return (case.id, case.workflow, case.input, checks, dict(case.variables), case.critical,
            case.repeats, case.must_pass, case.language, case.note, case.enabled)  # fmt: skip


def sheet(path, rows, title="Cases"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


HEAD = ["id", "workflow", "input", "check 1", "check 2", "critical", "repeats"]


def test_a_list_is_read_back_as_it_was_written(tmp_path):
    listbooks.make(tmp_path / "mail.xlsx", [("mail",)], CASES)
    found = lists.read(tmp_path / "mail.xlsx")
    assert [told(c) for c in found.cases] == [told(c) for c in CASES]
    assert found.problems == ()


def test_a_list_saved_again_by_openpyxl_keeps_its_checks_and_choices(tmp_path):
    path = tmp_path / "mail.xlsx"
    listbooks.make(path, [("mail",)], CASES)
    book = openpyxl.load_workbook(path)
    book.save(path)
    assert [told(c) for c in lists.read(path).cases] == [told(c) for c in CASES]
    again = openpyxl.load_workbook(path)
    chosen = {v.formula1.strip("=") for v in again["Cases"].data_validations.dataValidation}
    assert chosen == {"CheckExamples", "WorkflowNames", "YesNo"} == set(again.defined_names)


@pytest.mark.skipif(not shutil.which("soffice"), reason="LibreOffice is not installed")
@pytest.mark.xdist_group("soffice")
def test_a_list_saved_by_libreoffice_keeps_its_checks(tmp_path):
    every = [Case(k.name.replace(" ", "-"), "mail", "in", (("", k.example), ("", "contains: 1")))
             for k in KINDS.values()]  # fmt: skip
    listbooks.make(tmp_path / "mail.xlsx", [("mail",)], [*CASES, *every])
    out = tmp_path / "out"
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    subprocess.run(["soffice", profile, "--headless", "--convert-to", "xlsx", "--outdir", str(out),
                    str(tmp_path / "mail.xlsx")], check=True, capture_output=True)  # fmt: skip
    found = lists.read(out / "mail.xlsx")
    assert [told(c) for c in found.cases] == [told(c) for c in [*CASES, *every]]
    assert found.problems == ()


def test_the_persons_file_is_never_written(tmp_path):
    path = sheet(tmp_path / "mail.xlsx", [HEAD, ["a", "mail", "in", "contains: x"]])
    before = path.read_bytes()
    found = lists.read(path)
    verdict = compared(found.cases, {"a": [Answer("a", text="x")]})
    listbooks.results(tmp_path / "r.xlsx", verdict, found.cases, {}, {}, (), ())
    assert path.read_bytes() == before
    with pytest.raises(UsageError, match="people write in it"):
        listbooks.make(path, [])


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (["a", "mail", "in", "contians: x"], 'Cases!D2: unknown check "contians"'),
        (["a", "mail", "in"], "Cases!A2: case a has no check"),
        (["a", "mail", "", "contains: x"], "Cases!C2: the input is empty"),
        (["", "mail", "in", "contains: x"], "Cases!A2: the id is empty"),
        (["a", "mail", "=1+1", "contains: x"], "Cases!C2: holds a formula"),
        (["a", "mail", "in", "contains: x", "", "perhaps"], "Cases!F2: \"perhaps\" is neither yes"),
        (["a", "mail", "in", "contains: x", "", "", "many"], "Cases!G2: \"many\" is no count"),
    ],
)  # fmt: skip
def test_each_problem_is_named_by_its_cell(tmp_path, row, says):
    found = lists.read(sheet(tmp_path / "mail.xlsx", [HEAD, row]))
    assert any(p.startswith(says) for p in found.problems), found.problems


def test_an_id_that_stands_twice_is_an_error_that_names_both(tmp_path):
    rows = [HEAD, ["a", "mail", "in", "contains: x"], ["A", "mail", "in", "contains: y"]]
    found = lists.read(sheet(tmp_path / "mail.xlsx", rows))
    assert found.problems == ("Cases!A3: id A stands at Cases!A2 too; give it another.",)


def test_german_heads_and_a_renamed_sheet_are_read(tmp_path):
    rows = [
        ["Kennung", "Ablauf", "Eingabe", "Prüfung 1", "Kritisch"],
        ["a", "mail", "in", "contains: x", "ja"],
    ]
    case = lists.read(sheet(tmp_path / "mail.xlsx", rows, "Fälle")).cases[0]
    assert (case.id, case.checks[0][1], case.critical) == ("a", "contains: x", True)


@pytest.mark.parametrize(
    ("encoding", "sign"), [("utf-8-sig", ";"), ("cp1252", ";"), ("utf-8", ","), ("utf-8", "\t")]
)
def test_a_csv_in_any_of_excels_styles_is_read(tmp_path, encoding, sign):
    path = tmp_path / "mail.csv"
    rows = (["id", "input", "check 1"], ["a", "Grüße", '"contains: ü"'])
    path.write_bytes("\r\n".join(sign.join(row) for row in rows).encode(encoding))
    assert told(lists.read(path, "mail").cases[0])[:4] == ("a", "mail", "Grüße", ("contains: ü",))


def test_an_answer_that_excel_spread_over_rows_is_joined(tmp_path):
    path = sheet(tmp_path / "mail.xlsx", [HEAD, ["a", "mail", "in", "lines: 2"]])
    book = openpyxl.load_workbook(path)
    out = book.create_sheet("Antworten")
    for row in (["id", "answer"], ["a", "one_x000D_\n"], [None, "two"]):
        out.append(row)
    book.save(path)
    assert [a.text.split() for a in lists.read(path).outputs.answers] == [["one", "two"]]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.xlsx", b"not a workbook", "is damaged or no .xlsx"),
        ("a.xlsx", bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 600, "password-protected"),
        ("a.xlsm", b"x", "may hold macros"),
        ("a.csv", b"no;heads\n1;2\n", "no row of heads"),
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_with_what_to_do(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=says):
        lists.read(tmp_path / name)


def test_a_file_that_is_open_in_excel_is_read_with_a_notice(tmp_path):
    path = sheet(tmp_path / "mail.xlsx", [HEAD, ["a", "mail", "in", "contains: x"]])
    (tmp_path / "~$mail.xlsx").write_bytes(b"")
    assert "not saved is not seen" in lists.read(path).notices[0]


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "+1", "-1", "@x", "a\x07b", "x" * 40_000])
def test_an_answer_stays_text_in_the_results(tmp_path, text):
    case = Case("a", "mail", "in", (("E2", "contains: x"),))
    now = {"a": [Answer("a", text=text)]}
    verdict = compared([case], now, now)
    listbooks.results(tmp_path / "r.xlsx", verdict, [case], now, now, (), ())
    cell = openpyxl.load_workbook(tmp_path / "r.xlsx")["Per case"]["G2"]
    assert cell.data_type == "s"
    assert cell.value.startswith(text[:1])


def test_an_answer_that_no_cell_holds_lies_in_a_file_that_the_cell_links(tmp_path):
    long = "=1+1\n" + "wörter " * 6_000
    case = Case("a/../b", "mail", "in", (("E2", "contains: x"),))
    now = {case.id: [Answer(case.id, text=long)]}
    verdict = compared([case], now, {case.id: [Answer(case.id, text="x")]})
    listbooks.results(tmp_path / "r.xlsx", verdict, [case], now, {}, (), ())
    cell = openpyxl.load_workbook(tmp_path / "r.xlsx")["Per case"]["G2"]
    assert (tmp_path / cell.hyperlink.target).read_text("utf-8") == long
    assert (tmp_path / cell.hyperlink.target).parent == tmp_path / "r"
    assert f"{len(long):,} characters, whole in" in cell.value


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("out.jsonl", '{"case": "a", "text": "one", "latency_ms": 12}\n'
         '{"id": "a", "output": "two"}\n'),
        ("out.csv", "id;answer;latency_ms\na;one;12\na;two;\n"),
        ("out.json", json.dumps({"results": {"results": [
            {"testCase": {"description": "a"}, "response": {"output": "one"}, "latencyMs": 12},
            {"testCase": {"metadata": {"id": "a"}}, "response": {"output": "two"}}]}})),
    ],
)  # fmt: skip
def test_answers_come_in_as_json_lines_csv_and_promptfoos_results(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    found = answers.read(tmp_path / name)
    assert [(a.case, a.repeat, a.text, a.latency_ms) for a in found] == [
        ("a", 1, "one", 12.0),
        ("a", 2, "two", None),
    ]


def test_answers_come_in_as_a_folder_of_texts(tmp_path):
    (tmp_path / "a.txt").write_text("one")
    (tmp_path / "a.r2.md").write_text("two")
    found = {(a.case, a.repeat): a.text for a in answers.read(tmp_path)}
    assert found == {("a", 1): "one", ("a", 2): "two"}


@pytest.mark.parametrize(
    ("content", "says"),
    [("{broken", "line 1: is no JSON"), ("[1]", "line 1: holds no object"),
     ('{"text": "x"}', "names no case"),
     ('{"case": "a", "latency_ms": "fast"}', "latency_ms .* is no number")],
)  # fmt: skip
def test_a_bad_line_of_answers_is_named(tmp_path, content, says):
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(UsageError, match=says):
        answers.read(tmp_path / "a.jsonl")
