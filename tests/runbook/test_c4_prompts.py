"""C4: prompts are kept in git, and what one said six weeks ago can be looked up."""

import os
import subprocess

import pandas as pd
import pytest

from opsbook.prompts import at, history, loose, wordings
from opsbook.store import Folder

COMMITS = """
    2026-10-01 | Be brief.                   | Begin
    2026-10-12 | Be brief. Answer in German. | Answer in German
    2026-11-09 | Be brief. Answer in German. | Nothing new
    2026-11-16 | Be kind. Answer in German.  | Be kind
"""


def committed(place, drawn):
    """A company whose chat has one prompt, committed at noon as drawn: day, text, subject."""
    folder = place / "prompts" / "chat"
    folder.mkdir(parents=True)
    (place / "settings").mkdir()
    git(place, "2026-09-30", "init", "-q")
    for line in drawn.strip().splitlines():
        day, text, subject = (part.strip() for part in line.split("|"))
        (folder / "system.md").write_text(text, "utf-8")
        git(place, day, "add", "-A")
        git(place, day, "commit", "-qm", subject, "--allow-empty")
    return Folder(place)


def git(place, day, *words):
    dated = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{day}T12:00:00Z")
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(
        ["git", *who, *words], cwd=place, check=True, capture_output=True,
        env=os.environ | dated | alone,
    )  # fmt: skip


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    return committed(tmp_path_factory.mktemp("company"), COMMITS)


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2026-10-01", "Be brief."),
        ("2026-10-11", "Be brief."),
        ("2026-10-12", "Be brief. Answer in German."),
        ("2026-11-23", "Be kind. Answer in German."),
    ],
)
def test_what_a_prompt_said_on_a_day_is_its_last_version_of_that_day(company, day, said):
    path = company.path / "prompts/chat/system.md"
    assert at(path, pd.Timestamp(f"{day}T23:59Z")).text == said


def test_before_its_first_version_a_prompt_said_nothing(company):
    path = company.path / "prompts/chat/system.md"
    assert at(path, pd.Timestamp("2026-09-30T23:59Z")) is None


def test_a_workflows_page_lists_each_version_that_says_something_else(company):
    told = [(f"{w.at:%m-%d}", w.subject, w.chars) for w in wordings(company, "chat")]
    assert told == [
        ("10-01", "Begin", 9),
        ("10-12", "Answer in German", 27),
        ("11-16", "Be kind", 26),
    ]
    assert all(len(w.commit) == 12 for w in wordings(company, "chat"))


def test_a_text_that_is_in_no_commit_is_named(company):
    path = company.path / "prompts/chat/system.md"
    assert loose(company, "chat") == ()
    path.write_text("Be quick.", "utf-8")
    assert loose(company, "chat") == ("system.md",)
    path.write_text(history(path)[-1].text, "utf-8")
