"""The settings as text, and back."""

import json
import shutil
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook.clauses import clauses
from opsbook.settings import Limits, limits_text
from opsbook.store import Folder, load_settings

DEMO = Path(__file__).parent.parent / "data/demo"
FIELDS = Limits.model_fields
SCHEMA = Limits.model_json_schema()["properties"]


def allowed(name: str) -> st.SearchStrategy:
    """Values that a limit may have, from its default up."""
    default, field = FIELDS[name].default, SCHEMA[name]
    top = min(default * 2 + 1, field.get("maximum", default * 2 + 1))
    if FIELDS[name].annotation is int:
        return st.integers(default, int(top))
    return st.floats(default, min(top, field.get("exclusiveMaximum", top)), exclude_max=True)


@given(st.fixed_dictionaries({name: allowed(name) for name in FIELDS}))
def test_limits_written_and_read_back_are_the_same(values):
    held = Limits(**values)
    assert Limits(**tomllib.loads(limits_text(held))["limits"]) == held


def test_the_text_holds_every_limit_with_its_default_and_is_taken_as_a_settings_file(tmp_path):
    shutil.copytree(DEMO / "settings", tmp_path / "settings")
    text = limits_text(Limits())
    (tmp_path / "settings/limits.toml").write_text(text, "utf-8")
    assert load_settings(Folder(tmp_path)).limits == Limits()
    assert set(tomllib.loads(text)["limits"]) == set(FIELDS)


def test_each_limit_stands_under_its_clause_reason_unit_default_and_bounds():
    text = limits_text(Limits(spend_ratio=1.75))
    assert (
        "# D1: the runbook's 150 percent (times; default 1.5, more than 1)\nspend_ratio = 1.75\n"
    ) in text


@pytest.mark.parametrize("name", FIELDS)
def test_a_limit_has_a_unit_a_clause_of_the_runbook_and_a_reason_of_one_line(name):
    about = FIELDS[name].json_schema_extra
    assert about["clause"] in {c.id for c in clauses()}
    assert about["unit"].strip()
    assert len(about["reason"]) > 10
    assert "\n" not in about["unit"] + about["reason"]


def test_the_command_prints_the_limits_of_a_company(opsbook, tmp_path):
    shutil.copytree(DEMO / "settings", tmp_path / "settings")
    (tmp_path / "settings/limits.toml").write_text("[limits]\nspend_days = 14\n", "utf-8")
    printed = opsbook("limits", "--data", str(tmp_path), cwd=tmp_path).stdout
    rows = json.loads(opsbook("limits", "--data", str(tmp_path), "--json", cwd=tmp_path).stdout)
    assert tomllib.loads(printed)["limits"]["spend_days"] == 14
    assert next(r for r in rows["rows"] if r["name"] == "spend_days") == {
        "name": "spend_days",
        "value": 14,
        "unit": "days",
        "clause": "D1",
        "reason": "the runbook's 7-day average",
    }
