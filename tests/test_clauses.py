"""The table of clauses: whole, and true of the tests and pages it names."""

import re
from pathlib import Path

import pytest

from opsbook.clauses import SECTIONS, clauses
from opsbook.method_pages import PAGES
from opsbook.rules import RULES

SPECS = Path(__file__).parent / "runbook"


@pytest.mark.parametrize("clause", clauses(), ids=lambda c: c.id)
def test_a_clause_names_tests_rules_and_pages_that_exist(clause):
    assert clause.id[0] in SECTIONS
    assert clause.state in ("done", "part", "to come")
    assert set(clause.rules) <= set(RULES)
    assert all((SPECS / f"{t}.py").exists() for t in clause.tests)
    assert clause.page in {*PAGES, ""}


@pytest.mark.parametrize("clause", [c for c in clauses() if c.state == "done"], ids=lambda c: c.id)
def test_a_clause_that_is_done_has_its_test_and_its_page(clause):
    assert clause.tests
    assert clause.page
    assert all(RULES[r].done for r in clause.rules)
    cited = " ".join((SPECS / f"{t}.py").read_text("utf-8").split('"""')[1] for t in clause.tests)
    ranges = re.findall(r"([A-F])(\d) to [A-F]?(\d)", cited)
    named = set(re.findall(r"[A-F]\d", cited))
    named |= {f"{s}{n}" for s, a, b in ranges for n in range(int(a), int(b) + 1)}
    assert clause.id in named


def test_every_rule_that_is_judged_serves_a_clause():
    served = {r for c in clauses() for r in c.rules}
    assert set(RULES) <= served
