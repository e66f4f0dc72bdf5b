"""What pages show beside charts: safe, in the company's zone and locale, legible in both themes."""

import json
import re
from pathlib import Path

import altair as alt
import pandas as pd
import pytest

from opsbook import displays
from opsbook.displays import Column, Tile
from opsbook.register import Incident, Register
from opsbook.schema import FILES
from opsbook.settings import Company, Settings

ASSETS = Path(__file__).parent.parent / "reports" / "assets"
HOSTILE = "<script>alert(1)</script> {{< env KEY >}} \"'&"
HOURS = {d: ["09:00-17:00"] for d in ("monday", "tuesday", "wednesday", "thursday", "friday")}
GRAZ = Company(name="Demo", zone="Europe/Vienna", country="AT", hours=HOURS)
BERLIN = GRAZ.model_copy(update={"locale": "de_DE"})
INVOICES = {
    "id": "invoices",
    "name": "Invoice extraction",
    "category": "internal",
    "owner": "Finance",
    "matches": [],
}
SETTINGS = Settings(company=GRAZ, workflows=[INVOICES])


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="Europe/Vienna").tz_convert("UTC")


def plain(html: str) -> str:
    return displays.plain(html).replace(displays.NBSP, " ")


# Figures


def test_a_company_that_reports_in_francs_reads_francs():
    swiss = GRAZ.model_copy(update={"currency": "CHF"})
    rows = pd.DataFrame({"eur": [0.42]})
    assert displays.money(4.2, swiss).endswith("CHF")
    assert displays.measured("run_cost_eur", 0.42, swiss).count("CHF") == 1
    assert "CHF" in displays.table(rows, [Column("A run", "eur", "money")], swiss)


@pytest.mark.parametrize(
    ("eur", "en", "de"),
    [
        (0.0042, "0.0042 EUR", "0,0042 EUR"),
        (0.314, "0.31 EUR", "0,31 EUR"),
        (4.2, "4.20 EUR", "4,20 EUR"),
        (99.995, "100.00 EUR", "100,00 EUR"),
        (1234.5, "1,234 EUR", "1.234 EUR"),
        (0, "0.00 EUR", "0,00 EUR"),
        (pd.NA, "n/a", "n/a"),
        (float("nan"), "n/a", "n/a"),
    ],
)
def test_money_keeps_two_digits_worth_reading_in_the_companys_locale(eur, en, de):
    shown = [
        displays.money(eur, GRAZ.model_copy(update={"locale": locale})).replace(displays.NBSP, " ")
        for locale in ("en_GB", "de_DE")
    ]
    assert shown == [en, de]


@pytest.mark.parametrize(
    ("at", "now", "words"),
    [
        ("2026-11-19 13:00", "2026-11-23 08:00", "by Thu 19 Nov 13:00, 3 d 19 h ago"),
        ("2026-11-23 09:30", "2026-11-23 08:00", "by Mon 23 Nov 09:30, in 1 h 30 min"),
        ("2026-11-23 08:00", "2026-11-23 08:00", "by Mon 23 Nov 08:00, 0 min ago"),
        ("2026-10-25 09:00", "2026-10-24 09:00", "by Sun 25 Oct 09:00, in 1 d 1 h"),
    ],
)
def test_a_deadline_says_the_local_time_and_how_far_off_it_is(at, now, words):
    assert displays.deadline(utc(at), utc(now), GRAZ) == words


def test_times_are_written_in_the_companys_zone_and_language():
    at = pd.Timestamp("2026-11-17T13:00Z")
    assert displays.when(at, GRAZ) == "Tue 17 Nov 14:00"
    assert displays.when(at, BERLIN) == "Di. 17 Nov. 14:00"
    assert displays.when(pd.NaT, GRAZ) == "n/a"


# Untrusted text


HOSTILE_NAMES = (
    "table", "empty table", "light", "agenda", "explain", "to come", "tiles", "note", "figure",
    "card",
)  # fmt: skip


def hostile_displays() -> dict[str, str]:
    frame = pd.DataFrame({"a": [HOSTILE], "href": [HOSTILE]})
    chart = alt.Chart(pd.DataFrame({"x": [HOSTILE]})).mark_point().encode(x="x:N")
    return {
        "table": displays.table(frame, [Column(HOSTILE, "a", link="href")], GRAZ, HOSTILE),
        "empty table": displays.table(frame.iloc[:0], [Column("A", "a")], GRAZ, HOSTILE, HOSTILE),
        "light": displays.light("ok", HOSTILE),
        "agenda": displays.agenda(1, HOSTILE, 5, "ok", HOSTILE, HOSTILE),
        "explain": displays.explain(HOSTILE),
        "to come": displays.to_come(HOSTILE, HOSTILE, HOSTILE),
        "tiles": displays.tiles(Tile(HOSTILE, HOSTILE, HOSTILE, HOSTILE, (), "ok", HOSTILE)),
        "note": displays.note(HOSTILE),
        "figure": displays.figure(chart, HOSTILE, HOSTILE),
        "card": incident_card(reason=HOSTILE),
    }


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_text_from_data_never_becomes_markup_or_a_shortcode(name):
    html = hostile_displays()[name]
    assert "<script>" not in html
    assert "{{<" not in html
    assert "{{&lt;" not in html
    assert "env KEY" in html


def test_no_display_is_missing_from_the_hostile_ones():
    assert set(hostile_displays()) == set(HOSTILE_NAMES)


def test_a_figures_specification_survives_its_escaping():
    chart = alt.Chart(pd.DataFrame({"x": [HOSTILE]})).mark_point().encode(x="x:N")
    html = displays.figure(chart, "Title")
    assert html.count("</script>") == 1
    spec = json.loads(re.search(r'class="ob-spec">(.*?)</script>', html)[1])
    assert list(spec["datasets"].values()) == [[{"x": HOSTILE}]]


def test_nothing_carries_a_style_attribute_that_sanitising_would_drop():
    assert not [name for name, html in hostile_displays().items() if " style=" in html]


def test_a_piece_shows_itself_in_notebooks_as_html_and_as_words():
    bundle = displays.light("ok", "Within")._repr_mimebundle_()
    assert bundle["text/html"].startswith("<span")
    assert bundle["text/plain"] == "Within"


# Lights and boxes


@pytest.mark.parametrize("state", displays.LIGHTS)
def test_every_light_has_a_word_and_a_shape_of_its_own(state):
    others = [displays.light(s) for s in displays.LIGHTS if s != state]
    assert displays.plain(displays.light(state))
    shape = re.search(r"<svg.*</svg>", displays.light(state))[0]
    assert all(shape not in other for other in others)


def test_an_agenda_section_says_its_number_minutes_light_and_sentence():
    shown = plain(displays.agenda(3, "", 6, "alert", "One workflow costs more.", "One P2"))
    assert shown == "Item 3 · 6 min One P2 One workflow costs more."


def test_a_rule_still_to_come_says_so_with_its_clause():
    shown = plain(displays.to_come("B8", "near misses"))
    assert shown == "Still to come near misses B8"


def test_a_sparkline_leaves_a_gap_where_a_value_is_missing():
    path = re.search(r'd="([^"]*)"', displays.sparkline([1, None, 3, 4]))[1]
    assert [step[0] for step in path.split() if step[0] in "ML"] == ["M", "M", "L"]
    assert displays.sparkline([None, float("nan")]) == ""


# Tables

COSTS = pd.DataFrame({"name": ["Chat", "Mail"], "eur": [0.0081, 12.5], "n": [1200, None]})
COLUMNS = [
    Column("Workflow", "name"),
    Column("A run", "eur", "money"),
    Column("Runs", "n", "count"),
]


def test_amounts_of_a_column_have_the_same_decimals_and_their_unit_in_the_head():
    html = displays.table(COSTS, COLUMNS, GRAZ)
    assert plain(html) == "Workflow A run EUR Runs Chat 0.0081 1,200 Mail 12.5000 n/a"


def test_figures_stand_right_and_words_left():
    html = displays.table(COSTS, COLUMNS, GRAZ)
    assert re.findall(r"<th scope=\"col\"( class=\"ob-end\")?>", html) == [
        "",
        *[' class="ob-end"'] * 2,
    ]
    assert html.count('<td class="ob-end') == 4


def test_an_absent_figure_is_said_and_sorts_last():
    html = displays.table(COSTS, COLUMNS, GRAZ)
    assert '<td class="ob-end ob-na" data-sort="">n/a</td>' in html


def test_a_table_without_rows_says_a_sentence_instead():
    html = displays.table(COSTS.iloc[:0], COLUMNS, GRAZ, "Costs", "No run cost too much.")
    assert plain(html) == "Costs No run cost too much."
    assert "<table" not in html


def test_a_total_stands_under_the_columns_it_sums():
    html = displays.table(COSTS, COLUMNS, GRAZ, total={"n": 1200})
    foot = re.search(r"<tfoot>.*</tfoot>", html)[0]
    assert plain(foot) == "Total 1,200"
    assert foot.count("<t") - 2 == len(COLUMNS)


def test_a_marked_row_is_set_off_and_an_unknown_mark_is_not():
    marked = COSTS.assign(flag=pd.array([True, pd.NA], dtype="boolean"))
    html = displays.table(marked, COLUMNS, GRAZ, mark="flag")
    assert html.count('<tr class="ob-marked"><th scope="row">Chat') == html.count("ob-marked") == 1


def test_a_browser_sorts_a_column_up_then_down_with_absent_values_last(chromium):
    frame = pd.DataFrame({"name": list("abcd"), "n": [10, None, 9, 100]})
    html = displays.table(frame, [Column("Name", "name"), Column("N", "n", "count")], GRAZ)
    script = (ASSETS / "opsbook-tables.js").read_text("utf-8")
    page = chromium.new_page()
    page.set_content(f"{html}<script>{script}</script>")
    shown = []
    for _ in range(2):
        page.get_by_role("button", name="N", exact=True).press("Enter")
        head = page.locator("th[aria-sort]")
        names = page.locator("tbody th").all_inner_texts()
        shown.append((head.get_attribute("aria-sort"), head.count(), "".join(names)))
    page.close()
    assert shown == [("ascending", 1, "cadb"), ("descending", 1, "dacb")]


# Incidents and freshness


def incident_card(
    reason: str = "2.4 times its baseline", firing: bool = True, confirmed: object = pd.NaT
) -> str:
    finding = {"metric": "run_cost_eur", "observed": 0.312, "baseline": 0.13, "limit": 0.26}
    incident = Incident(
        id="INC-2026-0001",
        workflows=["invoices"],
        family="cost",
        priority="P2",
        class_reason="threshold",
        started_at=utc("2026-11-17 14:00"),
        detected_at=utc("2026-11-18"),
        opened_at=utc("2026-11-18"),
        reason=reason,
        findings={
            "R5": finding
            | {
                "rule": "R5",
                "priority": "P2",
                "state": "firing" if firing else "over",
                "detected_at": "2026-11-18T00:00:00.000Z",
                "to": utc("2026-11-19").isoformat(),
            }
        },
    )
    timers = pd.DataFrame(
        {
            "id": ["INC-2026-0001"],
            "role": ["AI Lead"],
            "due_at": [utc("2026-11-18 13:00")],
            "told_at": [pd.NaT],
            "confirmed_at": [confirmed],
            "met": [pd.NA if pd.isna(confirmed) else confirmed <= utc("2026-11-18 13:00")],
            "current": [True],
        }
    )
    register = Register({incident.id: incident}).frame()
    return displays.cards(
        register, timers, SETTINGS, utc("2026-11-23 08:00"), "incidents/{id}.html"
    )


@pytest.mark.parametrize(
    "words",
    [
        "P2 INC-2026-0001",
        "Invoice extraction: 2.4 times its baseline",
        "Since Tue 17 Nov 14:00, still going on",
        "0.31 EUR a run against 0.13 EUR (limit 0.26 EUR)",
        "AI Lead by Wed 18 Nov 13:00, 4 d 19 h ago",
        "First response Switch to the manual process.",
    ],
)
def test_a_card_says_what_since_when_against_what_and_who_by_when(words):
    assert words in plain(incident_card())


def test_a_card_of_what_is_over_says_since_when():
    shown = plain(incident_card(firing=False))
    assert "Since Tue 17 Nov 14:00, over since Thu 19 Nov 00:00" in shown


@pytest.mark.parametrize(
    ("confirmed", "words"),
    [
        ("2026-11-18 12:00", "AI Lead knows since Wed 18 Nov 12:00 First response"),
        ("2026-11-18 15:00", "AI Lead knows since Wed 18 Nov 15:00, due Wed 18 Nov 13:00"),
    ],
)
def test_a_deadline_that_somebody_met_or_missed_says_since_when_they_know(confirmed, words):
    assert words in plain(incident_card(confirmed=utc(confirmed)))


def test_no_open_incident_is_said_too():
    empty = pd.DataFrame({"id": []})
    shown = displays.cards(empty, empty, SETTINGS, utc("2026-11-23"))
    assert plain(shown) == "No incident is open. Nobody has to act."


def test_a_source_whose_data_ends_too_long_ago_is_to_be_watched():
    reaches = {"langfuse": "2026-11-23 00:00", "litellm": "2026-11-19 00:00"}
    files = pd.DataFrame(
        [
            {
                "file_id": reader,
                "file": f"{reader}.csv",
                "reader": reader,
                "state": "loaded",
                "rows_in": 5,
                "loaded": 5,
                "known": 0,
                "quarantined": 0,
                "corrected": 0,
                "covered_to": utc(at),
            }
            for reader, at in reaches.items()
        ]
    )
    html = displays.freshness(FILES.conform(files), utc("2026-11-23 08:00"), GRAZ, stale_h=48)
    assert "litellm Thu 19 Nov 00:00 4 d 8 h ago" in plain(html)
    assert [html.count(f"ob-light ob-{s}") for s in ("ok", "watch")] == [1, 1]


# The style

THEMES = {
    "light": r":root \{(.*?)\}",
    "dark": r"html\.quarto-dark, body\.quarto-dark \{(\s+--ob-.*?)\}",
}
TEXT = ("ink", "muted", "accent", "link", "ok", "watch", "alert", "critical", "none")
GROUNDS = ("page", "raised", "marked")


def colors(theme: str) -> dict[str, str]:
    css = (ASSETS / "opsbook.css").read_text("utf-8")
    block = re.search(THEMES[theme], css, re.DOTALL)[1]
    return dict(re.findall(r"--ob-([a-z-]+): (#[0-9a-f]{3,6});", block))


def luminance(color: str) -> float:
    digits = color[1:] if len(color) == 7 else "".join(2 * c for c in color[1:])
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_is_computed_as_wcag_does():
    assert contrast("#fff", "#000") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", TEXT)
def test_every_text_colour_keeps_its_contrast_on_every_ground_of_both_themes(theme, name):
    own = colors(theme)
    low = {g: contrast(own[name], own[g]) for g in GROUNDS if contrast(own[name], own[g]) < 4.5}
    assert not low


@pytest.mark.parametrize("theme", THEMES)
def test_the_lines_of_charts_stand_out_from_the_page(theme):
    own = colors(theme)
    assert contrast(own["line"], own["page"]) >= 3
    assert contrast(own["rule-strong"], own["page"]) >= 3
