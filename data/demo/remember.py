"""The demo company's record: what an hourly check entered in a quarter, and what people did then.

Replays the checks at which the rules' view changed, five minutes past the hour, and between them
the steps in STORY, each through the library's own guards. Salts are random, so a record made anew
has other hashes: run it when a rule changes, not otherwise.
"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from lists import LISTS, OLD
from typer import Typer
from typer.testing import CliRunner

from opsbook import desk, inbox, outcomes, regress, steps, store
from opsbook.__main__ import app
from opsbook.agendas import AGENDAS, minutes
from opsbook.check import record
from opsbook.events import Draft
from opsbook.periods import period
from opsbook.records import Log
from opsbook.register import ENDED, Incident, fold
from opsbook.workbook import open_workbook

HERE = Path(__file__).parent
LEAD, FOUNDER, OPERATIONS = "AI Lead", "Founder or CEO", "Operations"
PAST_THE_HOUR = pd.Timedelta(minutes=5)
DAYS_AFTER, SEEN_AT = 5, (8, 9, 14, 17)
"""Days, and hours (UTC) of them, at which the check is replayed too: when it is over is seen."""

STORY = (
    ("2026-09-24T17:25+02:00", "meeting-notes", "acknowledged", LEAD),
    ("2026-09-24T17:40+02:00", "meeting-notes", "identified", LEAD, "human_use",
     "The office was at a trade fair; no meeting was held or noted. Planned days off are now set."),
    ("2026-09-25T10:10+02:00", "meeting-notes", "mitigated", LEAD, "Notes are taken again."),
    ("2026-09-28T09:15+02:00", "meeting-notes", "resolved", LEAD, ""),
    ("2026-09-28T09:20+02:00", "meeting-notes", "closed", LEAD, ""),
    ("2026-10-07T13:30+02:00", "invoice-extraction", "acknowledged", LEAD),
    ("2026-10-07T13:35+02:00", "invoice-extraction", "investigating", LEAD),
    ("2026-10-07T14:20+02:00", "invoice-extraction", "identified", LEAD, "vendor_outage",
     "The vendor's status page reports time-outs on the small model; retries did not help."),
    ("2026-10-07T14:25+02:00", "invoice-extraction", "mitigated", OPERATIONS,
     "Invoices of the afternoon are keyed in by hand."),
    ("2026-10-08T09:30+02:00", "invoice-extraction", "resolved", LEAD, ""),
    ("2026-10-12T10:05+02:00", "invoice-extraction", "closed", LEAD, ""),
    ("2026-10-15T09:05+02:00", "company", "acknowledged", LEAD),
    ("2026-10-15T09:10+02:00", "company", "identified", LEAD, "limits_config",
     "The hackathon's key had no budget. It is withdrawn; the next one gets a limit."),
    ("2026-10-19T10:00+02:00", "company", "resolved", LEAD, ""),
    ("2026-10-19T10:02+02:00", "company", "closed", LEAD, ""),
    ("2026-10-20T14:10+02:00", "customer-mail", "acknowledged", LEAD),
    ("2026-10-20T14:45+02:00", "customer-mail", "identified", LEAD, "vendor_outage",
     "The vendor reports a slow region since the morning."),
    ("2026-10-20T14:50+02:00", "customer-mail", "mitigated", OPERATIONS,
     "The office writes urgent mails itself."),
    ("2026-10-21T10:30+02:00", "customer-mail", "resolved", LEAD, ""),
    ("2026-10-21T10:35+02:00", "customer-mail", "closed", LEAD, ""),
    ("2026-10-28T15:10+01:00", "code-review", "acknowledged", LEAD),
    ("2026-10-28T15:20+01:00", "code-review", "investigating", LEAD),
    ("2026-10-29T09:40+01:00", "code-review", "identified", LEAD, "integration_code",
     "A loop in the review job sends the whole repository again with every comment."),
    ("2026-10-29T17:30+01:00", "code-review", "mitigated", OPERATIONS, "The job is switched off."),
    ("2026-11-02T09:40+01:00", "code-review", "resolved", LEAD, ""),
    ("2026-11-03T14:00+01:00", "code-review", "post-mortem", "lead", "loop"),
    ("2026-11-09T09:35+01:00", "code-review", "closed", LEAD, ""),
    ("2026-11-05T14:20+01:00", "customer-mail", "acknowledged", LEAD),
    ("2026-11-05T14:30+01:00", "customer-mail", "investigating", LEAD),
    ("2026-11-05T15:10+01:00", "customer-mail", "mitigated", OPERATIONS,
     "The office writes the mails itself until the drafts are right again."),
    ("2026-11-05T18:20+01:00", "customer-mail", "acknowledged", LEAD),
    ("2026-11-05T18:40+01:00", "customer-mail", "acknowledged", FOUNDER),
    ("2026-11-06T10:15+01:00", "customer-mail", "identified", LEAD, "vendor_model_change",
     "The model served since Monday refuses mails that quote a customer's order. The prompt is "
     "made to say who asks."),
    ("2026-11-06T10:30+01:00", "customer-mail", "impact_set", LEAD, {"external": "no",
     "harm": "no", "personal_data": "no"}),
    ("2026-11-06T16:30+01:00", "customer-mail", "resolved", LEAD, ""),
    ("2026-11-09T10:10+01:00", "customer-mail", "post-mortem", "lead", "refusals"),
    ("2026-11-16T09:40+01:00", "customer-mail", "closed", LEAD, ""),
    ("2026-11-12T11:15+01:00", "support-chat", "acknowledged", LEAD),
    ("2026-11-12T11:20+01:00", "support-chat", "acknowledged", FOUNDER),
    ("2026-11-12T11:25+01:00", "support-chat", "mitigated", OPERATIONS,
     "The chat is paused; the website shows the telephone number."),
    ("2026-11-12T12:10+01:00", "support-chat", "identified", LEAD, "vendor_outage",
     "The vendor's incident report names our region from 10:00 to 12:00."),
    ("2026-11-12T11:26+01:00", "support-chat", "step_done", OPERATIONS, "pause"),
    ("2026-11-12T11:40+01:00", "support-chat", "step_done", OPERATIONS, "tell-front"),
    ("2026-11-12T13:30+01:00", "support-chat", "impact_set", LEAD, {"external": "yes",
     "harm": "no", "personal_data": "no", "persons": 31}),
    ("2026-11-12T17:00+01:00", "support-chat", "resolved", LEAD, ""),
    ("2026-11-13T10:20+01:00", "support-chat", "post-mortem", "lead", "chat"),
    ("2026-11-16T09:45+01:00", "support-chat", "closed", LEAD, ""),
    ("2026-11-18T11:20+01:00", "invoice-extraction", "acknowledged", LEAD),
    ("2026-11-18T11:25+01:00", "invoice-extraction", "investigating", LEAD),
    ("2026-11-18T13:40+01:00", "invoice-extraction", "identified", LEAD, "input_change",
     "A supplier's portal sends full-page scans since Tuesday instead of text."),
)  # fmt: skip
"""Moment, workflow, step, role and what the step says."""

WRITTEN = {
    "chat": {
        "Summary": "The support chat answered 61 % of questions with an error for two hours, "
        "because the model's region was down. 31 visitors saw an apology, no answer.",
        "Trigger": "An outage of the vendor's region, by its own incident report.",
        "Contributing factors": "The chat knows one region only and has no reserve model.",
        "What went well": "The check noticed within the hour, and the chat was paused in minutes.",
        "What went badly": "Nobody had written what the website says while the chat is paused.",
        "Where we were lucky": "It was a Thursday morning, and the office was staffed.",
        "First response": "Yes, in its order.",
        "Regression cases": "None: the answers that came were right.",
        "Changes in the window": "None in prompt, model or price.",
        "Actions": (
            ("Route the chat to a second region when the first fails", "Head of support",
             "2026-12-04", "mitigate"),
            ("Write the sentence the website shows while the chat is paused", "Head of support",
             "2026-11-27", "process"),
        ),
    },
    "refusals": {
        "Summary": "For a day every draft of a customer mail was a refusal. Nothing went out: a "
        "person reads each draft, and the office wrote the mails itself.",
        "Trigger": "The vendor serves another version of the model under the same name.",
        "Contributing factors": "The version was not pinned, and no regression list was run.",
        "What went well": "The office had a manual process and used it within the hour.",
        "What went badly": "The cause was found only the next day, so it became a P1.",
        "Where we were lucky": "Refusals are easy to see; a wrong tone would have gone out.",
        "First response": "Yes; drafts were switched off before lunch was over.",
        "Regression cases": "Two mails that quote an order are to be added.",
        "Changes in the window": "The served model, on 2 November; prompt and price as before.",
        "Actions": (
            ("Ask for the dated model by name", "Head of engineering", "2026-11-20", "prevent"),
            ("Add the two mails to the regression list", "Head of sales office", "2026-11-27",
             "detect"),
        ),
    },
    "loop": {
        "Summary": "The review job sent the whole repository again with every comment for two "
        "days, at 3.6 times the usual tokens. Reviews were right, only dear.",
        "Trigger": "A change of the job's caching on Wednesday morning.",
        "Contributing factors": "The key had no limit, and nobody looks at cost between reviews.",
        "What went well": "The cause was found in an hour once somebody looked.",
        "What went badly": "It ran for another day until the job was switched off.",
        "Where we were lucky": "Tokens of this model are cheap.",
        "First response": "Late: the manual process began a day after it was detected.",
        "Regression cases": "None: the outputs did not change.",
        "Changes in the window": "The job's caching, by our own change.",
        "Actions": (
            ("Set a daily limit on the review job's key", "Head of engineering", "2026-11-13",
             "prevent"),
            ("Count tokens per comment in the job's own test", "Head of engineering", "2026-12-11",
             "detect"),
        ),
    },
}  # fmt: skip
"""What people wrote into the post-mortems, by section."""


HELD = (
    ("2026-10-06T11:10+02:00", "2026-09"),
    ("2026-11-09T10:30+01:00", "2026-W45"),
    ("2026-11-16T10:10+01:00", "2026-W46"),
)
"""Reviews that were held and signed at once; October's is overdue on purpose."""
SAID = {
    "2026-09": {
        "baselines": "Four weeks of data: baselines still learn. Looked at again next month.",
        "causes": "The office was at a trade fair; days off are now planned in the settings.",
        "lists": "No list is approved yet. The owners write ten cases each until November.",
        "vendors": "Nothing was announced.",
        "data": "The first month; every export arrived.",
        "categories": "As expected.",
        "decisions": ("Every workflow gets a regression list before its model is changed again.",),
        "actions": (
            ("Write the regression lists of all six workflows", "Operations", "2026-11-20",
             "prevent"),
        ),
    },
    "2026-W45": {
        "cost": "The loop of code review ended on 29 October; what is left is its last day.",
        "errors": "None beyond what is usual.",
        "ran": "The digest of 9 November did not run: its schedule moved with the new account.",
        "open": "The refusals' cause is the served model; the prompt was changed.",
        "data": "Calls of the hackathon's key belong to no workflow, on purpose.",
        "decisions": ("Ask vendors for dated model names from now on.",),
        "actions": (
            ("Start the weekly digest by hand until its schedule is right", "Head of sales",
             "2026-11-16", "mitigate"),
        ),
    },
    "2026-W46": {
        "cost": "Within limits but for single hours.",
        "errors": "The vendor's region was down on Thursday, by its own report.",
        "ran": "The digest ran late by a day, started by hand.",
        "open": "Nothing without a cause.",
        "data": "Calls of the hackathon's key belong to no workflow, on purpose.",
        "decisions": ("The chat gets a second region before Christmas.",),
        "actions": (),
    },
}  # fmt: skip
"""What those reviews came to: the answer where a section asks, by its short name."""


def remember(folder: store.Folder) -> None:
    """Make the demo's record anew."""
    shutil.rmtree(folder.path / "records", ignore_errors=True)
    inbox.ingest(folder, store.load_settings(folder))
    book = open_workbook(folder.path)
    moments = [(at, None) for at in checks(book.judged.findings, book.now)]
    taken = [(pd.Timestamp(at).tz_convert("UTC"), rest) for at, *rest in STORY]
    meetings = [(pd.Timestamp(at).tz_convert("UTC"), [name]) for at, name in HELD]
    for at, step in sorted([*moments, *taken, *meetings], key=lambda m: m[0]):
        if step is None:
            record(folder, at)
        elif len(step) == 1:
            hold(folder, at, *step)
        elif step[1] == "post-mortem":
            write_up(folder, at, *step)
        else:
            take(Log(folder), at, *step)
    for workflow in LISTS:
        of = ["--as", "lead", "--data", str(folder.path), "--as-of", book.now.isoformat()]
        typed(["approve", workflow, OLD, *of], regress.app)
    record(folder, book.now)


def checks(findings: pd.DataFrame, now: pd.Timestamp) -> list[pd.Timestamp]:
    """The hourly checks at which something changed: a finding was detected, or was over."""
    named = findings[(findings.method == "calendar") & findings.priority.notna()]
    seen = [*named.detected_at, *named.ended_at, *(named.started_at + pd.Timedelta(hours=1))]
    hours = {t.ceil("h") + PAST_THE_HOUR for t in seen}
    after = {
        h.normalize() + pd.Timedelta(days=n, hours=hour) + PAST_THE_HOUR
        for h in hours
        for n in range(DAYS_AFTER)
        for hour in SEEN_AT
    }
    return sorted(t for t in hours | after if t < now)


def take(log: Log, at: pd.Timestamp, workflow: str, step: str, role: str, *said: object) -> None:
    """One step of a person with the latest incident of a workflow."""
    with log.writing(at) as writing:
        meant = gravest(list(fold(writing.events).incidents.values()), workflow)
        writing.append(DRAFTS[step](meant, role, at, log, *said))


def gravest(incidents: list[Incident], workflow: str) -> Incident:
    """The incident of a workflow that people mean: of the gravest not yet ended the latest."""
    own = [i for i in incidents if workflow in i.workflows and i.state not in ENDED]
    return min(reversed(own), key=lambda i: i.priority)


def write_up(
    folder: store.Folder, at: pd.Timestamp, workflow: str, _: str, role: str, name: str
) -> None:
    """The post-mortem of a workflow's latest incident begun, written and signed, as by command."""
    meant = gravest(list(fold(Log(folder).events()).incidents.values()), workflow)
    words = ["post-mortem", meant.id, "--as", role, "--data", str(folder.path)]
    words += ["--as-of", at.isoformat()]
    typed(words)
    place = folder.path / "records" / "post-mortems" / f"{meant.id}.md"
    place.write_text(written(place.read_text("utf-8"), WRITTEN[name]), "utf-8")
    typed([*words, "--sign"])


def hold(folder: store.Folder, at: pd.Timestamp, name: str) -> None:
    """A review built, held and signed, as by command; the moment is that of its sign-off."""
    kind, told = period(name).kind, SAID[name]
    of = ["--data", str(folder.path), "--as-of", at.isoformat()]
    with as_it_was(folder):
        typed(["review", kind, "--period", name, "--renderer", "embedded", *of], app)
        place = folder.path / outcomes.place(name)
        place.write_text(answered(place.read_text("utf-8"), kind, at, told), "utf-8")
        typed(["review", kind, "--period", name, "--renderer", "embedded", *of], app)
        typed(["sign-off", name, "--as", "lead", *of], app)


@contextmanager
def as_it_was(folder: store.Folder) -> Iterator[None]:
    """The folder without what people made later: the register's sheets, the regression lists."""
    later = [folder.path / "register.xlsx", folder.path / "regression"]
    with tempfile.TemporaryDirectory(dir=folder.path) as aside:
        for path in later:
            path.rename(Path(aside) / path.name)
        try:
            yield
        finally:
            for path in later:
                (Path(aside) / path.name).rename(path)


def answered(text: str, kind: str, at: pd.Timestamp, told: dict) -> str:
    """An outcomes file with every section reviewed and every question answered."""
    begun = (at - pd.Timedelta(minutes=minutes(kind))).isoformat()[:16] + "+00:00"
    text = text.replace("Held:", f"Held: {begun}", 1).replace("Reviewed: no", "Reviewed: yes")
    for key, words in told.items():
        titles = [i.title for i in AGENDAS[kind] if i.key == key]
        for title in titles:
            head, body = text.split(f". {title}\n", 1)
            asks = not body.lstrip().startswith("Asked: nothing")
            body = body.replace("Explained:", f"Explained: {words}", 1) if asks else body
            text = f"{head}. {title}\n{body}"
    points = "\n".join(f"- {d}" for d in told["decisions"])
    text = text.replace("## Decisions\n\n-", f"## Decisions\n\n{points}")
    rows = [f"|  | {' | '.join(a)} | open |" for a in told["actions"]]
    return "\n".join([text.rstrip(), *rows]) + "\n"


def typed(words: list[str], app: Typer = desk.app) -> None:
    """A command, of the register where no other is named, as a person types it."""
    done = CliRunner().invoke(app, words)
    if done.exit_code:
        raise RuntimeError(f"{words}: {done.output} {done.exception}")


def written(text: str, told: dict) -> str:
    """A post-mortem with its sections written and its actions named."""
    section, lines = "", []
    for line in text.splitlines():
        section = line.removeprefix("## ") if line.startswith("## ") else section
        lines.append(told[section] if line.startswith("TO WRITE:") else line)
    actions = [f"| {' | '.join(action)} |" for action in told["Actions"]]
    return "\n".join(["\n".join(lines).rstrip(), *actions]) + "\n"


def _kept(log: Log, text: object) -> str:
    return log.keep(str(text)) if text else ""


DRAFTS: dict[str, Callable[..., Draft]] = {
    "acknowledged": lambda i, role, at, log: steps.acknowledged(i, role),
    "investigating": lambda i, role, at, log: steps.investigating(i, role),
    "identified": lambda i, role, at, log, cause, text: steps.identified(
        i, role, cause, _kept(log, text)
    ),
    "mitigated": lambda i, role, at, log, text: steps.mitigated(i, role, _kept(log, text)),
    "resolved": lambda i, role, at, log, text: steps.resolved(i, role, at, _kept(log, text)),
    "closed": lambda i, role, at, log, text: steps.closed(i, role, LIMITS, _kept(log, text)),
    "step_done": lambda i, role, at, log, step: steps.step_done(i, role, step, [step]),
    "impact_set": lambda i, role, at, log, told: steps.impact_set(i, role, **told),
}
LIMITS = store.load_settings(store.Folder(HERE)).limits


if __name__ == "__main__":
    remember(store.Folder(HERE))
