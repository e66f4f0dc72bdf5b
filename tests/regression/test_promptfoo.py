"""Lists in promptfoo's columns, both ways, and every check that bears its name beside promptfoo.

What promptfoo says is recorded in files/promptfoo.json, with its version. The test that is marked
`promptfoo` asks an installed one instead: OPSBOOK_PROMPTFOO=<its program> pytest -m promptfoo. With
this file run as a program it is recorded anew.
"""

import base64
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from opsbook import lists, runs
from opsbook.errors import UsageError
from opsbook.regression import promptfoo
from opsbook.regression.cases import Answer, Case
from opsbook.regression.grammar import KINDS, checked, understood

RECORDED = Path(__file__).parent / "files" / "promptfoo.json"
PROGRAM = os.environ.get("OPSBOOK_PROMPTFOO", "")
JSON = '{"total": "12.50", "lines": [{"sku": "A"}]}'
FENCED = f"```json\n{JSON}\n```"
SCHEMA = '{"type": "object", "required": ["total"]}'
DECLINED = "I'm sorry, but I can't assist with that."
LISTED = "# Plan\n\n- one\n- two\n* three\n\nDone."

DRAWN = {
    "contains: EUR": ["12 EUR", "12 eur", ""],
    "not-contains: EUR": ["12 EUR", "12 USD"],
    'contains: ","': ["a, b", "a b", 'a "," b'],
    "contains: {{net}} {% if %}": ["so {{net}} {% if %}", "net"],
    "icontains: Größe": ["die GRÖSSE", "die größe", "GRÖßE", "Masse"],
    'contains-any: "1.234,56", "say ""so"""': ["1.234,56 EUR", '"so"', 'say "so"', "1.234"],
    "contains-all: a\\b, c": ["a\\b c", "ab c", "a\\b"],
    "not-contains-all: a, b": ["a b", "a", "c"],
    "not-contains-any: refund, return": ["no refund", "shipped"],
    "icontains-any: Refund, Return": ["no REFUND", "shipped"],
    "icontains-all: Order, Delivery": ["order and delivery", "order"],
    "equals: Rechnung": ["Rechnung", "Rechnung ", "rechnung", "Die Rechnung"],
    "not-equals: Rechnung": ["Rechnung", "Gutschrift"],
    "nothing found": ["nothing found", "Nothing found"],
    "starts-with: Dear": ["Dear Ms", "dear Ms", " Dear"],
    r"regex: ^\d{3}$": ["123", "123\n", "1234"],
    r"regex: [$]\d+|\$x": ["$12", "$x", "12"],
    r"not-regex: \d": ["none", "1"],
    "is-json": [JSON, FENCED, f"Here: {JSON}", "12", '{"a": NaN}', "{'a': 1}", ' {"a": 1}\n', ""],
    f"is-json: {SCHEMA}": [JSON, '{"net": 1}', "[1]", "no"],
    f"not-is-json: {SCHEMA}": [JSON, '{"net": 1}', "no"],
    "contains-json": [JSON, FENCED, "none", "see [1, 2]", '[{"a": 1}]'],
    f"contains-json: {SCHEMA}": [FENCED, 'x {"net": 1}', '{"net": 1} and {"total": 1}', "none"],
    f"not-contains-json: {SCHEMA}": [FENCED, 'x {"net": 1}', "none"],
    "levenshtein(2): Rechnung": ["Rechnungen", "Rechnungsnr", "Rechnung"],
    "levenshtein: Rechnung": ["Rechnungsnr", "Rechnungsnummer"],
    "rouge-n(0.75): order shipped today": [
        "Order shipped today", "order shipped", "today, the order was shipped to you", "nothing",
    ],
    "rouge-n(0,6): the the order isn't shipped.": [
        "the order isn't shipped", "The the order is not shipped.", "the order",
    ],
    "word-count: 4": ["one two three four", "a b  c\nd", "one, two"],
    "word-count: 2-3": ["one", "one two", "a b c", "a b c d"],
    "not-word-count: 2": ["a b", "a"],
    "latency(5000)": ["quick"],
    "latency(0,001)": ["quick"],
    "cost(0.01)": ["cheap"],
    "not-cost(0,01)": ["cheap"],
    "cost(0.0001)": ["cheap"],
    "finish-reason: stop": ["done"],
    "finish-reason: length": ["done"],
    "not-finish-reason: length": ["done"],
    "is-refusal": [DECLINED, "I cannot provide that.", "Shipped today.", ""],
    "not-is-refusal": [DECLINED, "Shipped today."],
    # Ours, as a line of JavaScript.
    "one-of: Rechnung, Gutschrift": ["Rechnung\n", "Gutschrift", "Rechnungen"],
    "ends-with: regards": ["Kind regards\n", "regards, A"],
    "not-has-word: cheap, Öl": ["cheaper", "so CHEAP!", "das Öl", "Ölfass"],
    "bullets: 3": [LISTED, "- a\n- b", "```\n- a\n- b\n- c\n```"],
    "not-bullets: >= 3": [LISTED, "- a"],
    "numbered: 2": ["1. a\n2) b", "1. a"],
    "headings: 1": [LISTED, "none"],
    "paragraphs: 3": [LISTED, "one\n\ntwo"],
    "lines: <= 2": ["a\n\nb", "a\nb\nc"],
    "words: 3-4": ["it's a well-known Größe", "one", "1 2 3 4 5"],
    "chars: <= 3": ["äöü", "😀😀😀", "four"],
    "no-fences": [FENCED, JSON],
    "placeholders: >= 2": ["[Name] [Date]", "[a](b) [c]"],
    "highlights: >= 2": ["*a* and **b**", "*a*"],
    "no-leftovers": ["Dear [Name]", "As an AI, no", "{{var}}", "Dear Anna"],
    "is-json: one fence ok": [JSON, FENCED, f"{FENCED}\n{FENCED}", "no"],
    "fields: total, lines[].sku": [JSON, FENCED, '{"total": 1}', '{"total": 1, "lines": []}', "no"],
}  # fmt: skip
"""Checks as typed, and answers that hold and that do not."""
COST, FINISH = 0.005, "stop"


def rows():
    return [(typed, text) for typed, texts in DRAWN.items() for text in texts]


def ours(typed, text):
    case = Case("a", "w", "", (("E2", typed),))
    answer = Answer("a", 1, text, latency_ms=50.0, cost=COST, finish_reason=FINISH)
    return checked([understood(typed)], answer, case)[0].state == "pass"


PROVIDER = """export default class {
  id() { return 'told'; }
  async callApi(prompt, context) {
    const output = Buffer.from(context.vars.answer, 'base64').toString('utf-8');
    await new Promise((r) => setTimeout(r, 5));
    return { output, cost: %s, finishReason: '%s' };
  }
}
"""


def asked(folder, program):
    """What promptfoo says of every row: the CSV that we export, read and judged by itself."""
    with (folder / "tests.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["answer", "__expected1"])
        for typed, text in rows():
            sent = promptfoo.exported(understood(typed))
            writer.writerow([base64.b64encode(text.encode()).decode() or " ", sent])
    (folder / "provider.mjs").write_text(PROVIDER % (COST, FINISH), "utf-8")
    config = {"prompts": ["{{answer}}"], "providers": ["file://provider.mjs"],
              "tests": "file://tests.csv"}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    quiet = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1",
             "PROMPTFOO_CONFIG_DIR": str(folder / "own"), "PROMPTFOO_DISABLE_SHARING": "1",
             "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1"}  # fmt: skip
    subprocess.run(
        [program, "eval", "-c", "config.json", "-o", "out.json", "--no-cache", "--no-table",
         "--no-progress-bar"],
        cwd=folder, env=os.environ | quiet, capture_output=True, timeout=600, check=False,
    )  # fmt: skip
    found = json.loads((folder / "out.json").read_text("utf-8"))["results"]["results"]
    by = {r["testIdx"]: r["success"] for r in found}
    return [by[i] for i in range(len(rows()))]


def version(program):
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.split()[-1]


def told():
    return json.loads(RECORDED.read_text("utf-8"))


def test_what_was_recorded_is_of_the_rows_that_are_drawn():
    assert [(r["check"], r["answer"]) for r in told()["rows"]] == rows()
    assert told()["promptfoo"]


def test_every_check_says_what_promptfoo_said_of_the_same_answer_when_it_was_recorded():
    apart = [r for r in told()["rows"] if ours(r["check"], r["answer"]) != r["passes"]]
    assert apart == []


@pytest.mark.promptfoo
@pytest.mark.skipif(not PROGRAM, reason="OPSBOOK_PROMPTFOO names no promptfoo")
def test_every_check_says_what_the_promptfoo_that_is_installed_says(tmp_path):
    said = asked(tmp_path, PROGRAM)
    assert [(*r, ours(*r)) for r in rows()] == [(*r, s) for r, s in zip(rows(), said, strict=True)]


def test_every_check_that_bears_promptfoos_name_is_compared_but_those_that_need_more():
    named = {k.name for k in KINDS.values() if not k.ours}
    drawn = {understood(typed).kind.name for typed in DRAWN}
    assert named - drawn == {"human", "llm-rubric", "similar"}
    for name in named & drawn:
        said = {ours(t, a) for t, a in rows() if understood(t).kind.name == name}
        assert said == {True, False}, name


DEMO = Path("data/demo/regression")


FIELDS = (
    "id", "workflow", "input", "critical", "repeats", "must_pass", "language", "note", "enabled",
)  # fmt: skip


def bare(case):
    """A case without the cells that it stood in."""
    told = [getattr(case, name) for name in FIELDS]
    return [*told, dict(case.variables), [t for _, t in case.checks]]


@pytest.mark.parametrize("workflow", ["invoice-extraction", "customer-mail", "code-review"])
def test_a_list_written_for_promptfoo_is_read_back_without_a_loss(workflow, tmp_path):
    found = lists.read(DEMO / f"{workflow}.xlsx", workflow)
    runs.export(found, tmp_path / "tests.csv")
    again = lists.read(tmp_path / "tests.csv")
    assert (again.problems, again.notices) == ((), ())
    assert [bare(c) for c in again.cases] == [bare(c) for c in found.cases]


def test_whatever_a_case_says_comes_back(tmp_path):
    checks = tuple(("", t) for t in DRAWN)
    odd = Case("=1+1", "w", 'a "b",\nc; {{customer}}', checks, {"customer": "Ö, \"X\""}, True, 5, 4,
               "de_AT", "why", False)  # fmt: skip
    runs.export(lists.List(Path("x"), (odd,)), tmp_path / "tests.csv")
    (again,) = lists.read(tmp_path / "tests.csv").cases
    assert bare(again) == bare(odd)


def test_no_file_is_written_over(tmp_path):
    (tmp_path / "tests.csv").write_text("mine")
    with pytest.raises(UsageError, match="already"):
        runs.export(lists.List(Path("x")), tmp_path / "tests.csv")


THEIRS = """question,customer,__expected,__expected2,__description,__threshold,__providerOutput
Where is it?,Anna,"contains-any: ""a, \\""b"", c",grade: polite to {{customer}},here,0.5,On its way
Where else?,Anna,contains: {{customer}},,,,
"""


def theirs(tmp_path, text):
    (tmp_path / "tests.csv").write_text(text, "utf-8")
    return lists.read(tmp_path / "tests.csv", "chat")


def test_what_promptfoo_wrote_is_read_with_its_stored_outputs_and_variables_filled_in(tmp_path):
    found = theirs(tmp_path, THEIRS)
    assert [c.id for c in found.cases] == ["here", "test-2"]
    assert [t for _, t in found.cases[0].checks] == [
        'contains-any: "a, ""b", c', "llm-rubric: polite to Anna"]  # fmt: skip
    assert found.cases[1].checks == (("tests.csv!C3", "contains: Anna"),)
    assert [(a.case, a.text) for a in found.outputs.answers] == [("here", "On its way")]
    assert dict(found.cases[0].variables) == {
        "question": "Where is it?", "customer": "Anna", "__threshold": "0.5"}  # fmt: skip
    assert found.notices == (
        "tests.csv!F1: __threshold is kept and not followed: here every check of a case must hold.",
    )


@pytest.mark.parametrize(
    ("expected", "says"),
    [
        ("javascript: output.length > 3", 'D2: "javascript" is a check of promptfoo'),
        ("contians: EUR", 'D2: unknown check "contians": did you mean "contains"?'),
        ('"contains-any: ""a, b"', "D2: the quotes in"),
    ],
)
def test_what_cannot_be_judged_here_is_named_by_its_cell(tmp_path, expected, says):
    found = theirs(tmp_path, f"a,b,c,__expected\nx,y,z,{expected}\n")
    assert found.problems[0].startswith(f"tests.csv!{says}")


def test_the_same_signs_in_quotes_mean_what_promptfoo_means_by_them():
    assert promptfoo.typed('contains: ","', {}) == 'regex: ","'
    assert promptfoo.typed('not-starts-with: "."', {}) == r'not-regex: ^"\."'


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        said = asked(Path(place), PROGRAM)
    found = [{"check": c, "answer": a, "passes": s} for (c, a), s in zip(rows(), said, strict=True)]
    document = {"promptfoo": version(PROGRAM), "rows": found}
    RECORDED.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", "utf-8")
    for row in found:
        if row["passes"] != ours(row["check"], row["answer"]):
            sys.stdout.write(f"apart: {row}\n")
