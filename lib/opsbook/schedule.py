"""The lines with which a scheduler runs the hourly check, each in its scheduler's own quoting.

Exit code 1 of a check means that people have been told: that is no failure of the job. Secrets
stand in a file that only its owner reads, or in the scheduler's own store; never in these lines.
"""

import json
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from subprocess import list2cmdline
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from opsbook.errors import UsageError

MINUTE = 7
"""Past the hour: what is exported on the hour has arrived."""
ENVIRONMENT = ".config/opsbook/env"
"""Below the home folder: lines of NAME="value", readable by the owner alone."""
TASK = "http://schemas.microsoft.com/windows/2004/02/mit/task"


@dataclass(frozen=True)
class Job:
    """One company's check: where it runs, with which Python, and the variables it needs."""

    name: str
    root: str
    python: str
    data: str
    variables: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Refuse a path that no scheduler can be told of."""
        for path in (self.root, self.python, self.data):
            if "\n" in path or "${{" in path:
                raise UsageError(f"{path!r} holds a line break or ${{{{; move it elsewhere")

    @property
    def words(self) -> list[str]:
        """The command, word by word."""
        return [self.python, "-m", "opsbook", "check", "--data", self.data]

    @property
    def id(self) -> str:
        """A name that every scheduler takes."""
        return "opsbook-check-" + re.sub(r"[^A-Za-z0-9]+", "-", self.name).strip("-").lower()

    @property
    def shell(self) -> str:
        """The command for a POSIX shell, from the project's folder; 3 when that is gone."""
        return f"cd {shlex.quote(self.root)} || exit 3; {shlex.join(self.words)}"


def lines(kind: str, job: Job) -> str:
    """What to give to a scheduler of a kind, with what to do as comments; UsageError if unknown."""
    if kind not in KINDS:
        raise UsageError(f"--kind {kind!r} is not known; expected one of {', '.join(KINDS)}")
    return KINDS[kind](job)


def cron(job: Job) -> str:
    """A crontab's line: in it a percent sign would end the command."""
    known = f'"$HOME/{ENVIRONMENT}"'
    read = f"set -a; [ ! -r {known} ] || . {known}; set +a"
    command = f"{read}; {job.shell}".replace("%", "\\%")
    return (
        f'# Add with "crontab -e". Secrets: lines of NAME="value" in ~/{ENVIRONMENT}, chmod 600.\n'
        f"{_wanted(job)}{MINUTE} * * * * {command}\n"
    )


def systemd(job: Job) -> str:
    """A service and its timer, as two files of one user.

    Through env, because systemd takes no program whose path holds quotes.
    """
    command = " ".join(_systemd_quoted(word) for word in job.words)
    return f"""\
# Two files. After saving: systemctl --user daemon-reload
#   systemctl --user enable --now {job.id}.timer; loginctl enable-linger
# Secrets: lines of NAME="value" in ~/{ENVIRONMENT}, chmod 600.
{_wanted(job)}
# ~/.config/systemd/user/{job.id}.service
[Unit]
Description=Opsbook check

[Service]
Type=oneshot
WorkingDirectory={job.root.replace("%", "%%")}
EnvironmentFile=-%h/{ENVIRONMENT}
ExecStart=/usr/bin/env {command}
SuccessExitStatus=1

# ~/.config/systemd/user/{job.id}.timer
[Unit]
Description=Opsbook check, hourly

[Timer]
OnCalendar=*-*-* *:{MINUTE:02}:00
Persistent=true

[Install]
WantedBy=timers.target
"""


def _systemd_quoted(word: str) -> str:
    safe = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{safe}"'


def windows(job: Job) -> str:
    """A task for the Task Scheduler, as XML in plain ASCII, which any code page saves right."""
    task = Element("Task", version="1.2", xmlns=TASK)
    about = f"Save as check.xml, then: schtasks /Create /TN {job.id} /XML check.xml"
    _put(task, "RegistrationInfo", Description=f"{about}. Secrets: user environment variables.")
    trigger = SubElement(SubElement(task, "Triggers"), "TimeTrigger")
    _put(trigger, "Repetition", Interval="PT1H")
    SubElement(trigger, "StartBoundary").text = f"2026-01-01T00:{MINUTE:02}:00"
    always = {"DisallowStartIfOnBatteries": "false", "StartWhenAvailable": "true"}
    _put(task, "Settings", MultipleInstancesPolicy="IgnoreNew", **always)
    command, *words = job.words
    run = {"Command": command, "Arguments": list2cmdline(words), "WorkingDirectory": job.root}
    _put(SubElement(task, "Actions"), "Exec", **run)
    indent(task)
    return tostring(task, encoding="us-ascii", xml_declaration=False).decode("ascii") + "\n"


def _put(parent: Element, name: str, **children: str) -> None:
    element = SubElement(parent, name)
    for child, text in children.items():
        SubElement(element, child).text = text


def github(job: Job) -> str:
    """A workflow for GitHub Actions, on a runner of one's own: inbox and record stay there."""
    secrets = "".join(f"      {v}: ${{{{ secrets.{v} }}}}\n" for v in job.variables)
    return f"""\
# .github/workflows/{job.id}.yml
# Needs a self-hosted runner on the machine that holds the folder: inbox and record stay there.
name: {job.id}
on:
  schedule:
    - cron: "{MINUTE} * * * *"
  workflow_dispatch:
permissions: {{}}
concurrency: {job.id}
jobs:
  check:
    runs-on: self-hosted
{"    env:" + chr(10) + secrets if secrets else ""}    steps:
      - shell: bash
        run: {json.dumps(job.shell + " || test $? -eq 1")}
"""


def gitlab(job: Job) -> str:
    """A job for GitLab CI, on a runner of one's own; its schedule is set on the project's page."""
    return f"""\
# .gitlab-ci.yml
# Needs a shell runner tagged "opsbook" on the machine that holds the folder: inbox and record stay
# there. Its times are set under Build > Pipeline schedules: {MINUTE} * * * *
# Secrets: masked variables of the project's CI/CD settings.
{_wanted(job)}{job.id}:
  tags: [opsbook]
  rules:
    - if: $CI_PIPELINE_SOURCE == "schedule"
  resource_group: {job.id}
  variables:
    GIT_STRATEGY: none
  script:
    - {json.dumps(job.shell)}
  allow_failure:
    exit_codes: 1
"""


def _wanted(job: Job) -> str:
    return f"# Needed by the channels: {', '.join(job.variables)}\n" if job.variables else ""


KINDS = {
    "cron": cron,
    "systemd": systemd,
    "windows": windows,
    "github": github,
    "gitlab": gitlab,
}
