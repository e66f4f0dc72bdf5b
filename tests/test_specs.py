"""The spec tests as they print on the method page: sentences, drawn tables, clauses."""

import re
from collections import Counter
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from opsbook import method_pages, specs
from opsbook.backtest import alarms, by_rule, labels
from opsbook.clauses import SECTIONS, Drawing, clauses, readings
from opsbook.displays import text
from opsbook.method_pages import Method
from opsbook.register import Register
from opsbook.rules import NONE, RULES
from opsbook.settings import Limits
from opsbook.store import Folder, load_settings

OWN = Path(__file__).parent / "runbook"
CONFTEST = '''
import pytest

@pytest.fixture
def hours():
    """Draws one workflow's hours: '3/20' is 3 of 20 failed.

    In Berlin.
    """
'''


@pytest.fixture
def drawn(tmp_path):
    """Reads one module of spec tests, given as its text; gives back its Spec."""

    def read(text: str):
        (tmp_path / "conftest.py").write_text(CONFTEST)
        (tmp_path / "test_it.py").write_text(text)
        (spec,) = specs.read(tmp_path)
        return spec

    return read


def drawings(spec):
    return [(d.heads, d.rows) for e in spec.examples for d in e.drawings]


def test_a_test_is_a_sentence_and_its_values_are_a_table(drawn):
    spec = drawn(
        '"""D6: above 20 %."""\n'
        '@pytest.mark.parametrize(("hour", "priority"), [("8/20", "P1"), ("1/3", None)])\n'
        "def test_an_hour_over_20_percent_is_a_p1(hours, hour, priority):\n"
        "    assert len(judged(hours(hour))) == priority\n"
    )
    (example,) = spec.examples
    assert example.sentence == "An hour over 20 percent is a P1."
    assert example.clauses == ("D6",)
    assert example.drawings == (Drawing(("hour", "priority"), (("8/20", "P1"), ("1/3", "-"))),)
    assert spec.subject == "above 20 %."
    assert spec.legend == {"hours": "Draws one workflow's hours: '3/20' is 3 of 20 failed."}


def test_values_with_names_of_their_own_have_a_column_for_them(drawn):
    spec = drawn(
        '@pytest.mark.parametrize("x", [pytest.param(1, id="one"), 2])\n'
        "def test_a(x):\n    assert x\n"
        '@pytest.mark.parametrize("x", [True, False], ids=["day", "night"])\n'
        "def test_b(x):\n    assert x\n"
    )
    assert drawings(spec) == [
        (("x", "case"), (("1", "one"), ("2", ""))),
        (("x", "case"), (("yes", "day"), ("no", "night"))),
    ]


def test_what_is_drawn_in_the_body_stands_beside_what_must_hold(drawn):
    spec = drawn(
        'OK = "0/30"\nCALM = "0/30 " * 6\n'
        "def test_a(hours):\n"
        '    found = judged(hours(f"{OK} 8/20"))\n'
        "    assert found.empty\n"
        "    assert len(found) == 0\n"
        '    assert judged(hours(CALM + "9/9")).empty\n'
    )
    assert drawings(spec) == [
        (
            ("drawn", "holds"),
            (
                ("0/30 8/20", "found.empty\nlen(found) == 0"),
                ("0/30 (6 times) 9/9", "judged(hours).empty"),
            ),
        )
    ]


def test_a_drawing_that_depends_on_a_value_names_it(drawn):
    spec = drawn(
        '@pytest.mark.parametrize("last", ["8/20", "9/20"])\n'
        'def test_a(hours, last):\n    assert judged(hours("0/30 " + last))\n'
    )
    assert drawings(spec)[1] == (("drawn",), (("0/30 {last}",),))


def test_rows_are_drawn_one_below_the_other_under_their_moment(drawn):
    spec = drawn(
        "def test_a(hours):\n"
        '    rows = [("R3", "chat", 2), ("R5", "chat", 1)]\n'
        '    assert hours(("Fri 12:00", rows)) == 2\n'
    )
    assert drawings(spec) == [
        (("drawn", "holds"), (("Fri 12:00\n  R3  chat  2\n  R5  chat  1", "hours == 2"),))
    ]


def test_words_handed_to_a_helper_are_a_drawing_too_and_so_is_a_list_of_them(drawn):
    spec = drawn(
        'def made(*lines):\n    """Draws lines."""\n'
        "def test_a():\n"
        '    lines = ("8/20", "9/20")\n'
        '    assert made("0/30").empty\n'
        "    assert made(*lines).empty\n"
    )
    assert spec.legend == {"made": "Draws lines."}
    assert drawings(spec)[0][1] == (("0/30", "made.empty"), ("8/20  9/20", "made.empty"))


def test_a_table_drawn_over_several_lines_keeps_them(drawn):
    spec = drawn(
        'def test_a(hours):\n    assert hours("""\n      hour  state\n      09    ok\n  """)\n'
    )
    assert drawings(spec)[0][1] == (("hour  state\n09    ok", "hours"),)


def test_an_error_that_must_come_stands_with_its_words(drawn):
    spec = drawn(
        'def test_a(hours):\n    with pytest.raises(UsageError, match="no zone"):\n        a()\n'
    )
    assert drawings(spec) == [(("holds",), (("UsageError 'no zone'",),))]


@pytest.mark.parametrize(
    ("named", "belongs_to"),
    [
        ("errors_over_20(hours)", ("D6",)),
        ("errors_over_5(hours)", ("D5",)),
        ("helper(hours)", ("D5",)),
        ("something_else(hours)", ("D4", "D5", "D6")),
    ],
)
def test_a_test_belongs_to_the_clauses_of_the_rules_it_calls(drawn, named, belongs_to):
    spec = drawn(
        '"""D4 to D6: failing calls."""\n'
        "from opsbook.rules.errors import errors_over_20, errors_over_5\n"
        "def helper(hours):\n    return errors_over_5(hours)\n"
        f"def test_a(hours):\n    assert {named}\n"
    )
    assert spec.examples[0].clauses == belongs_to


def test_a_docstring_of_its_own_tells_a_tests_clause(drawn):
    spec = drawn(
        '"""B2, B6: deadlines."""\ndef test_a():\n    """B6: four hours."""\n    assert 1\n'
    )
    assert spec.examples[0].clauses == ("B6",)


def test_without_the_folder_there_are_no_examples(tmp_path):
    assert specs.read(tmp_path / "none") == []


def test_every_spec_test_of_the_runbook_is_read():
    read = {s.module: len(s.examples) for s in specs.read(OWN)}
    written = {p.stem: p.read_text("utf-8").count("\ndef test_") for p in OWN.glob("test_*.py")}
    assert read == written
    assert sum(read.values()) > 60


def test_every_module_of_spec_tests_names_clauses_there_are():
    known = {c.id for c in clauses()}
    for spec in specs.read(OWN):
        assert spec.clauses, f"{spec.module}: its docstring cites no clause"
        assert set(spec.clauses) <= known


def test_the_published_hours_print_with_their_classes():
    rows = {r for s in specs.read(OWN) for e in s.examples for d in e.drawings for r in d.rows}
    assert {("8/20", "P1", "firing"), ("7/20", "-", "candidate"), ("5/5", "P2", "firing")} <= rows


# The method page


@pytest.fixture(scope="module")
def method():
    """The page's material without any data: this project's specs, the demo's settings."""
    said = labels(Register())
    nothing = by_rule(alarms(NONE, said, Limits()), said, 0.0)
    settings = load_settings(Folder(OWN.parent.parent / "data" / "demo"))
    return Method(settings, clauses(), specs.read(OWN), nothing, 0.0, Counter())


@pytest.fixture(scope="module")
def page(method):
    """The clauses of all sections, as HTML."""
    return "".join(method_pages.section(method, letter) for letter in SECTIONS)


def test_every_clause_rule_and_limit_stands_once_on_the_page(page):
    assert re.findall(r'id="clause-(\w+)"', page) == [c.id.lower() for c in clauses()]
    told = re.findall(r'ob-rule-name"><strong>(R\d+)</strong>', page)
    assert sorted(told) == sorted(RULES)
    for limit in Limits.model_fields:
        assert page.count(f'<th scope="row">{limit}</th>') == 1, limit


def test_every_spec_test_is_printed_once(page, method):
    said = Counter(re.findall(r'class="ob-example"><p>(.*?)</p>', page))
    written = Counter(text(e.sentence) for s in method.specs for e in s.examples)
    assert said == written


def test_a_reading_shows_the_limits_as_the_company_has_set_them(method):
    assert "surely over 20\N{NO-BREAK SPACE}%" in method_pages.section(method, "D")
    stricter = method.settings.model_copy(update={"limits": Limits(error_p1_share=0.1)})
    changed = method_pages.section(replace(method, settings=stricter), "D")
    assert "surely over 10\N{NO-BREAK SPACE}%" in changed
    assert "20\N{NO-BREAK SPACE}% Clopper" not in changed


def test_every_rule_is_read_and_every_reading_names_limits_there_are():
    assert set(readings()) == set(RULES)
    for rule, read in readings().items():
        for words in vars(read).values():
            assert words.format(**Limits().model_dump()), rule


def test_a_clause_points_to_where_its_rules_and_examples_stand(page):
    d4 = page[page.index('id="clause-d4"') : page.index('id="clause-d5"')]
    assert re.findall(r'href="#clause-(\w+)"', d4) == ["d5", "d6"]


def test_the_table_of_published_hours_is_in_sight_and_code_is_folded(page):
    d6 = page[page.index('id="clause-d6"') : page.index('id="clause-d7"')]
    shown = d6[: d6.index("<details>")]
    assert "<td>8/20</td><td>P1</td><td>firing</td>" in shown
    assert "<th>holds</th>" not in shown
    assert "<th>holds</th>" in d6


def test_what_a_test_draws_is_shown_and_not_run(method, drawn):
    hostile = drawn(
        '"""D6: above 20 %."""\n'
        '@pytest.mark.parametrize("x", ["<script>alert(1)</script>", "{{< env KEY >}}"])\n'
        "def test_a(x):\n    assert x\n"
    )
    shown = method_pages.section(replace(method, specs=[hostile]), "D")
    assert "<script>" not in shown
    assert "{{<" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown


def test_without_spec_tests_the_page_says_where_they_are(method):
    bare = replace(method, specs=[])
    assert "open this page from the project's folder" in unescape(method_pages.no_examples(bare))
    assert method_pages.no_examples(method) == ""
    assert 'id="clause-d6"' in method_pages.section(bare, "D")
