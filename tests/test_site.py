"""The site as it is built from the demo: offline, whole, safe, and drawn in a real browser."""

import functools
import http.server
import re
import shutil
import threading
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

from opsbook import site
from opsbook.errors import NotebookError

pytestmark = pytest.mark.xdist_group("site")
PAGES = (
    "index.html", "reports/weekly/2026-W47.html", "reports/data.html", "reports/method.html",
    "reports/backtest.html", "reports/incidents/index.html",
    "reports/incidents/INC-2026-0001.html",
)  # fmt: skip


class Links(HTMLParser):
    """The addresses and ids of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.addresses, self.ids = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids.add(named.get("id"))
        self.addresses += [named[a] for a in ("href", "src") if named.get(a)]


@pytest.fixture(scope="module")
def served(weekly, tmp_path_factory):
    """The site in a sub-folder of a real server; its address."""
    root = tmp_path_factory.mktemp("www")
    shutil.copytree(weekly.site, root / "intern" / "ops")
    handler = functools.partial(Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/intern/ops"
        server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that keeps its log to itself."""

    def log_message(self, *_):
        pass


@pytest.fixture
def visit(chromium):
    """Opens a page and gives it back with the requests it made and the errors it had."""
    contexts = []

    def opened(address: str, **options):
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.requests, page.errors = [], []
        page.on("request", lambda r: page.requests.append(r.url))
        page.on("pageerror", lambda e: page.errors.append(str(e)))
        page.goto(address)
        page.wait_for_load_state("load")
        return page

    yield opened
    for context in contexts:
        context.close()


def test_the_command_says_what_it_made(weekly):
    assert weekly.said["period"] == "2026-W47"
    assert weekly.said["state"] == "draft"
    assert weekly.said["problems"] == []
    assert Path(weekly.said["path"]) == weekly.site / "index.html"


def test_no_link_of_the_site_is_broken(weekly):
    pages = {p: Links(p.read_text("utf-8")) for p in weekly.site.rglob("*.html")}
    broken = []
    for page, links in pages.items():
        for address in links.addresses:
            parts = urlsplit(address)
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            target = target / "index.html" if target.is_dir() else target
            anchor = "" if "=" in parts.fragment else parts.fragment  # a listing's filter is none
            lost = anchor and target in pages and anchor not in pages[target].ids
            if not parts.scheme and (not target.exists() or lost):
                broken.append((page.name, address))
    assert broken == []


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("how", ["http", "file"])
def test_a_page_asks_no_other_host_for_anything(weekly, served, visit, page, how):
    root = served if how == "http" else weekly.site.as_uri()
    opened = visit(f"{root}/{page}")
    opened.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    opened.wait_for_timeout(500)
    assert opened.requests
    assert [r for r in opened.requests if not r.startswith((root, "data:"))] == []
    assert opened.errors == []


@pytest.mark.parametrize("how", ["http", "file"])
def test_charts_are_drawn_live_and_answer_in_their_titles(weekly, served, visit, how):
    root = served if how == "http" else weekly.site.as_uri()
    page = visit(f"{root}/reports/weekly/2026-W47.html")
    for figure in page.locator("figure.ob-chart").all():
        figure.scroll_into_view_if_needed()
        figure.locator(".ob-live svg").first.wait_for(state="visible")
        assert not figure.locator(".ob-plot > svg").is_visible()
    titles = page.locator("figcaption.ob-title").all_inner_texts()
    assert "Invoice extraction: 2.4× its cost per run, since Tue 17 Nov 14:00" in titles


def test_without_scripts_the_charts_made_ahead_are_seen(weekly, visit):
    page = visit(f"{weekly.site.as_uri()}/reports/weekly/2026-W47.html", java_script_enabled=False)
    drawings = page.locator("figure.ob-chart .ob-plot > svg")
    assert drawings.count() == page.locator("figure.ob-chart").count() > 3
    assert drawings.first.is_visible()


@pytest.mark.parametrize("page", PAGES)
def test_nothing_runs_off_a_phone(weekly, visit, page):
    opened = visit(f"{weekly.site.as_uri()}/{page}", viewport={"width": 390, "height": 844})
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_page_weighs_less_than_300_kb_beside_the_shared_bundle(weekly):
    heavy = {p.name: p.stat().st_size for p in weekly.site.rglob("*.html")}
    assert {n: s for n, s in heavy.items() if s > 300_000} == {}


def test_the_planted_incidents_stand_on_the_register_with_their_times(weekly):
    words = re.sub(r"<[^>]+>|\s+", " ", (weekly.site / "reports/incidents/index.html").read_text())
    for planted in (
        "Support chat: 61% of calls failed",
        "Thu 12 Nov 10:00",
        "Invoice extraction: 13% of calls failed for more than two hours",
        "Wed 7 Oct 10:00",
        "Company spend: 175% of the mean",
        "Tue 17 Nov 14:00",
    ):
        assert planted in words


def test_the_look_alikes_call_nobody(weekly):
    text = (weekly.site / "reports/incidents/index.html").read_text("utf-8")
    rows = [re.sub(r"<[^>]+>|\s+", " ", row) for row in re.findall(r"<tr>.*?</tr>", text, re.S)]
    alike = [row for row in rows if "27 Oct" in row or "Sun 22 Nov" in row]
    assert [row for row in alike if " P3 " not in row or " R7 " in row] == []
    assert sum("INC-2026-" in row for row in rows) == text.count(">INC-2026-") > 6


def test_a_weekly_review_has_all_eight_sections_and_none_is_empty(weekly):
    text = (weekly.site / "reports/weekly/2026-W47.html").read_text("utf-8")
    heads = re.findall(r"<h2[^>]*>(\d)\. ", text)
    assert heads == list("12345678")
    assert len(re.findall(r'class="ob-agenda', text)) == 8


def hostile(place: Path, html: str) -> str:
    """A page published from a notebook with one output, as text."""
    output = nbformat.v4.new_output("display_data", data={"text/html": html})
    words = nbformat.v4.new_markdown_cell("# Title\n\n{{< env HOME >}}")
    book = nbformat.v4.new_notebook(cells=[words, nbformat.v4.new_code_cell("x", outputs=[output])])
    nbformat.write(book, place / "executed.ipynb")
    site.publish(place / "executed.ipynb", place / "page.ipynb", "T", "2026-11-23", [])
    return (place / "page.ipynb").read_text("utf-8")


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        '<img src="https://example.com/x.png">',
        '<a href="javascript:alert(1)">x</a>',
        '<p onclick="alert(1)">x</p>',
        "<style>@import url(https://example.com/x.css)</style>",
        '<iframe src="https://example.com"></iframe>',
        "<p>{{< env HOME >}}</p>",
        "<p>{{< include /etc/passwd >}}</p>",
        '<svg><script>alert(1)</script><a href="javascript:1">x</a></svg>',
        "```\n<script>alert(1)</script>",
    ],
)
def test_hostile_text_in_an_output_is_inert_on_its_page(tmp_path, monkeypatch, attack):
    monkeypatch.chdir(tmp_path)
    page = hostile(tmp_path, f"<div>before {attack} after</div>")
    assert "before" in page
    for trace in ("<script>", "javascript:", "onclick", "@import", "<iframe", "{{<", "<img"):
        assert trace not in page


def test_a_notebook_with_a_failed_cell_is_not_published(tmp_path):
    output = nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])
    cell = nbformat.v4.new_code_cell("1", outputs=[output])
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "failed.ipynb")
    with pytest.raises(NotebookError, match=r"failed\.ipynb, cell 0: ValueError: no"):
        site.publish(tmp_path / "failed.ipynb", tmp_path / "page.ipynb", "T", "2026-11-23", [])
    assert not (tmp_path / "page.ipynb").exists()


@pytest.mark.skipif(not site.quarto_program(), reason="no quarto on this machine")
def test_both_renderers_make_the_same_pages(weekly, tmp_path):
    place = tmp_path / "quarto"
    shutil.copytree(weekly.place, place)
    made = site.render(place, "quarto")
    for page in PAGES:
        one, two = (re.findall(r"<h[1-3][^>]*>(.*?)<", (r / page).read_text("utf-8"))
                    for r in (weekly.site, made.output))  # fmt: skip
        assert set(one) <= set(two)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("page", [*PAGES, "reports/baselines.html"])
def test_a_page_keeps_the_rules_of_accessibility_in_both_themes(weekly, visit, page, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    opened = visit(f"{weekly.site.as_uri()}/{page}", color_scheme=theme)
    opened.wait_for_timeout(500)
    found = axe.Axe().run(opened).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


@pytest.mark.parametrize(("theme", "bright"), [("light", True), ("dark", False)])
def test_a_page_follows_the_theme_a_person_prefers(weekly, visit, theme, bright):
    page = visit(f"{weekly.site.as_uri()}/index.html", color_scheme=theme)
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", color)[:3])) > 600) is bright


def test_a_failed_notebook_leaves_the_last_good_site(weekly, opsbook, tmp_path):
    place = tmp_path / "project"
    shutil.copytree(weekly.place, place)
    before = (place / "_site/index.html").read_bytes()
    status = place / "notebooks/status.ipynb"
    status.write_text(status.read_text("utf-8").replace("pages.status(week)", "pages.status()"))
    done = opsbook("review", "weekly", "--renderer", "embedded", cwd=place)
    assert done.returncode == 3
    assert re.search(
        r"notebooks/status\.ipynb, cell \d+, `pages\.status\(\)`: TypeError", done.stderr
    )
    assert (place / "_site/index.html").read_bytes() == before


def test_the_same_data_gives_the_same_pages(weekly, opsbook, tmp_path):
    place = tmp_path / "project"
    shutil.copytree(weekly.place, place)
    opsbook("review", "weekly", "--renderer", "embedded", cwd=place)
    for page in sorted(p.relative_to(weekly.site) for p in weekly.site.rglob("*.html")):
        assert (place / "_site" / page).read_text("utf-8") == (weekly.site / page).read_text(
            "utf-8"
        )
