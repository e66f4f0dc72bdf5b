"""Frozen months and the published folder: whole, never overwritten, never half a site."""

import datetime as dt
import functools
import http.server
import os
import re
import resource
import shutil
import subprocess
import sys
import threading
import urllib.request
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import unquote, urljoin, urlsplit

import pytest

from opsbook import archive
from opsbook.archive import Facts, freeze, months, publish
from opsbook.errors import SiteError, UsageError

pytestmark = pytest.mark.xdist_group("site")
FACTS = Facts("Example", dt.date(2026, 11, 3), "draft", 42, "ab" * 32)


@pytest.fixture
def small(tmp_path):
    """A site of two pages with a script, small enough to freeze often."""
    built = tmp_path / "_site"
    (built / "reports").mkdir(parents=True)
    page = '<html><body><main class="c"><a href="%s">there</a></main></body></html>'
    (built / "index.html").write_text(page % "reports/one.html")
    (built / "reports/one.html").write_text(page % "../index.html")
    (built / "big.js").write_text("1" * 200_000)
    return built


class Links(HTMLParser):
    """The addresses a page leads to or loads."""

    def __init__(self, text: str):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found += [v for k, v in attrs if k in ("href", "src") and v]


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A server that keeps its log to itself."""

    def log_message(self, *_):
        pass


@pytest.fixture
def served():
    """Serves a folder on this machine: served(folder) is its address."""
    servers = []

    def serve(folder: Path) -> str:
        handler = functools.partial(Quiet, directory=str(folder))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def crawled(address: str) -> tuple[set[str], list[tuple[str, str]]]:
    """Every page and file reached from an address over http, and the links that led nowhere."""
    seen, broken, todo = set(), [], [(address, "")]
    while todo:
        url, from_page = todo.pop()
        if url in seen:
            continue
        seen.add(url)
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                html = "html" in answer.headers["Content-Type"] and answer.read().decode()
        except HTTPError:
            broken.append((from_page, url))
            continue
        for link in Links(html).found if html else []:
            parts = urlsplit(urljoin(url, link))
            if parts.scheme == "http":
                todo.append((parts._replace(fragment="", query="").geturl(), url))
    return seen, broken


def test_a_published_site_with_a_frozen_month_has_no_broken_link_over_http(
    weekly, tmp_path, served
):
    months_of = tmp_path / "archive"
    freeze(weekly.site, months_of, "2026-10", FACTS)
    publish(weekly.site, months_of, tmp_path / "www/intern/ops", "Example")
    seen, broken = crawled(served(tmp_path / "www") + "/intern/ops/index.html")
    assert broken == []
    assert sum(u.endswith("reports/weekly/2026-W47.html") for u in seen) == 2
    assert any(u.endswith("/ops/archive/index.html") for u in seen)


def test_a_frozen_month_is_complete_and_its_links_stay_within_it(weekly, tmp_path):
    frozen = freeze(weekly.site, tmp_path, "2026-10", FACTS)
    pages = sorted(frozen.rglob("*.html"))
    assert len(pages) == len(list(weekly.site.rglob("*.html"))) > 20
    for page in pages:
        text = page.read_text("utf-8")
        assert text.count("Frozen copy of 2026-10 (draft): the state of 2026-11-03.") == 1
        for link in Links(text).found:
            parts = urlsplit(link)
            target = (page.parent / unquote(parts.path)).resolve()
            inside = target.is_relative_to(frozen.resolve()) and target.exists()
            assert parts.scheme in ("https", "mailto") or inside, (page.name, link)


def test_a_frozen_page_opens_from_a_file_and_says_its_day(weekly, tmp_path, chromium):
    frozen = freeze(weekly.site, tmp_path, "2026-10", FACTS)
    page = chromium.new_page()
    asked = []
    page.on("request", lambda r: asked.append(r.url))
    page.goto((frozen / "reports/weekly/2026-W47.html").as_uri())
    assert "the state of 2026-11-03. Record: 42 events" in page.get_by_role("note").inner_text()
    assert asked
    assert [u for u in asked if not u.startswith((frozen.as_uri(), "data:"))] == []
    page.close()


def test_the_sums_of_a_frozen_month_are_those_that_sha256sum_checks(small, tmp_path):
    frozen = freeze(small, tmp_path / "a", "2026-10", FACTS)
    if not shutil.which("sha256sum"):
        pytest.skip("no sha256sum on this machine")
    done = subprocess.run(["sha256sum", "-c", "manifest.sha256"], cwd=frozen, capture_output=True)
    assert done.returncode == 0
    assert b"reports/one.html: OK" in done.stdout


def test_the_same_site_is_frozen_once(small, tmp_path):
    first = freeze(small, tmp_path / "a", "2026-10", FACTS)
    before = {p: p.stat().st_mtime_ns for p in first.rglob("*")}
    later = replace(FACTS, day=dt.date(2026, 11, 9))
    assert freeze(small, tmp_path / "a", "2026-10", later) == first
    assert {p: p.stat().st_mtime_ns for p in first.rglob("*")} == before
    assert [f.name for f in months(tmp_path / "a")] == ["2026-10"]


@pytest.mark.parametrize("what", ["a page", "the state"])
def test_another_content_becomes_a_second_copy_and_the_first_stays(small, tmp_path, what):
    first = freeze(small, tmp_path / "a", "2026-10", FACTS)
    before = (first / "index.html").read_bytes()
    facts = replace(FACTS, state="signed") if what == "the state" else FACTS
    if what == "a page":
        (small / "index.html").write_text("<html><body><main>new</main></body></html>")
    assert freeze(small, tmp_path / "a", "2026-10", facts).name == "2026-10.2"
    assert (first / "index.html").read_bytes() == before
    listed = (tmp_path / "a/index.html").read_text("utf-8")
    assert listed.index("2026-10.2/index.html") < listed.index("2026-10/index.html")
    assert "2026-10, copy 2" in listed


def test_the_index_lists_months_newest_first_with_day_state_and_head(small, tmp_path):
    for month, state in (("2026-09", "signed"), ("2026-11", "draft"), ("2026-10", "signed")):
        freeze(small, tmp_path / "a", month, replace(FACTS, state=state))
    listed = (tmp_path / "a/index.html").read_text("utf-8")
    assert re.findall(r">(2026-\d\d)</a>", listed) == ["2026-11", "2026-10", "2026-09"]
    assert listed.count("<td>2026-11-03</td>") == 3
    assert listed.count("<td>signed</td>") == 2
    assert "42 events, head <code>abab" in listed


def test_a_company_name_is_text_on_the_index(small, tmp_path):
    freeze(small, tmp_path / "a", "2026-10", replace(FACTS, company="<script>x</script>"))
    assert "<script" not in (tmp_path / "a/index.html").read_text("utf-8")


def test_a_month_that_was_changed_by_hand_is_told(small, tmp_path):
    frozen = freeze(small, tmp_path / "a", "2026-10", FACTS)
    (frozen / "reports/one.html").write_text("better figures")
    assert [f.whole for f in months(tmp_path / "a")] == [False]
    done = publish(small, tmp_path / "a", tmp_path / "www", "Example")
    assert "Changed since it was frozen: 2026-10." in done.sentence()
    assert "changed since it was frozen" in (tmp_path / "www/archive/index.html").read_text()


def test_files_that_did_not_change_between_months_lie_on_the_disk_once(small, tmp_path):
    one, two = (freeze(small, tmp_path / "a", m, FACTS) for m in ("2026-09", "2026-10"))
    assert (one / "big.js").samefile(two / "big.js")
    assert not (one / "index.html").samefile(two / "index.html")


@pytest.mark.parametrize("month", ["2026-13", "2026-W40", "../2026-10"])
def test_what_is_no_month_is_refused(small, tmp_path, month):
    with pytest.raises(UsageError):
        freeze(small, tmp_path / "a", month, FACTS)
    assert not (tmp_path / "a").exists()


def test_readers_see_the_old_or_the_new_site_and_never_none(small, tmp_path, served):
    www = tmp_path / "www/ops"
    publish(small, tmp_path / "a", www, "Example")
    address, got, stop = served(tmp_path / "www"), [], threading.Event()

    def read():
        while not stop.is_set():
            try:
                with urllib.request.urlopen(f"{address}/ops/index.html", timeout=10) as answer:
                    got.append(b"</main>" in answer.read())
            except HTTPError as problem:
                got.append(problem.code)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(25):
        (small / "index.html").write_text(f"<html><body><main>{number}</main></body></html>")
        publish(small, tmp_path / "a", www, "Example")
    stop.set()
    reader.join()
    assert len(got) > 25
    if sys.platform == "linux":
        assert set(got) == {True}
    assert "24" in (www / "index.html").read_text()
    assert [p.name for p in (tmp_path / "www").iterdir()] == ["ops"]


def test_where_two_names_cannot_change_places_the_old_site_makes_room(small, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "EXCHANGE", 1 << 20)  # a flag that no kernel takes
    for text in ("one", "two"):
        (small / "index.html").write_text(f"<html><body><main>{text}</main></body></html>")
        publish(small, tmp_path / "a", tmp_path / "www/ops", "Example")
    assert "two" in (tmp_path / "www/ops/index.html").read_text()
    assert [p.name for p in (tmp_path / "www").iterdir()] == ["ops"]


def test_a_folder_that_holds_something_else_is_refused_and_not_touched(small, tmp_path):
    (tmp_path / "www").mkdir()
    (tmp_path / "www/mine.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"no published site .* name another folder"):
        publish(small, tmp_path / "a", tmp_path / "www", "Example")
    assert [p.name for p in (tmp_path / "www").iterdir()] == ["mine.txt"]


def test_another_companys_published_site_is_refused(small, tmp_path):
    publish(small, tmp_path / "a", tmp_path / "www", "Example")
    with pytest.raises(UsageError, match="holds the site of Example"):
        publish(small, tmp_path / "a", tmp_path / "www", "Other")


def test_the_folder_that_is_published_is_no_target(small, tmp_path):
    with pytest.raises(UsageError, match="within what is published"):
        publish(small, tmp_path / "a", small / "www", "Example")


def test_a_mount_point_is_refused_with_what_to_name_instead(small):
    with pytest.raises(UsageError, match="name a folder in it"):
        publish(small, Path("none"), Path("/proc"), "Example")


def test_a_place_that_cannot_be_written_is_told(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SiteError, match=r"could not be written: .*as it was"):
        publish(small, tmp_path / "a", tmp_path / "file" / "www", "Example")


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no second file system here")
def test_a_site_is_published_to_another_file_system(small, tmp_path):
    place = Path("/dev/shm") / f"opsbook-{os.getpid()}"
    try:
        freeze(small, tmp_path / "a", "2026-10", FACTS)
        for _ in range(2):
            publish(small, tmp_path / "a", place / "ops", "Example")
        assert (place / "ops/archive/2026-10/reports/one.html").is_file()
        assert [p.name for p in place.iterdir()] == ["ops"]
    finally:
        shutil.rmtree(place, ignore_errors=True)


PUBLISH = """
import sys
from pathlib import Path
from opsbook.archive import publish
publish(*map(Path, sys.argv[1:4]), "Example")
"""


def test_when_a_disk_takes_no_more_the_old_site_stays(small, tmp_path):
    www = tmp_path / "www/ops"
    (small / "big.js").write_text("1" * 1000)
    publish(small, tmp_path / "a", www, "Example")
    (small / "big.js").write_text("2" * 200_000)
    done = subprocess.run(
        [sys.executable, "-c", PUBLISH, small, tmp_path / "a", www],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )
    assert done.returncode
    assert (
        "could not be written: File too large. What lay there before is as it was." in done.stderr
    )
    assert (www / "big.js").read_text() == "1" * 1000
    assert [p.name for p in (tmp_path / "www").iterdir()] == ["ops"]


def test_the_command_publishes_what_the_site_shows_and_no_other_companys(weekly, tmp_path, opsbook):
    done = opsbook("publish", tmp_path / "www", "--json", cwd=weekly.place)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "www/reports/weekly/2026-W47.html").is_file()
    shutil.copytree(weekly.place / "data/demo/settings", tmp_path / "acme/settings")
    other = opsbook("publish", tmp_path / "two", "--data", tmp_path / "acme", cwd=weekly.place)
    assert other.returncode == 2
    assert "shows another company" in " ".join(other.stderr.split())
    assert not (tmp_path / "two").exists()
