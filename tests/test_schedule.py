"""The lines for five schedulers, run or read by the scheduler's own rules."""

import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from opsbook.errors import UsageError
from opsbook.schedule import KINDS, TASK, Job, lines

ODD = """it's a "test" of 100% $HOME `x` & ä"""
DEMO = Path(__file__).parent.parent / "data/demo"
DUMP = '#!/bin/sh\nprintf "%s\\n" "$PWD" "$SECRET" "$@" > "$OUT"\nexit 1\n'


@pytest.fixture
def job(tmp_path):
    """A folder with all signs a path may hold, and a Python that only notes how it was called."""
    root = tmp_path / ODD
    python = root / ".venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(DUMP, "utf-8")
    python.chmod(0o755)
    data = f"data/{ODD}"
    return Job("Acme & Co", str(root), str(python), data, ["MAIL_USER", "MAIL_PASSWORD"])


def called(job) -> list[str]:
    return [job.root, "", "-m", "opsbook", "check", "--data", job.data]


def ran(command: str, tmp_path) -> tuple[int, list[str]]:
    out = tmp_path / "out"
    told = {"OUT": str(out), "HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    done = subprocess.run(["sh", "-c", command], env=told, cwd=tmp_path)
    return done.returncode, out.read_text("utf-8").splitlines()


def crontab_command(text: str) -> str:
    """The command as cron reads it: after five fields, with its percent signs unescaped."""
    (line,) = (each for each in text.splitlines() if not each.startswith("#"))
    *when, command = line.split(" ", 5)
    assert when == ["7", "*", "*", "*", "*"]
    assert "%" not in command.replace("\\%", "")
    return command.replace("\\%", "%")


def test_the_line_for_cron_runs_the_check_in_its_folder_whatever_signs_its_path_has(job, tmp_path):
    assert ran(crontab_command(lines("cron", job)), tmp_path) == (1, called(job))


def test_the_line_for_cron_reads_the_secrets_of_its_owner(job, tmp_path):
    (tmp_path / ".config/opsbook").mkdir(parents=True)
    (tmp_path / ".config/opsbook/env").write_text('SECRET="a b"\n', "utf-8")
    _, words = ran(crontab_command(lines("cron", job)), tmp_path)
    assert words[1] == "a b"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd on this machine")
def test_systemd_takes_the_service_and_its_timer(job, tmp_path):
    home = tmp_path / "units"
    home.mkdir()
    for name, text in units(lines("systemd", job)).items():
        (home / name).write_text(text, "utf-8")
    paths = [str(p) for p in sorted(home.iterdir())]
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *paths], capture_output=True)
    said = done.stderr.decode()
    assert len(paths) == 2
    assert done.returncode == 0, said
    assert "opsbook" not in said


def units(text: str) -> dict[str, str]:
    parts = text.split("# ~/.config/systemd/user/")[1:]
    return {name: rest for name, _, rest in (part.partition("\n") for part in parts)}


def test_the_service_names_the_command_by_systemds_quoting_and_its_exit_codes(job):
    service = units(lines("systemd", job))["opsbook-check-acme-co.service"]
    settings = dict(line.split("=", 1) for line in service.splitlines() if "=" in line)
    for sign in "$%":  # alone, systemd puts a variable or a name of its own in its place
        assert sign not in settings["ExecStart"].replace(2 * sign, "")
    plain = settings["ExecStart"].replace("%%", "%").replace("$$", "$")
    assert shlex.split(plain) == [
        "/usr/bin/env",
        job.python,
        "-m",
        "opsbook",
        "check",
        "--data",
        job.data,
    ]
    assert settings["WorkingDirectory"].replace("%%", "%") == job.root
    assert settings["SuccessExitStatus"] == "1"


def test_the_task_for_windows_names_command_words_and_folder():
    job = Job("Acme", r"C:\Users\Jörg\my ops", r"C:\my ops\python.exe", r"data\my co", [])
    text = lines("windows", job)
    task = ElementTree.fromstring(text)
    found = {e.tag.removeprefix(f"{{{TASK}}}"): e.text for e in task.iter()}
    assert text.isascii()
    assert found["Command"] == r"C:\my ops\python.exe"
    assert found["Arguments"] == r'-m opsbook check --data "data\my co"'
    assert found["WorkingDirectory"] == r"C:\Users\Jörg\my ops"
    assert (found["Interval"], found["MultipleInstancesPolicy"]) == ("PT1H", "IgnoreNew")


def test_github_runs_the_check_hourly_with_the_secrets_by_name(job, tmp_path):
    workflow = yaml.safe_load(lines("github", job))
    check = workflow["jobs"]["check"]
    assert workflow[True] == {"schedule": [{"cron": "7 * * * *"}], "workflow_dispatch": None}
    assert check["env"]["MAIL_PASSWORD"] == "${{ secrets.MAIL_PASSWORD }}"
    assert ran(check["steps"][0]["run"], tmp_path) == (0, called(job))


def test_gitlab_runs_the_check_when_the_schedule_asks(job, tmp_path):
    check = yaml.safe_load(lines("gitlab", job))["opsbook-check-acme-co"]
    assert check["rules"] == [{"if": '$CI_PIPELINE_SOURCE == "schedule"'}]
    assert check["allow_failure"] == {"exit_codes": 1}
    assert ran(check["script"][0], tmp_path) == (1, called(job))


@pytest.mark.parametrize("kind", ["github", "gitlab"])
def test_a_folder_that_is_gone_is_no_success(job, kind):
    gone = Job(job.name, job.root + "/gone", job.python, job.data)
    found = yaml.safe_load(lines(kind, gone))
    run = (
        found["jobs"]["check"]["steps"][0]["run"]
        if kind == "github"
        else found[gone.id]["script"][0]
    )
    assert subprocess.run(["sh", "-c", run], capture_output=True).returncode == 3


def test_github_without_channels_names_no_secrets(job):
    bare = Job(job.name, job.root, job.python, job.data)
    assert "env" not in yaml.safe_load(lines("github", bare))["jobs"]["check"]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"windows", "github"}))
def test_a_person_is_told_which_variables_the_channels_need(job, kind):
    assert "# Needed by the channels: MAIL_USER, MAIL_PASSWORD" in lines(kind, job)


def test_a_path_that_cannot_be_written_and_a_kind_that_is_unknown_are_refused(job):
    with pytest.raises(UsageError, match="line break"):
        Job("Acme", "/a\nb", "/python", "data/acme")
    with pytest.raises(UsageError, match="expected one of cron, systemd, windows, github, gitlab"):
        lines("anacron", job)


def test_the_command_prints_the_lines_and_nothing_else(opsbook, tmp_path):
    shutil.copytree(DEMO / "settings", tmp_path / "my data/settings")
    done = opsbook("schedule", "--kind", "github", "--data", "my data", cwd=tmp_path)
    run = yaml.safe_load(done.stdout)["jobs"]["check"]["steps"][0]["run"]
    assert done.returncode == 0, done.stderr
    assert f"cd {shlex.quote(str(tmp_path))} || " in run
    assert "check --data 'my data'" in run
    said = json.loads(opsbook("schedule", "--data", "my data", "--json", cwd=tmp_path).stdout)
    assert said["kind"] == "cron"
    assert said["text"].startswith("#")
    wrong = opsbook("schedule", "--kind", "anacron", "--data", "my data", cwd=tmp_path)
    assert wrong.returncode == 2
