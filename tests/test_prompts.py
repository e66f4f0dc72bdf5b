"""What a prompt said on a day, from a real git repository."""

import json
import os
import subprocess

import pytest

from opsbook import prompts
from opsbook.errors import UsageError
from opsbook.store import Folder


@pytest.fixture
def company(tmp_path, small_company):
    """A company in a repository whose prompt was changed and renamed."""
    place = small_company(tmp_path / "data" / "acme")
    folder = place / "prompts" / "chat"
    folder.mkdir(parents=True)

    def git(*words, at="2026-10-01T08:00:00+02:00"):
        dated = {"GIT_AUTHOR_DATE": at, "GIT_COMMITTER_DATE": at, "GIT_CONFIG_GLOBAL": os.devnull}
        who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True,
                       env=os.environ | dated)  # fmt: skip

    git("init", "-q")
    for text, name, at in (
        ("Be brief.\n" * 5, "grüße.md", "2026-10-01T08:00:00+02:00"),
        ("Be brief.\n" * 5 + "In German.\n", "grüße.md", "2026-10-12T17:00:00+02:00"),
    ):
        (folder / name).write_text(text, "utf-8")
        git("add", "-A", at=at)
        git("commit", "-qm", f"Say it {at[:10]}", at=at)
    git("mv", "data/acme/prompts/chat/grüße.md", "data/acme/prompts/chat/system prompt.md")
    git("commit", "-qm", "Rename it", at="2026-11-01T08:00:00+01:00")
    return place


@pytest.mark.parametrize(
    ("day", "lines", "subject"),
    [
        ("2026-10-01", 5, "Say it 2026-10-01"),
        ("2026-10-11", 5, "Say it 2026-10-01"),
        ("2026-10-12", 6, "Say it 2026-10-12"),
        ("2026-10-12T16:59:59+02:00", 5, "Say it 2026-10-01"),
        ("2026-11-20", 6, "Rename it"),
    ],
)
def test_the_prompt_of_a_day_is_what_was_committed_by_its_end(
    company, opsbook, day, lines, subject
):
    done = opsbook("prompts", "at", day, "chat", "--data", company, "--json", cwd=company)
    found = json.loads(done.stdout)["prompts"][0]
    assert (found["text"].count("\n"), found["subject"]) == (lines, subject)


def test_before_its_first_commit_a_prompt_was_not_there(company, opsbook):
    done = opsbook("prompts", "at", "2026-09-30", "chat", "--data", company, cwd=company)
    assert (done.returncode, "not yet there" in done.stderr) == (1, True)


def test_the_blob_is_the_one_that_git_names(company):
    path = prompts.files(Folder(company), "chat")[0]
    named = subprocess.run(["git", "hash-object", path], capture_output=True, text=True, check=True)
    assert prompts.history(path)[-1].blob == named.stdout.strip()
    assert not prompts.uncommitted(path)
    path.write_text("Be long.")
    assert prompts.uncommitted(path)


def test_outside_a_repository_the_error_says_what_to_do(tmp_path, small_company, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    place = small_company(tmp_path / "acme")
    (place / "prompts" / "chat").mkdir(parents=True)
    (place / "prompts" / "chat" / "a.md").write_text("x")
    with pytest.raises(UsageError, match="commit the prompts"):
        prompts.history(place / "prompts" / "chat" / "a.md")


def test_a_workflow_without_prompts_names_those_that_have_some(company):
    with pytest.raises(UsageError, match="found prompts of chat"):
        prompts.files(Folder(company), "mail")


def test_a_changed_prompt_is_told_with_its_moment_and_a_new_name_is_no_change(company):
    found = prompts.changes(Folder(company), "chat")
    assert [(c.subject, str(c.at)) for c in found] == [
        ("Say it 2026-10-12", "2026-10-12 15:00:00+00:00")
    ]
