"""What the doctor finds in a company's folder, and what it says to do."""

import json
import os
import subprocess
import tomllib
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsbook import inbox, store
from opsbook.check import check
from opsbook.company import toml
from opsbook.doctor import Check, examine, literal
from opsbook.exports.template import COLUMNS
from opsbook.records import Log
from opsbook.schema import UNASSIGNED
from opsbook.settings import Company, Settings, Workflow

CHANNEL = """
[[channels]]
id = "mail"
roles = ["AI Lead"]
url = "mailtos://{MAIL_USER}:{MAIL_PASSWORD}@mail.example.org?to=lead@example.org"
"""
SECRETS = {"MAIL_USER": "robot", "MAIL_PASSWORD": "correct-horse-battery"}


@pytest.fixture
def company(small_company, tmp_path, monkeypatch):
    """A Bavarian company with one workflow, `chat`, in an empty project and an empty home."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def at(**more: str) -> Path:
        place = small_company(tmp_path / "data/acme", **more)
        (place / "inbox").mkdir(exist_ok=True)
        return place

    return at


def found(place: Path, name: str, environ: dict[str, str] | None = None) -> list[Check]:
    return [c for c in examine(place, environ or {}) if c.check == name]


def drop(place: Path, *rows: str, name: str = "calls.csv") -> None:
    """Put rows of the template into the inbox and take them in."""
    lines = [",".join(COLUMNS), *rows]
    (place / "inbox" / name).write_text("\n".join(lines) + "\n", "utf-8")
    folder = store.Folder(place)
    inbox.ingest(folder, store.load_settings(folder))


def row(at: pd.Timestamp, workflow: str, model: str = "gpt-4o") -> str:
    return f"{at:%Y-%m-%dT%H:%M},{workflow},,{model},10,5,,,ok,,,"


NOW = pd.Timestamp.now("UTC")


def test_each_check_says_what_was_found_and_a_bad_one_what_to_do(company):
    checks = examine(company(), {})
    assert all(c.found for c in checks)
    assert all(c.fix for c in checks if not c.ok)
    assert {"python", "packages", "settings", "holidays", "clock", "disk", "permissions",
            "channels", "inbox", "rows", "workflows", "unassigned", "record", "backup", "schedule",
            "rates", "prices", "site", "chromium", "LibreOffice", "quarto", "Java", "fontconfig",
            "JupyterLab"} == {c.check for c in checks}  # fmt: skip


def test_a_company_just_made_needs_nobody(company):
    assert [c for c in examine(company(), {}) if c.required and not c.ok] == []


def test_settings_that_cannot_be_read_are_named_and_the_machine_is_looked_at_all_the_same(company):
    place = company(company="[company]\nname = 1\n")
    (settings,) = found(place, "settings")
    assert not settings.ok
    assert "company.toml: zone is missing" in settings.found
    assert found(place, "python")[0].ok


def test_a_folder_that_is_none_is_told(tmp_path):
    (settings,) = found(tmp_path / "nowhere", "settings")
    assert "settings is missing" in settings.found


def test_a_region_that_no_holidays_are_known_for_is_told_with_those_there_are(company):
    text = company().joinpath("settings/company.toml").read_text()
    place = company(company=text.replace('"BY"', '"Bayern-Süd"'))
    (holidays,) = found(place, "holidays")
    assert not holidays.ok
    assert '"BY" (Bayern)' in holidays.found


@pytest.mark.parametrize(
    ("environ", "ok", "said"),
    [
        ({}, False, "not set: MAIL_USER, MAIL_PASSWORD"),
        ({"MAIL_USER": "robot"}, False, "not set: MAIL_PASSWORD"),
        ({"MAIL_USER": "robot", "MAIL_PASSWORD": ""}, False, "not set: MAIL_PASSWORD"),
        (SECRETS, True, "from P2 to AI Lead"),
    ],
)
def test_a_channels_variables_are_named_and_never_their_values(company, environ, ok, said):
    checks = examine(company(channels=CHANNEL), environ)
    (channel,) = [c for c in checks if c.check == "channel mail"]
    assert (channel.ok, channel.found) == (ok, said)
    assert SECRETS["MAIL_PASSWORD"] not in json.dumps([c.as_json() for c in checks])


def test_variables_that_only_the_scheduler_has_are_enough(company, tmp_path):
    env = tmp_path / "home/.config/opsbook/env"
    env.parent.mkdir(parents=True)
    env.write_text('MAIL_USER="robot"\nexport MAIL_PASSWORD=correct-horse-battery\n')
    (channel,) = found(company(channels=CHANNEL), "channel mail")
    assert channel.ok
    assert channel.found == "MAIL_USER, MAIL_PASSWORD set for the scheduler, not in this shell"


def test_an_address_that_apprise_does_not_know_is_told(company):
    place = company(channels=CHANNEL.replace("mailtos", "pigeon"))
    (channel,) = found(place, "channel mail", SECRETS)
    assert not channel.ok
    assert "apprise" in channel.found


def test_files_that_wait_are_counted_and_one_that_no_reader_knows_is_named(company):
    place = company()
    (place / "inbox/strange.csv").write_text("when,who\n1,2\n")
    assert found(place, "inbox")[0].found == "1 file, 1 new"
    assert found(place, "file strange.csv") == []
    drop(place, row(NOW, "chat"))
    (file,) = found(place, "file strange.csv")
    assert (file.ok, file.found) == (False, "unknown")
    assert file.fix.startswith(f"opsbook map {place / 'inbox/strange.csv'}")
    assert found(place, "inbox")[0].found == "2 files, 0 new"


def test_rows_set_aside_are_counted_by_file(company):
    place = company()
    drop(place, "yesterday,chat,,gpt-4o,10,5,,,ok,,,", row(NOW, "chat"))
    (rows,) = found(place, "rows")
    assert (rows.ok, rows.found) == (False, "1 set aside; calls.csv: 1 row")


def test_an_account_that_no_workflow_claims_comes_with_the_line_that_claims_it(company):
    place = company()
    drop(place, *[row(NOW, "bot [v2]*", m) for m in ("gpt-4o", "gpt-4o-mini")], row(NOW, "chat"))
    (account,) = found(place, "unassigned")
    assert account.found == '2 calls of "template:bot [v2]*"'
    line = account.fix.partition(": ")[2]
    assert line == 'matches = ["template:bot [[]v2][*]"]'
    workflows = (place / "settings/workflows.toml").read_text()
    claimed = workflows.replace('matches = ["template:chat"]', line)
    drop(company(workflows=claimed), row(NOW, "bot x", "gpt-4o"), name="more.csv")
    told = [c.found for c in found(place, "unassigned")]
    assert told == ['1 calls of "template:bot x"', '1 calls of "template:chat"']


@given(st.text(max_size=30))
def test_the_line_that_claims_an_account_is_taken_and_claims_it_alone(account):
    line = f"matches = [{toml(literal(f'openai:{account}'))}]"
    about = {"id": "a", "name": "A", "category": "internal", "owner": "AI Lead"}
    workflow = Workflow(**about, **tomllib.loads(line))
    hours = {"monday": ["09:00-17:00"]}
    company = Company(name="A", zone="UTC", country="AT", hours=hours)
    settings = Settings(company=company, workflows=[workflow])
    assert settings.workflow_of("openai", account) == "a"
    assert settings.workflow_of("openai", f"{account}x") == UNASSIGNED


def test_a_workflow_silent_for_thirty_days_is_named_and_keeps_nobody_from_working(company):
    place = company()
    drop(place, row(NOW - pd.Timedelta(days=29), "chat"))
    assert found(place, "workflows")[0].ok
    place = company(workflows=(place / "settings/workflows.toml").read_text().replace(
        "template:chat", "template:other"))  # fmt: skip
    drop(place)
    (silent,) = found(place, "workflows")
    assert (silent.ok, silent.required) == (False, False)
    assert silent.found == "without a call in 30 days: chat"


def test_a_model_without_a_price_is_named(company):
    place = company()
    drop(place, row(NOW, "chat", "house-model-7b"))
    (prices,) = found(place, "prices")
    assert not prices.ok
    assert prices.found.endswith("; none for house-model-7b")


def test_a_record_that_was_changed_is_told(company):
    place = company()
    drop(place, row(NOW, "chat"))
    with Log(store.Folder(place)).writing(NOW) as writing:
        from opsbook.events import Draft

        writing.append(Draft("note", payload={"text": "a"}))
    assert found(place, "record")[0].found.startswith("1 event, head ")
    path = place / "records/events.jsonl"
    path.write_text(path.read_text().replace('"a"', '"b"'))
    (record,) = found(place, "record")
    assert not record.ok
    assert "git or a backup" in record.fix


def test_what_git_does_not_hold_yet_is_named(company, tmp_path):
    place = company()
    assert "in no git" in found(place, "backup")[0].found
    for words in (("init", "-q"), ("add", "data")):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "a"],
        cwd=tmp_path,
        check=True,
    )
    assert found(place, "backup")[0].ok
    (place / "settings/company.toml").open("a").write("# changed\n")
    (backup,) = found(place, "backup")
    assert (backup.ok, backup.found) == (False, "not committed: data/acme/settings/company.toml")


def test_a_check_that_ran_lately_shows_that_a_scheduler_is_there(company):
    place = company()
    assert found(place, "schedule")[0].found == "no check has run yet"
    check(place, "", {})
    assert found(place, "schedule")[0].ok
    last = place / "records/events.jsonl.sending"
    os.utime(last, (NOW.timestamp() - 27 * 3600,) * 2)
    assert not found(place, "schedule")[0].ok


def test_the_command_prints_one_document_and_exits_with_1_when_a_person_is_needed(opsbook, company):
    place = company()
    done = opsbook("doctor", "--data", str(place), "--json", cwd=place)
    told = json.loads(done.stdout)["checks"]
    assert done.returncode == 0, done.stderr
    assert {frozenset(c) for c in told} == {frozenset(["check", "ok", "found", "fix", "required"])}
    company(channels=CHANNEL)
    done = opsbook("doctor", "--data", str(place), cwd=place)
    assert done.returncode == 1
    assert "FIX  channel mail: not set: MAIL_USER, MAIL_PASSWORD" in done.stderr


def test_serving_a_site_that_is_not_built_says_what_to_do(opsbook, tmp_path):
    done = opsbook("serve", cwd=tmp_path)
    assert done.returncode == 3
    assert "make weekly builds it" in done.stderr
