"""Every check there is, on answers that keep it and answers that do not."""

import time

import pytest

from opsbook.regression.cases import Answer, Case
from opsbook.regression.grammar import KINDS, checked, problems, understood

JSON = (
    '{"total": 1234.56, "date": "2026-11-24", "no": "00123", "lines": [{"sku": "A"}, {"sku": "B"}]}'
)
FENCED = f"```json\n{JSON}\n```"
LIST = "Parts:\n- ring\n- nut\n* bolt\n"
TABLE = "| Item | Quantity |\n|---|---:|\n| ring | 2 |\n| nut | 4 |\n"

HELD = [
    # check, answer, whether it holds
    ("contains: EUR", "12 EUR", True),
    ("contains: eur", "12 EUR", False),
    ("Not-Contains: EUR", "12 EUR", False),
    ('not-contains: ","', "12,5", False),
    ("icontains: eur", "12 EUR", True),
    ("contains-any: EUR, €", "12 €", True),
    ('contains-all: "1.234,56", EUR', "1.234,56 EUR", True),
    ('contains-all: „1.234,56“, EUR', "1234,56 EUR", False),
    ("icontains-any: refund, credit note", "A Credit Note follows", True),
    ("icontains-all: order, delivery", "Your ORDER", False),
    ("equals: Rechnung", "Rechnung", True),
    ("equals: Rechnung", "Rechnung\n", False),
    ("Rechnung", "Rechnung", True),
    ("Note: all is well", "Note: all is well", True),
    ("one-of: Rechnung, Gutschrift", "Gutschrift\n", True),
    ("one-of: Rechnung, Gutschrift", "Mahnung", False),
    ("starts-with: Dear", "Dear all", True),
    ("ends-with: regards", "Kind regards\n", True),
    (r"regex: \b[A-Z]{2}\d{6}\b", "Order AB123456.", True),
    (r"regex: ^\d+$", "12a", False),
    ("has-word: cheap, free", "It is free.", True),
    ("not-has-word: free", "Freedom", True),
    ("levenshtein(2): Rechnung", "Rechnungen", True),
    ("levenshtein(1): Rechnung", "Rechnungen", False),
    ("rouge-n(0.75): order shipped today now", "Your order shipped today", True),
    ("is-json", JSON, True),
    ("is-json", FENCED, False),
    ("is-json", "{'a': 1}", False),
    ("is-json", '{"a": NaN}', False),
    ("is-json: one fence ok", FENCED, True),
    ("is-json: one fence ok", f"Here you are:\n{FENCED}", False),
    ('is-json: {"required": ["total"]}', JSON, True),
    ('is-json: {"required": ["gross"]}', JSON, False),
    ("contains-json", f"Here you are: {JSON} Bye.", True),
    ("contains-json", "none {here", False),
    ("fields: total, lines[].sku", JSON, True),
    ("fields: total, lines[].price", JSON, False),
    ("fields: total", FENCED, True),
    ("fields only: total, date, no, lines[].sku", JSON, True),
    ("fields only: total, date, no", JSON, False),
    ("field total = 1234,56 ± 0,01", JSON, True),
    ("field total = 1.234,57", JSON, False),
    ("field total >= 1000", JSON, True),
    ("field no = 00123", JSON, True),
    ("field date is date(yyyy-mm-dd)", JSON, True),
    ("field date is date(dd.mm.yyyy)", JSON, False),
    ("field lines[].sku is one-of(A, B)", JSON, True),
    ("field total is number", JSON, True),
    ("field gross is null", JSON, False),
    ("not-field total is string", JSON, True),
    ("bullets: 3", LIST, True),
    ("bullets: 1-2", LIST, False),
    ("bullets: 0", "```\n- code\n```", True),
    ("bullets: 0", "**bold** and *it*, 3 - 2", True),
    ("numbered: 2", "1. one\n2) two\n", True),
    ("headings: Summary, Risks", "# Summary\n\ntext\n\n**Risks:**\n", True),
    ("headings: 2", "# Summary\n", False),
    ("table: Item, Quantity", TABLE, True),
    ("table", "a | b", False),
    ("paragraphs: 2", "one\n\ntwo", True),
    ("sentences: 2", "It is 2.5 bar, e.g. at rest. Call us!", True),
    ("lines: 1", "one\n", True),
    ("words: 3", "one two-three four", True),
    ("word-count: 2-4", "one two three", True),
    ("chars: <= 5", "123456", False),
    ("no-fences", FENCED, False),
    ("placeholders: >= 1", "Dear [Name], see [this](link)", True),
    ("highlights: 2", "*one* and **two**", True),
    ("language: de", "Ihre Bestellung ist heute Morgen verschickt worden.", True),
    ("language: de", "Your order was shipped this morning.", False),
    ("language: de", "OK", False),
    ("address: formal (de)", "Bitte rufen Sie uns an.", True),
    ("address: formal (de)", "Ruf uns an, wenn du magst.", False),
    ("address: formal (de)", "Bitte rufen Sie uns an, wenn du magst.", False),
    ("address: informal (fr)", "Tu peux nous appeler.", True),
    ("address: formal (es)", "Puede usted llamarnos.", True),
    ("address: formal (it)", "Possiamo aiutare Lei domani.", True),
    ("address: informal (nl)", "Je kunt ons bellen.", True),
    ("number: 1234,56", "Es sind 1.234,56 Stück", True),
    ("number: 1234,56", "Es sind 1,234.56 Stück", False),
    ("number: 1234,56 ± 1 %", "rund 1.240,00", True),
    ("number: 1.500 (de)", "1500 Ringe", True),
    ("number: 1.500 (en)", "1500 rings", False),
    ("amount: 1.234,56 EUR (de)", "Summe: 1.234,56 €", True),
    ("amount: 1.234,56 EUR (de)", "Summe: 1.234,56 CHF", False),
    ("amount: 1.234,56 EUR (de)", "Summe: 1,234.56 EUR", False),
    ("date: 24.11.2026 (de)", "am 24. November 2026", True),
    ("date: 2026-11-24", "on 2026-11-24", True),
    ("date: 11/24/2026 (en_US)", "November 24, 2026", True),
    ("date: 2026-04-03", "on 03/04/2026", False),
    ("no-pii", "Nothing here, order 123456789.", True),
    ("no-pii", "Mail anna@example.org", False),
    ("no-pii: except email", "Mail anna@example.org", True),
    ("no-pii", "AT61 1904 3002 3457 3201", False),
    ("no-pii", "AT61 1904 3002 3457 3202", True),
    ("no-pii", "Call +43 316 123456", False),
    ("no-leftovers", "Dear [Name],", False),
    ("no-leftovers", "Hello {{customer}}", False),
    ("no-leftovers", "As an AI, I think so", False),
    ("no-leftovers", "See [1] and list[0].", True),
    ("is-refusal", "I'm sorry, but I can't help with that.", True),
    ("not-is-refusal", "Es tut mir leid, dass Ihr Paket verspätet ist.", True),
]  # fmt: skip


@pytest.mark.parametrize(("check", "answer", "holds"), HELD)
def test_a_check_holds_or_not(check, answer, holds):
    found = understood(check).of(reply(answer))
    assert (found.state, bool(found.why)) == ("pass" if holds else "fail", True)


@pytest.mark.parametrize(
    ("check", "answer", "state"),
    [
        ("latency(3000)", Answer("a", text="x", latency_ms=3000.0), "pass"),
        ("latency(3 s)", Answer("a", text="x", latency_ms=3001.0), "fail"),
        ("latency(3000)", Answer("a", text="x"), "off"),
        ("cost(0,01)", Answer("a", text="x", cost=0.02, currency="EUR"), "fail"),
        ("finish-reason: stop", Answer("a", text="x", finish_reason="length"), "fail"),
        ("tokens: <= 10", Answer("a", text="x" * 400, output_tokens=9), "pass"),
        ("tokens: <= 10", Answer("a", text="x" * 400), "fail"),
        ("human: tone is right", Answer("a", text="x"), "waiting"),
        ("llm-rubric: is polite", Answer("a", text="x"), "off"),
        ("near-baseline(25 %): length", Answer("a", text="x" * 125), "pass"),
        ("near-baseline(25 %): length", Answer("a", text="x" * 126), "fail"),
    ],
)
def test_a_check_of_what_was_measured_is_off_where_nothing_was(check, answer, state):
    case = Case("a", "w", "in", (("E2", check),))
    approved = [Answer("a", text="y" * 100)]
    assert checked([understood(check)], answer, case, approved)[0].state == state


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ("contians: x", 'did you mean "contains"?'),
        ("not-contians: x", 'did you mean "not-contains"?'),
        ("xyz(3): a", "unknown check"),
        ("is-jsn", 'did you mean "is-json"?'),
        ("contains", None),
        ("contains-all", "needs a value"),
        ("latency", "needs a number in parentheses"),
        ("latency(fast)", "is no number"),
        ("javascript: output.length", "does not run"),
        ("regex: (", "is no regular expression"),
        ("bullets: many", "is no count"),
        ("words: 9-3", "begins above its end"),
        ('contains-any: "a, b', "do not close"),
        ("language: klingon", "is no language"),
        ("number: 1.234", "is ambiguous"),
        ("amount: 12,00", "names no currency"),
        ("date: 03/04/2026", "is ambiguous"),
        ("date: 2026-02-30", "is no day"),
        ("field total", "says nothing to compare"),
        ("field total is money", "is no kind of field"),
        ('is-json: {"type": 3}', "is no JSON Schema"),
        ("no-pii: only email", "is not understood"),
        ("near-baseline: beauty", "is no measure"),
        ("address: polite", "is no form of address"),
        ("no-fences: yes", "takes no value"),
    ],
)
def test_a_slip_of_the_pen_is_named_with_what_was_meant(check, says):
    if says is None:
        assert understood(check).kind.name == "equals"
        return
    with pytest.raises(ValueError, match=says.replace("(", r"\(").replace("?", r"\?")):
        understood(check)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_check_is_understood_as_its_example_shows_it(kind):
    assert understood(kind.example).kind.name == kind.name


def test_the_language_of_the_case_reads_its_figures():
    case = Case("a", "w", "in", (("E2", "number: 1.500"),), language="de")
    assert problems(case) == []
    check = understood("number: 1.500", case.language)
    assert check.of(reply("1500 Ringe")).state == "pass"


@pytest.mark.parametrize(
    ("checks", "says"),
    [
        ((), "Cases!A7: case a has no check"),
        ((("Cases!E7", "contians: x"),), 'Cases!E7: unknown check "contians"'),
        ((("Cases!E7", "near-baseline: length"),), "Cases!E7: near-baseline alone decides nothing"),
    ],
)  # fmt: skip
def test_a_case_names_the_cell_of_each_problem(checks, says):
    assert problems(Case("a", "w", "in", checks, cell="Cases!A7"))[0].startswith(says)


@pytest.mark.parametrize("wanted", [r"(x+x+)+[yz]", r"^(\w+\s?)*$", r"((a+)+)+[bc]", r"(.*a){20}c"])
def test_an_expression_with_nested_repetitions_does_not_stop_a_run(wanted):
    check = understood(f"regex: {wanted}")
    began = time.perf_counter()
    assert check.of(reply("a" * 60 + "x" * 60 + "!")).state == "fail"
    assert time.perf_counter() - began < 2


def reply(answer):
    from opsbook.regression.kinds import Reply

    return Reply(answer, Answer("a", text=answer), Case("a", "w", "in", ()))
