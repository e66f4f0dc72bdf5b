"""The register's commands: reported, acknowledged, written up, closed, and what each refuses."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from opsbook.desk import app
from opsbook.errors import UsageError
from opsbook.records import Log
from opsbook.store import Folder

WORDS = "Frau M. bekam die Rechnung eines anderen <script>"


@pytest.fixture
def company(tmp_path, small_company) -> Path:
    return small_company(tmp_path)


@pytest.fixture
def type_(company):
    """Types a command of the register on Tuesday at a time; its JSON."""

    def run(*words: str, at: str = "11:00") -> dict:
        moment = f"2026-11-17T{at}+01:00"
        options = ["--data", str(company), "--as-of", moment, "--json"]
        done = CliRunner().invoke(app, [*words, *options], catch_exceptions=True)
        if isinstance(done.exception, UsageError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


@pytest.fixture
def reported(type_) -> dict:
    told = ("--what", WORDS, "--workflow", "Support Chat", "--personal-data", "yes")
    return type_("report", *told, "--noticed", "2026-11-17 10:40")


def written(place: Path) -> None:
    text = place.read_text("utf-8")
    lines = ["It is written." if x.startswith("TO WRITE:") else x for x in text.splitlines()]
    action = "| Check the address | Head of support | 2026-12-01 | prevent |"
    place.write_text("\n".join([*lines, action]).replace("\n\n| Check", "\n| Check"), "utf-8")


def test_a_report_is_one_command_and_its_words_lie_beside_the_chain(reported, company):
    assert (reported["id"], reported["priority"]) == ("INC-2026-0001", "P1")
    assert reported["class_reason"] == "harm_external"
    assert reported["detected_at"] == "2026-11-17T09:40:00+00:00"
    assert WORDS in reported["timeline"][0]["text"]
    assert b"Frau" not in Log(Folder(company)).content()


def test_a_p1_goes_from_report_to_closed_by_command(reported, type_, company):
    name = reported["id"]
    type_("ack", name, "--as", "lead")
    type_("step", name, "pause", "--as", "operations")
    type_("mitigate", name, "--as", "operations", "--text", "Paused.", at="11:10")
    type_("identify", name, "integration_code", "--as", "lead", at="12:00")
    type_("impact", name, "--external", "yes", "--persons", "1", "--as", "lead", at="12:10")
    type_("resolve", name, "--as", "lead", at="13:00")
    type_("post-mortem", name, "--as", "lead", at="14:00")
    place = company / "records" / "post-mortems" / f"{name}.md"
    assert "Frau" not in place.read_text("utf-8")
    written(place)
    type_("post-mortem", name, "--as", "lead", "--sign", at="15:00")
    closed = type_("close", name, "--as", "lead", at="16:00")
    assert closed["state"] == "closed"
    assert closed["steps"] == {"pause": "2026-11-17T10:00:00+00:00"}
    assert [(a["owner"], a["due"]) for a in closed["actions"]] == [
        ("Head of support", "2026-12-01")
    ]
    assert Log(Folder(company)).verify().ok


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["ack", "INC-2026-0009", "--as", "lead"], "is no incident; the latest are: INC-2026-0001"),
        (["close", "INC-2026-0001", "--as", "lead"], "it must be resolved first"),
        (["post-mortem", "INC-2026-0001", "--as", "lead", "--sign"], "begin it with the same"),
        (["identify", "INC-2026-0001", "bad luck", "--as", "lead"], "is no root cause"),
        (["class", "INC-2026-0001", "P3", "--as", "founder", "--text", "x"], "harm stays a P2"),
        (["report", "--what", "x", "--workflow", "chatt"], "did you mean chat?"),
        (["note", "INC-2026-0001", "--as", "lead", "--text", " "], "--text is empty"),
        (["impact", "INC-2026-0001", "--as", "lead"], "nothing is said about the impact"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_command_that_is_refused_says_why_and_leaves_no_trace(
    reported, type_, company, words, why
):
    log = Log(Folder(company))
    before, texts = log.content(), sorted(log.texts.iterdir())
    with pytest.raises(UsageError, match=why):
        type_(*words)
    assert (log.content(), sorted(log.texts.iterdir())) == (before, texts)


def test_a_text_that_is_erased_is_gone_everywhere_and_the_chain_stays_whole(
    reported, type_, company, opsbook
):
    digest = Log(Folder(company)).events()[0].payload["text"]
    moment = ("--as-of", "2026-11-17T12:00+01:00")
    done = opsbook("erase", digest, "--despite-hold", "--data", str(company), *moment, cwd=company)
    assert done.returncode == 0, done.stderr
    assert type_("show", reported["id"], at="12:00")["timeline"][0]["text"] is None
    kept = [p.read_bytes() for p in (company / "records").rglob("*") if p.is_file()]
    assert not any(b"Frau" in content for content in kept)
    assert Log(Folder(company)).verify().ok


def test_verify_says_count_and_head_and_finds_a_cut_tail(reported, type_, company, opsbook):
    type_("ack", reported["id"], "--as", "lead")
    whole = opsbook("verify", "--data", str(company), "--json", cwd=company)
    said = json.loads(whole.stdout)
    assert (said["ok"], said["count"], said["first_bad"], whole.returncode) == (True, 2, None, 0)
    log = Log(Folder(company))
    log.path.write_bytes(log.content().splitlines(keepends=True)[0])
    noted = ("--count", "2", "--head", said["head"][:16])
    cut = opsbook("verify", "--data", str(company), *noted, "--json", cwd=company)
    assert cut.returncode == 3
    assert json.loads(cut.stdout)["first_bad"] == 2
