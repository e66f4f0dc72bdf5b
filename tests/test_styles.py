"""The site's style sheets: nothing from another host in them, and nothing lost with it."""

import re

import pytest

pytestmark = pytest.mark.xdist_group("site")
FOREIGN = re.compile(r"""(?:@import\s*|url\(\s*)["']?(?:https?:)?//""")


def test_no_style_sheet_asks_another_host_for_anything(weekly):
    sheets = list(weekly.site.rglob("*.css"))
    assert sheets
    assert [s.name for s in sheets if FOREIGN.search(s.read_text("utf-8"))] == []


def test_a_theme_keeps_its_first_rule_when_its_font_import_is_taken_out(weekly):
    darkly = next(weekly.site.rglob("darkly*.css")).read_text("utf-8")
    begun = re.sub(r'/\*.*?\*/|@charset "[^"]*";|\s', "", darkly, flags=re.S)
    assert begun.startswith(":root")
    assert "display=swap" not in darkly
