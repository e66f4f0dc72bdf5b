"""A review signed for real: held on the demo's files, signed as it was shown, kept to the byte."""

import gzip
import hashlib
import json
import re
import shutil
from types import SimpleNamespace

import pytest

from opsbook import signing, site, store
from opsbook.errors import UsageError
from opsbook.periods import period
from opsbook.records import Log
from opsbook.register import fold

pytestmark = pytest.mark.xdist_group("site")
HOSTILE = "scans <script>alert(1)</script> {{< env HOME >}} since Tuesday"
FILE = "data/demo/records/reviews/2026-W47.md"


def held(text: str) -> str:
    """The file as a lead leaves it: all reviewed, whatever is asked explained, one new action."""
    text = text.replace("Held:", "Held: 2026-11-23 07:30", 1).replace("Reviewed: no", "Reviewed: y")
    text = re.sub(r"(Asked: (?!nothing).*\nReviewed: y\nExplained:)", rf"\1 {HOSTILE}", text)
    row = f"|  | Ask for text PDFs {HOSTILE} | Operations | 2026-12-04 | prevent | open |\n"
    return f"{text.rstrip()}\n{row}"


@pytest.fixture(scope="module")
def signed(weekly, tmp_path_factory, opsbook):
    """The demo's week 47, signed: what each command said on the way."""
    place = tmp_path_factory.mktemp("signed") / "project"
    shutil.copytree(weekly.place, place)
    sign = ("sign-off", "2026-W47", "--as", "lead")
    draft = opsbook(*sign, cwd=place)
    (place / FILE).write_text(held((place / FILE).read_text("utf-8")), "utf-8")
    unseen = opsbook(*sign, cwd=place)
    built = opsbook("review", "weekly", "--renderer", "embedded", cwd=place)
    assert built.returncode == 0, built.stderr
    shown = (place / "reports/weekly/2026-W47.ipynb").read_bytes()
    done = opsbook(*sign, "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    again = opsbook(*sign, cwd=place)
    return SimpleNamespace(
        place=place, draft=draft, unseen=unseen, shown=shown, again=again,
        folder=store.Folder(place / "data/demo"), event=json.loads(done.stdout),
    )  # fmt: skip


def test_a_draft_says_all_that_is_left_to_do(signed):
    assert signed.draft.returncode == 2
    assert "Held: is empty; say when it was held" in signed.draft.stderr
    assert "3. Cost against baseline: neither explained nor escalated" in signed.draft.stderr


def test_nothing_is_signed_that_was_not_shown(signed):
    assert signed.unseen.returncode == 2
    assert "shows other figures or words than there are now" in signed.unseen.stderr


def test_the_report_is_kept_as_it_was_shown_with_its_hash_in_the_chain(signed):
    kept = gzip.decompress((signed.folder.path / signed.event["path"]).read_bytes())
    assert kept == signed.shown
    assert hashlib.sha256(kept).hexdigest() == signed.event["report"]
    assert Log(signed.folder).verify().ok
    assert HOSTILE not in Log(signed.folder).path.read_text("utf-8")
    assert signed.event["figures"]["cost"] == pytest.approx(127.53, abs=0.01)


def test_a_signed_review_is_not_signed_twice(signed):
    assert signed.again.returncode == 2
    assert "is signed already, and stays as it is" in signed.again.stderr


def test_the_page_bears_the_signature_and_all_else_as_it_was(signed, tmp_path):
    page = signed.place / "reports/weekly/2026-W47.ipynb"
    before = tmp_path / "before.ipynb"
    before.write_bytes(signed.shown)
    same = [
        a == b for a, b in zip(signing.shown_cells(page), signing.shown_cells(before), strict=True)
    ]
    assert same.count(False) == 2, "only the state and the decisions are others"
    said = page.read_text("utf-8")
    assert "SIGNED" in said
    assert "DRAFT" not in said
    assert "A-2026-" in said
    assert "<script>alert" not in said
    assert "{{< env" not in said


def test_a_later_build_leaves_a_signed_page_to_the_byte(signed, monkeypatch):
    monkeypatch.chdir(signed.place)
    page = signed.place / "reports/weekly/2026-W47.ipynb"
    before = page.read_bytes()
    register = fold(Log(signed.folder).events())
    signing.put_signatures(signed.folder, register)
    assert page.read_bytes() == before
    page.unlink()
    signing.put_signatures(signed.folder, register)
    assert page.read_bytes() == before


def test_a_report_that_was_changed_is_refused(signed):
    told = fold(Log(signed.folder).events()).reviews["2026-W47"][0]
    path = signed.folder.path / told["path"]
    content = path.read_bytes()
    path.write_bytes(gzip.compress(signed.shown + b" "))
    with pytest.raises(UsageError, match="is not the report of 2026-W47 that was signed"):
        signing.kept_report(signed.folder, told)
    path.unlink()
    with pytest.raises(UsageError, match="bring it back from a backup"):
        signing.kept_report(signed.folder, told)
    path.write_bytes(content)


def test_a_report_that_is_not_on_this_machine_leaves_its_signature_and_says_so(
    signed, monkeypatch, tmp_path
):
    monkeypatch.chdir(signed.place)
    register = fold(Log(signed.folder).events())
    path = signed.folder.path / register.reviews["2026-W47"][0]["path"]
    path.rename(tmp_path / "aside")
    signing.put_signatures(signed.folder, register)
    said = (signed.place / "reports/weekly/2026-W47.ipynb").read_text("utf-8")
    assert "is not on this machine; bring it back from a backup" in said
    assert "A-2026-" in said
    (tmp_path / "aside").rename(path)
    signing.put_signatures(signed.folder, register)
    assert "Cost against baseline" in (signed.place / "reports/weekly/2026-W47.ipynb").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("2026-W48", "--as", "lead"), "2026-W48 is not over before 2026-11-30 00:00"),
        (("2026-46", "--as", "lead"), "is no"),
        (("2026-W44", "--as", "lead"), "Held: is empty"),
    ],
)
def test_what_may_not_be_signed_is_refused_at_once(signed, opsbook, words, says):
    done = opsbook("sign-off", *words, cwd=signed.place)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_clock_set_back_signs_nothing(signed, opsbook):
    before = Log(signed.folder).content()
    earlier = ("sign-off", "2026-W44", "--as", "lead", "--as-of", "2026-11-16T08:00+01:00")
    file = signed.folder.path / "records/reviews/2026-W44.md"
    file.write_bytes((signed.place / FILE).read_bytes())
    done = opsbook(*earlier, cwd=signed.place)
    assert done.returncode == 2
    assert "Held: 2026-11-23 07:30 is still to come" in done.stderr
    assert Log(signed.folder).content() == before


def test_a_correction_is_a_page_of_its_own_beside_the_signed_one():
    week = period("2026-W47")
    assert signing.page_of(week).name == "2026-W47.ipynb"
    assert signing.page_of(week, 2).name == "2026-W47-v2.ipynb"
    assert site.fingerprint_of(signing.page_of(week, 99)) == ""
