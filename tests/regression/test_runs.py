"""From an empty list to a verdict, by commands; what is approved is what runs are compared with."""

import json

import openpyxl
import pytest

CASES = [
    ("price", "Was kostet der Ring?", "amount: 12,50 EUR (de)", "not-is-refusal", "yes"),
    ("parts", "Welche Teile?", "bullets: 2", "language: de", ""),
    ("fields", "Gib JSON", "is-json", "fields: total", ""),
    ("tone", "Schreib höflich", "address: formal", "not-contains: !", ""),
]
GOOD = {
    "price": "Der Ring kostet 12,50 EUR.",
    "parts": "Diese Teile gehören dazu:\n- der Ring\n- die Mutter",
    "fields": '{"total": 1}',
    "tone": "Bitte rufen Sie uns an.",
}
FENCED = GOOD | {"fields": '```json\n{"total": 1}\n```'}
COLD = FENCED | {"price": "Es tut mir leid, dabei kann ich nicht helfen."}


@pytest.fixture
def company(small_company, tmp_path, opsbook):
    """A company with a filled-in list of its workflow."""
    place = small_company(tmp_path / "data" / "acme")
    name = "chat"
    assert opsbook("regression", "new", name, "--data", place, cwd=tmp_path).returncode == 0
    path = place / "regression" / f"{name}.xlsx"
    book = openpyxl.load_workbook(path)
    sheet = book["Cases"]
    heads = {c.value: c.column for c in sheet[1]}
    for row, (id_, text, one, two, critical) in enumerate(CASES, start=2):
        told = {"id": id_, "workflow": name, "input": text, "check 1": one, "check 2": two}
        for head, value in (told | {"critical": critical, "language": "de"}).items():
            sheet.cell(row, heads[head], value)
    book.save(path)

    def run(*words):
        done = opsbook("regression", *words, "--data", place, "--json", cwd=tmp_path)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    run.name, run.place, run.path = name, place, path
    return run


def answers(place, said, repeats=3):
    path = place / "answers.jsonl"
    rows = [
        {"case": c, "repeat": r, "text": t} for c, t in said.items() for r in range(1, repeats + 1)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return path


def test_a_new_version_is_judged_case_by_case_against_the_approved_run(company):
    name, place = company.name, company.place
    assert company("lint", name) == (0, {"cases": 4, "problems": [], "notices": []})
    code, said = company("score", name, "--answers", answers(place, GOOD), "--run", "old")
    assert (code, said["verdict"]) == (0, "GO")
    assert company("approve", name, "old", "--as", "lead")[0] == 0
    assert company("score", name, "--answers", answers(place, GOOD))[1]["verdict"] == "GO"
    code, said = company("score", name, "--answers", answers(place, FENCED), "--run", "new")
    assert (code, said["verdict"]) == (0, "LOOK")
    lost = next(c for c in said["cases"] if c["id"] == "fields")
    assert (lost["verdict"], lost["passes"], lost["of"]) == ("LOST", 0, 3)
    assert lost["failed_checks"][0]["check"] == "is-json"
    assert "code fence" in lost["failed_checks"][0]["why"]
    assert company("score", name, "--answers", answers(place, COLD))[0] == 1
    code, said = company("compare", name, "old", "new")
    assert [c["verdict"] for c in said["cases"]] == ["SAME", "SAME", "LOST", "SAME"]
    book = openpyxl.load_workbook(place / "regression" / "results" / name / "new.xlsx")
    assert book.sheetnames == ["Summary", "Per case", "Differences", "Review", "Run facts"]
    assert book["Summary"]["B2"].value == "LOOK"


def test_an_approved_run_that_was_changed_is_refused(company):
    name, place = company.name, company.place
    company("score", name, "--answers", answers(place, GOOD), "--run", "old")
    company("approve", name, "old", "--as", "lead")
    kept = place / "regression" / "runs" / name / "old" / "answers.jsonl"
    kept.write_text(kept.read_text("utf-8").replace("12,50", "99,00"), "utf-8")
    code, said = company("score", name, "--answers", answers(place, GOOD))
    assert code == 2
    assert "is not what was approved" in said


def test_a_list_with_a_slip_is_not_run_and_its_cell_is_named(company):
    book = openpyxl.load_workbook(company.path)
    book["Cases"]["D2"] = "amuont: 12,50 EUR"
    book.save(company.path)
    code, said = company("lint", company.name)
    assert (code, said["problems"]) == (
        2, ['Cases!D2: unknown check "amuont": did you mean "amount"?'])  # fmt: skip
    code, said = company("score", company.name, "--answers", answers(company.place, GOOD))
    assert code == 2
    assert "Cases!D2" in said


def test_a_case_without_an_answer_holds_the_update_back(company):
    some = {c: t for c, t in GOOD.items() if c != "tone"}
    code, said = company("score", company.name, "--answers", answers(company.place, some))
    assert (code, said["verdict"], said["cases"][3]["verdict"]) == (1, "HOLD", "MISSING")


def test_two_lists_of_one_workflow_are_an_error(company):
    company.path.with_suffix(".csv").write_text("id,input,check 1\n")
    code, said = company("lint", company.name)
    assert code == 2
    assert "are both lists of" in said


def test_a_run_keeps_its_answers_and_its_name_takes_no_others(company):
    name, place = company.name, company.place
    company("score", name, "--answers", answers(place, GOOD), "--run", "old")
    code, said = company("score", name, "--answers", answers(place, COLD), "--run", "old")
    assert code == 2
    assert "is there already with other answers" in said
    assert company("score", name, "--answers", answers(place, GOOD), "--run", "../x")[0] == 2
