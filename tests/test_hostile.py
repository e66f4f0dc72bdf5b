"""Hostile text on its whole way: planted in exports and notes, looked for in the site's pages."""

import csv
import gzip
import io
import shutil
from pathlib import Path

import nbformat
import pytest

from opsbook import site

pytestmark = pytest.mark.xdist_group("site")
SECRET = "leaked-4711"
SHORTCODE = "{{< env PLANTED >}}"
SCRIPT = "<script>document.title='taken'</script>"
IMAGE = '<img src="https://example.com/x.png" onerror="document.title=1">'
WORDS = "**loud** $x^2$ [link](javascript:alert(1)) ```{=html}"
HOSTILE = f"planted {SHORTCODE} {SCRIPT} {IMAGE} {WORDS} {{{{< include /etc/passwd >}}}}"


def litellm(place: Path, *changes: dict[str, str]) -> bytes:
    """A LiteLLM export whose rows are the demo's first of the week, each changed as said."""
    source = place / "data/demo/inbox/litellm-spend-logs-2026-W47.csv.gz"
    lines = csv.DictReader(io.StringIO(gzip.decompress(source.read_bytes()).decode()))
    row, written = next(lines), io.StringIO()
    made = csv.DictWriter(written, lines.fieldnames)
    made.writeheader()
    for number, change in enumerate(changes):
        made.writerow(row | {"request_id": f"planted-{number}"} | change)
    return written.getvalue().encode()


@pytest.fixture(scope="module")
def attacked(weekly, opsbook, tmp_path_factory):
    """The demo's site after an inbox full of planted text; its folder."""
    place = tmp_path_factory.mktemp("attacked") / "project"
    shutil.copytree(weekly.place, place)
    inbox = place / "data/demo/inbox"
    (inbox / f"planted {SHORTCODE} <b onclick=x>.csv").write_text(f'a,"{IMAGE}",{SHORTCODE}\n1,2,3')
    many = {"prompt_tokens": "90000000", "total_tokens": "90000563", "spend": "90"}
    rows = (
        {"session_id": HOSTILE} | many,
        {"startTime": HOSTILE},
        {"model": HOSTILE, "model_group": HOSTILE},
        {"metadata": '{"user_api_key_alias": "' + HOSTILE.replace('"', "'") + '"}'},
    )
    (inbox / "planted.csv").write_bytes(litellm(place, *rows))
    opsbook("incident", "note", "INC-2026-0001", "--text", HOSTILE, "--as", "lead", cwd=place)
    done = opsbook("review", "weekly", "--renderer", "embedded", cwd=place, PLANTED=SECRET)
    assert (place / "_site/index.html").exists(), done.stderr
    return place / "_site"


def test_what_was_planted_is_shown_as_the_words_it_is(attacked):
    shown = {p.name for p in attacked.rglob("*.html") if "planted" in p.read_text("utf-8")}
    assert {"data.html", "2026-W47.html", "INC-2026-0001.html"} <= shown


def test_no_page_and_no_search_index_holds_a_secret_or_a_file_of_the_machine(attacked):
    for path in (p for p in attacked.rglob("*") if p.suffix in (".html", ".json", ".xml")):
        text = path.read_text("utf-8")
        assert SECRET not in text, path
        assert "root:x:0" not in text, path
        assert SCRIPT not in text, path
        assert "<img" not in text, path
        assert "<b onclick" not in text, path


@pytest.mark.parametrize(
    "page",
    ["index", "reports/data", "reports/weekly/2026-W47", "reports/incidents/INC-2026-0001"],
)
def test_nothing_planted_runs_or_calls_out_in_a_browser(attacked, chromium, page):
    opened = chromium.new_page()
    requests = []
    opened.on("request", lambda r: requests.append(r.url))
    opened.goto(f"{attacked.as_uri()}/{page}.html")
    opened.wait_for_timeout(500)
    assert opened.title().endswith("Opsbook")
    assert [r for r in requests if not r.startswith(("file:", "data:"))] == []
    loud = opened.locator("main strong, main .math, main math").all_inner_texts()
    assert not any("loud" in words or "x^2" in words for words in loud)
    assert opened.locator('a[href^="javascript"]').count() == 0
    opened.close()


def published(place: Path, html: str, title: str = "T") -> str:
    """The text of the page made of one output."""
    output = nbformat.v4.new_output("display_data", data={"text/html": html})
    words, code = nbformat.v4.new_markdown_cell("# T"), nbformat.v4.new_code_cell("x")
    code.outputs = [output]
    nbformat.write(nbformat.v4.new_notebook(cells=[words, code]), place / "executed.ipynb")
    site.publish(place / "executed.ipynb", place / "page.ipynb", title, "2026-11-23", [])
    return (place / "page.ipynb").read_text("utf-8")


@pytest.mark.parametrize(
    "forged",
    [
        "<p>before</p><code>ob-spec-0-</code>",
        '<p>before</p><script type="application/json" class="ob-spec">alert(1)</script>',
        '<p>before</p><svg><path fill="url(https://example.com/a#b)"></path></svg>',
    ],
)
def test_a_forged_piece_of_a_chart_stops_no_page_and_leads_nowhere(tmp_path, monkeypatch, forged):
    monkeypatch.chdir(tmp_path)
    page = published(tmp_path, forged)
    assert "before" in page
    assert "example.com" not in page
    assert "alert(1)" not in page


def test_a_title_is_shown_as_the_words_it_is(weekly, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("_quarto.yml", "index.ipynb"):
        shutil.copy(weekly.place / name, tmp_path / name)
    shutil.copytree(weekly.place / "reports", tmp_path / "reports")
    published(tmp_path, "<p>x</p>", f"<script>alert(1)</script> *loud* $x$ {SHORTCODE}")
    shutil.copy(tmp_path / "page.ipynb", tmp_path / "reports/page.ipynb")
    site.render(tmp_path, "embedded")
    page = (tmp_path / "_site/reports/page.html").read_text("utf-8")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; *loud* $x$ {{&lt; env PLANTED" in page
    assert "<script>alert" not in page
