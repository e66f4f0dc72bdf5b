"""A review on paper: whole, A4, with room to sign, and a clear word where nothing can print."""

import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.xdist_group("site")
A4_PX = {"width": 673, "height": 990}
"""An A4 page within its margins, at 96 pixels an inch."""
SECTIONS = (
    "1. Data and records", "2. Carried actions", "3. Cost against baseline", "4. Error rates",
    "5. P3 and near misses", "6. Did every workflow run", "7. Open P1 and P2",
    "8. Decisions and sign-off",
)  # fmt: skip


@pytest.fixture(scope="module")
def paper(weekly, tmp_path_factory, opsbook):
    """The text of the printed review, page by page."""
    for program in ("chromium", "pdftotext"):
        if not shutil.which(program):
            pytest.skip(f"no {program} on this machine")
    out = tmp_path_factory.mktemp("paper") / "review.pdf"
    done = opsbook("print", "weekly", "--out", out, cwd=weekly.place)
    assert done.returncode == 0, done.stderr
    text = subprocess.run(["pdftotext", "-layout", out, "-"], capture_output=True, text=True)
    return text.stdout.split("\f")[:-1]


def test_a_printed_review_holds_every_section_in_its_order(paper):
    text = " ".join(" ".join(paper).split())
    places = [text.find(s) for s in SECTIONS]
    assert -1 not in places
    assert places == sorted(places)


def test_every_printed_page_has_its_number_and_no_navigation(paper):
    for number, page in enumerate(paper, start=1):
        assert "".join(page.split()).endswith(f"{number}/{len(paper)}")
    assert "Back-test" not in paper[0]


def test_no_address_is_spelled_out_and_there_is_room_to_sign(paper):
    assert "://" not in "".join(paper)
    assert re.search(r"Role\s+Held on\s+Signature\s+AI Lead", paper[-1])


def test_no_table_and_no_chart_is_cut_at_the_edge_of_the_paper(weekly, chromium):
    page = chromium.new_page(viewport=A4_PX)
    page.emulate_media(media="print")
    page.goto((weekly.site / "reports/weekly/2026-W47.html").as_uri())
    cut = """() => {
      const edge = document.querySelector("main").getBoundingClientRect().right + 1
      const wide = [...document.querySelectorAll(".ob-table, .ob-sign, .ob-plot > svg")]
      return [wide.length, wide.filter(w => w.getBoundingClientRect().right > edge).length]
    }"""
    there, beyond = page.evaluate(cut)
    assert there > 10
    assert beyond == 0
    page.close()


def test_a_screen_shows_no_room_to_sign(weekly, chromium):
    page = chromium.new_page()
    page.goto((weekly.site / "reports/weekly/2026-W47.html").as_uri())
    assert page.locator(".ob-sign").count() == 1
    assert not page.locator(".ob-sign").is_visible()
    page.close()


def test_without_a_browser_it_is_told_how_to_print(weekly, tmp_path, opsbook):
    done = opsbook("print", "weekly", cwd=weekly.place, PATH=str(tmp_path))
    assert done.returncode == 3
    assert "in a browser and print it" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("weekly", "--period", "2026-W40"), 3, "make weekly DATA=data/demo PERIOD=2026-W40"),
        (("weekly", "--period", "2026-10"), 2, "expected like 2026-W47"),
        (("yearly",), 2, "expected one of weekly, monthly, quarterly"),
    ],
)
def test_what_cannot_be_printed_is_told(weekly, opsbook, words, code, said):
    done = opsbook("print", *words, cwd=weekly.place)
    assert done.returncode == code
    assert said in " ".join(done.stderr.split())
