"""What an incident's page and the register show: one function per section.

An incident's page says what happened, since when, against what and who acts; then, in the order of
the questions people ask afterwards: how it went, who knew when, what was done, on what evidence.
"""

import pandas as pd

from opsbook import charts
from opsbook.displays import (
    LIGHTS,
    Column,
    Html,
    against,
    bare,
    card,
    counted,
    explain,
    figure,
    light,
    note,
    number,
    since,
    span,
    stack,
    state_of,
    table,
    text,
    two_lines,
    two_times,
    when,
    who_by_when,
    wide,
    zone_note,
)
from opsbook.dossier import Dossier, grain
from opsbook.events import Event
from opsbook.incidents import FIRST_RESPONSE, headline
from opsbook.notices import covers, unsettled
from opsbook.register import Incident, Register
from opsbook.responses import BY_CATEGORY, BY_CLASS, BY_FAMILY, ON_HARM, Step, checklist
from opsbook.reviews import Review
from opsbook.rules import RULES
from opsbook.settings import Company, Limits

ERASED = "(erased)"
IN_CHART = ("acknowledged", "identified", "mitigated", "resolved")
REASONS = {
    "harm_external": "harm outside, reported by a person",
    "harm_internal": "harm inside, reported by a person",
    "threshold": "by the rule's own class",
    "escalated": "no root cause within four hours (R12)",
    "human": "a person's decision",
}
"""Why an incident has its class, in words."""


# One incident's page


def head(dossier: Dossier) -> Html:
    """What happened, since when, against what, who must know by when and what is done first."""
    incident, company = dossier.incident, dossier.settings.company
    current = dossier.timers[dossier.timers.current]
    facts = [
        ("Since", text(since(incident, company))),
        ("Measured", text(against(incident, company))),
        ("Detected", text(_detected(incident, company))),
        ("Class", text(REASONS[incident.class_reason])),
        ("Must know", who_by_when(current, dossier.at, company) if incident.open else ""),
        ("First response", text(FIRST_RESPONSE[incident.priority])),
    ]
    return stack(
        card(incident, "", [f for f in facts if f[1]]),
        note(_standing(dossier) + zone_note(company)),
    )


def _detected(incident: Incident, company: Company) -> str:
    lag = incident.detected_at - incident.started_at
    late = ", long after it was over: its deadlines do not count" if incident.late else ""
    return f"{when(incident.detected_at, company)}, {span(lag)} after it began{late}"


def _standing(dossier: Dossier) -> str:
    """Whether what the page says stands in the record, and what it was merged into."""
    into = dossier.incident.merged_into
    merged = f"Merged into {into}, which goes on for both. " if into else ""
    if dossier.provisional:
        return (
            f"{merged}Not on record yet: the rules say so, and the next `opsbook check` enters it. "
        )
    return merged


def course(dossier: Dossier) -> Html:
    """How it went: the metric of the finding that tells most, with what happened when marked."""
    finding = dossier.finding
    if finding is None:
        return note("Reported by a person: no rule measured it.")
    if dossier.course.value.isna().all():
        return note("What the exports hold cannot be drawn over time.")
    marks = _marks(dossier, finding)
    return figure(
        *charts.incident(dossier.course, finding, marks, dossier.settings, grain(finding))
    )


def _marks(dossier: Dossier, finding: dict) -> list[charts.Mark]:
    incident, current = dossier.incident, dossier.timers[dossier.timers.current]
    told = [
        ("Began", pd.Timestamp(finding["from"])),
        ("First to be seen", pd.Timestamp(finding["detected_at"])),
        ("Detected", incident.detected_at),
        *((s.capitalize(), incident.times[s]) for s in IN_CHART if s in incident.times),
        *((f"{t.role} due", t.due_at) for t in current.itertuples()),
    ]
    return list(dict.fromkeys(told))


def timers(dossier: Dossier) -> Html:
    """Who had to know by when, when they were told and confirmed, and whether that was in time."""
    own, incident = dossier.timers, dossier.incident
    rows = own.assign(
        who=[two_lines(t.role, t.rule) for t in own.itertuples()],
        due=[_due(t, dossier.settings.company) for t in own.itertuples()],
        light=[timer_state(t, incident, dossier.at)[0] for t in own.itertuples()],
        word=[timer_state(t, incident, dossier.at)[1] for t in own.itertuples()],
    )
    columns = [
        Column("Role", "who", "html", order="role"),
        Column("Due", "due", "html", order="due_at"),
        Column("Told", "told_at", "when"),
        Column("Confirmed", "confirmed_at", "when"),
        Column("State", "light", "light", words="word"),
    ]
    none = "None: a P3 waits for the weekly review."
    late = "None: it was over long before it was found."
    empty = late if incident.late else none
    return table(rows, columns, dossier.settings.company, "", empty, label="Deadlines")


def _due(timer: object, company: Company) -> Html:
    return two_times(when(timer.due_at, company), f"counts from {when(timer.since, company)}")


def timer_state(timer: object, incident: Incident, at: pd.Timestamp) -> tuple[str, str]:
    """A deadline's light and word: met, missed, open, or past its time and still open."""
    if pd.notna(timer.met):
        return ("ok", "met") if timer.met else ("alert", "missed")
    if not timer.current:
        return ("none", "gave way to the next")
    if timer.due_at <= at:
        return ("alert", "missed") if not incident.open else ("critical", "overdue")
    return ("watch", "open") if incident.open else ("none", "not needed")


def reminders(dossier: Dossier) -> Html:
    """What the law may ask for and by when, until somebody answers; never that it is the case."""
    company = dossier.settings.company
    own = dossier.clocks.assign(
        case=[two_lines(c.what, c.why) for c in dossier.clocks.itertuples()],
        due=[_due(c, company) for c in dossier.clocks.itertuples()],
        light="none" if dossier.ended else "watch",
        word=[_reminded(c, dossier) for c in dossier.clocks.itertuples()],
    )
    columns = [
        Column("Law", "law"),
        Column("If it is", "case", "html", order="what"),
        Column("By", "due", "html", order="due_at"),
        Column("Reminder", "light", "light", words="word"),
    ]
    none = "None runs: the answers below, its class or the register of AI systems say so."
    shown = table(own, columns, company, "", none, label="Reminders of the law")
    return stack(shown, note(HOLD if dossier.held else NOT_SAID))


NOT_SAID = "A reminder is not a statement that it is a serious incident or a breach: people decide."
HOLD = (
    f"{NOT_SAID} Until somebody answers, keep what belongs to it as it is: erase nothing, and "
    "change neither the workflow's exports nor its prompts and lists without a copy."
)


def _reminded(clock: object, dossier: Dossier) -> str:
    if dossier.ended:
        return "ended"
    return "runs" if clock.due_at > dossier.at else "passed"


def first_response(dossier: Dossier) -> Html:
    """The checklist of its class and workflow, each step with when it was done."""
    incident = dossier.incident
    workflow = dossier.settings.workflow(incident.workflow)
    category = workflow.category if workflow else None
    own = checklist(incident.priority, category, incident.family, incident.harmful)
    done = [s for s in STEPS.values() if s.id in incident.steps and s not in own]
    rows = pd.DataFrame(
        [
            {
                "words": wide(step.text),
                "order": step.id,
                "clause": step.clause,
                "light": "ok" if step.id in incident.steps else "watch",
                "state": "done" if step.id in incident.steps else "open",
                "done_at": incident.steps.get(step.id, pd.NaT),
            }
            for step in (*own, *done)
        ]
    )
    columns = [
        Column("Step", "words", "html", order="order"),
        Column("Clause", "clause"),
        Column("State", "light", "light", words="state"),
        Column("Done", "done_at", "when"),
    ]
    return table(rows, columns, dossier.settings.company, label="First response")


STEPS: dict[str, Step] = {
    step.id: step
    for family in (BY_CLASS, BY_CATEGORY, BY_FAMILY, {"harm": ON_HARM})
    for steps in family.values()
    for step in steps
}
"""Every step of a first response there is, by its id."""


def findings(dossier: Dossier) -> Html:
    """What the rules found, with what each figure rests on and the settings it was judged with."""
    locale, company = dossier.settings.company.locale, dossier.settings.company
    evidence = dossier.incident.evidence
    rows = pd.DataFrame(
        [
            {
                "rule": two_lines(f"{f['rule']} {RULES[f['rule']].name}", f["priority"]),
                "order": int(f["rule"][1:]),
                "what": two_lines(dossier.settings.display_name(f["workflow"]), f["metric"]),
                "where": f["workflow"],
                "time": two_times(*(when(pd.Timestamp(f[k]), company) for k in ("from", "to"))),
                "from": f["from"],
                **{k: bare(f["metric"], f[k], company) for k in ("observed", "baseline", "limit")},
                "rests": two_lines(*(number(f[k], locale) for k in ("sample", "references"))),
                "sample": f["sample"],
            }
            for f in evidence
        ]
    )
    columns = [
        Column("Rule, class", "rule", "html", order="order"),
        Column("Workflow, metric", "what", "html", order="where"),
        Column("From, to", "time", "html", order="from"),
        Column("Observed", "observed", align="end"),
        Column("Baseline", "baseline", align="end"),
        Column("Limit", "limit", align="end"),
        Column("Sample, references", "rests", "html", align="end", order="sample"),
    ]
    judged = {
        f"{f['rule']} was judged with {f['parameters']}." for f in evidence if f["parameters"]
    }
    found = table(rows, columns, company, "", "No rule did.", label="Findings")
    return stack(found, *(note(words) for words in sorted(judged)))


def timeline(dossier: Dossier) -> Html:
    """What happened, in order: when, who, what, and what they wrote."""
    incident = dossier.incident
    rows = pd.DataFrame([*_by_the_data(incident), *(_line(e, dossier) for e in incident.timeline)])
    columns = [
        Column("When", "at", "when"),
        Column("Who", "who"),
        Column("What", "what", "html", order="order"),
    ]
    ordered = rows.sort_values("at", kind="stable", ignore_index=True)
    return table(ordered, columns, dossier.settings.company, label="Timeline")


def _by_the_data(incident: Incident) -> list[dict]:
    """What the data tell of its beginning and end, beside what the record does."""
    told = [("Began", incident.started_at)]
    if incident.findings:
        seen = min(pd.Timestamp(f["detected_at"]) for f in incident.evidence)
        told.append(("A rule could first see it", seen))
    if incident.findings and not incident.firing:
        told.append(("No rule held any more", incident.ended_at))
    return [{"at": at, "who": "the data", "what": text(w), "order": w} for w, at in told]


def _line(event: Event, dossier: Dossier) -> dict:
    said = told(event)
    written = _text(event.payload.get("text"), dossier)
    shown = two_lines(said, written) if written else text(said)
    return {"at": event.at, "who": event.actor, "what": shown, "order": said}


def _text(name: str | None, dossier: Dossier) -> str:
    """What a person wrote, by its name in the record; empty for nothing."""
    return (dossier.texts.get(name) or ERASED) if name else ""


def told(event: Event) -> str:
    """An event as a line of a timeline: what was done, in words."""
    words = WORDS.get(event.type, event.type.replace("_", " ").capitalize())
    return words.format_map(_Told(_details(event)))


class _Told(dict):
    """An event's details; what an event does not say is left out of its line."""

    def __missing__(self, key: str) -> str:
        return ""


WORDS = {
    "incident_opened": "Opened as {priority}: {reason}",
    "finding_joined": "{rule} joined: {reason}",
    "finding_ended": "{rule} holds no more: {reason}",
    "priority_changed": "Class {priority}: {class_reason}",
    "acknowledged": "Acknowledged",
    "investigating": "Looking for the cause",
    "identified": "Root cause: {category}",
    "mitigated": "Damage stopped",
    "resolved": "Resolved: the condition is over",
    "closed": "Closed",
    "reopened": "Reopened: {reason}",
    "declined": "Declined: it was none",
    "merged": "Merged into {into}",
    "noted": "Note",
    "step_done": "First response: {step}",
    "impact_set": "Impact: {impact}",
    "notification_started": "Message to {roles} over {channel} under way",
    "notification_sent": "Message to {roles} over {channel} arrived",
    "notification_failed": "Message to {roles} over {channel} failed: {problem}",
    "post_mortem_started": "Post-mortem begun",
    "post_mortem_signed": "Post-mortem signed",
}
"""Each kind of event as a line of a timeline."""


def _details(event: Event) -> dict[str, str]:
    payload = event.payload
    details = payload.get("finding", {}) | payload
    said = [k for k in payload if k != "text"]
    impact = ", ".join(f"{k.replace('_', ' ')} {payload[k]}" for k in said)
    return {k: str(v) for k, v in details.items()} | {
        "roles": ", ".join(payload.get("roles", [])),
        "step": _step_words(payload.get("step", "")),
        "category": str(payload.get("category", "")).replace("_", " "),
        "class_reason": REASONS.get(payload.get("class_reason", ""), ""),
        "impact": impact,
    }


def _step_words(name: str) -> str:
    return STEPS[name].text if name in STEPS else name


def outcome(dossier: Dossier) -> Html:
    """Root cause, impact, personal data and high risk, post-mortem: what is known and what not."""
    incident, company = dossier.incident, dossier.settings.company
    impact = incident.impact
    answers = [
        ("Root cause", _cause(dossier)),
        ("Reached anyone outside", incident.external),
        ("Harm happened", impact.get("harm", "unknown")),
        ("Personal data", impact.get("personal_data", "unknown")),
        ("High-risk system", impact.get("high_risk", "unknown")),
        ("Persons concerned", str(impact.get("persons", "unknown"))),
        ("Damage", f"{impact['eur']:g} {company.currency}" if "eur" in impact else "unknown"),
        ("Impact in words", _text(impact.get("text"), dossier) or "not written yet"),
        ("Post-mortem", _post_mortem(dossier)),
        ("Detection lag", span(incident.detected_at - incident.started_at)),
    ]
    rows = pd.DataFrame(answers, columns=["what", "answer"])
    columns = [Column("Question", "what"), Column("Answer", "answer")]
    return stack(table(rows, columns, company, label="Cause and impact"), _actions(dossier))


def _actions(dossier: Dossier) -> Html:
    """What its post-mortem says is to be done, by whom and until when."""
    rows = pd.DataFrame(
        [
            {"what": _text(a.get("text"), dossier), "day": pd.Timestamp(a["due"])} | a
            for a in dossier.incident.actions
        ]
    )
    columns = [
        Column("Action", "what"),
        Column("Owner", "owner"),
        Column("Due", "day", "day"),
        Column("Kind", "kind"),
    ]
    company = dossier.settings.company
    return table(rows, columns, company, "Actions") if len(rows) else Html("")


def _cause(dossier: Dossier) -> str:
    cause, company = dossier.incident.root_cause, dossier.settings.company
    if not cause:
        return "not named yet"
    said = _text(cause.get("text"), dossier)
    by = f"{cause['by']}, {when(pd.Timestamp(cause['when']), company)}"
    return f"{cause_words(cause)} ({by})" + (f": {said}" if said else "")


def cause_words(cause: dict) -> str:
    """A root cause's category in words; a dash before there is one."""
    return str(cause["category"]).replace("_", " ") if cause else "–"


def _post_mortem(dossier: Dossier) -> str:
    held, company = dossier.incident.post_mortem, dossier.settings.company
    if signed := held.get("post_mortem_signed"):
        return f"signed {when(pd.Timestamp(signed), company)}"
    begun = "begun" if held else "not begun"
    if not dossier.post_mortem_owed:
        return begun if held else "none is owed"
    due = dossier.post_mortem_due_at
    if due is None:
        return f"owed, {begun}; due once the incident is resolved"
    return f"owed, {begun}, {'OVERDUE since' if due < dossier.at else 'due'} {when(due, company)}"


def classes(dossier: Dossier) -> Html:
    """Each class it had: since when, by whom and why."""
    rows = pd.DataFrame(
        [
            {
                "at": h["at"],
                "priority": h["priority"],
                "by": h["actor"],
                "why": two_lines(REASONS[h["class_reason"]], _text(h.get("text"), dossier)),
                "order": h["class_reason"],
            }
            for h in dossier.incident.history
        ]
    )
    columns = [
        Column("Since", "at", "when"),
        Column("Class", "priority", "badge"),
        Column("By", "by"),
        Column("Why", "why", "html", order="order"),
    ]
    return table(rows, columns, dossier.settings.company, label="Classes")


def messages(dossier: Dossier) -> Html:
    """Who was sent a message, over which channel, and what became of it."""
    rows = pd.DataFrame(
        [
            {
                "roles": ", ".join(n["roles"]),
                "channel": n["channel"],
                "light": "ok" if n["state"] == "sent" else "alert",
                "word": {"started": "uncertain"}.get(n["state"], n["state"]),
                "begun": pd.Timestamp(n.get("notification_started", pd.NaT)),
                "arrived": pd.Timestamp(n.get("notification_sent", pd.NaT)),
                "problem": n.get("problem", "") if n["state"] != "sent" else "",
            }
            for n in dossier.incident.notices.values()
        ]
    )
    columns = [
        Column("To", "roles"),
        Column("Over", "channel"),
        Column("State", "light", "light", words="word"),
        Column("Begun", "begun", "when"),
        Column("Arrived", "arrived", "when"),
        Column("Problem", "problem"),
    ]
    return table(rows, columns, dossier.settings.company, "", "None was sent.", label="Messages")


def evidence(dossier: Dossier) -> Html:
    """The exports that hold its calls, each a link to its line on the data page."""
    own = dossier.sources
    rows = own.assign(named=[_export(f) for f in own.itertuples()])
    columns = [
        Column("Export, read as", "named", "html", order="file"),
        Column("SHA-256 begins", "file_id"),
        Column("Covers from", "covered_from", "when"),
        Column("To", "covered_to", "when"),
    ]
    empty = "No export covers its time: a person reported it, or its data is missing."
    return table(rows, columns, dossier.settings.company, "", empty, label="Evidence")


def _export(file: object) -> Html:
    """An export's name as a link to the data page, with what read it."""
    link = f'<a href="../data.html#file-{text(file.file_id)}">{text(file.file)}</a>'
    return Html(f'{link}<br><span class="ob-note">{text(file.reader)}</span>')


# The register


def register_page(week: Review) -> Html:
    """Every incident, P3s that came back too often, and what is silenced."""
    every = week.incidents.sort_values("detected_at", ascending=False, kind="stable")
    provisional = _provisional(week.register)
    unentered = (
        f"{counted(provisional, 'incident')} not on record yet: the rules say so, and the next "
        "`opsbook check` enters them. "
    )
    return stack(
        note((unentered if provisional else "") + zone_note(week.settings.company)),
        register(week, every, "{id}.html", full=True),
        alike(week),
        silences(week),
        chain(),
    )


def _provisional(register: Register) -> int:
    return sum(not i.timeline[0].hash for i in register.incidents.values())


def register(week: Review, shown: pd.DataFrame, link: str, full: bool = False) -> Html:
    """Incidents as a table that sorts: class, what, state and deadlines; when and why if `full`.

    `link` is the address of an incident's page with `{id}` in it.
    """
    company, incidents = week.settings.company, week.register.incidents
    own = [incidents[i] for i in shown.id]
    due = [_deadlines(i, week) for i in own]
    rows = shown.assign(
        link=[link.format(id=i.id) for i in own],
        what=[wide(two_lines(headline(i, week.settings), _aside(i, week))) for i in own],
        began=[two_times(when(i.started_at, company), _seen(i, company)) for i in own],
        light=[state_of(i) for i in own],
        word=[i.state for i in own],
        due=[_kept(*d) for d in due],
        lost=[LIGHTS.index(d[0]) for d in due],
        cause=[cause_words(i.root_cause) for i in own],
    )
    columns = [
        Column("Incident", "id", link="link"),
        Column("Class", "priority", "badge"),
        Column("Workflow and what", "what", "html", order="workflow"),
        *([Column("Began, detected", "began", "html", order="started_at")] if full else []),
        Column("State", "light", "light", words="word"),
        Column("Deadlines", "due", "html", order="lost"),
        *([Column("Root cause", "cause")] if full else []),
    ]
    caption = "Incidents, the latest first" if full else "Incidents"
    return table(rows, columns, company, caption, "No incident.")


def _seen(incident: Incident, company: Company) -> str:
    return f"detected {when(incident.detected_at, company)}"


def _aside(incident: Incident, week: Review) -> str:
    """The quiet line of an incident in a table: rules, and what stands out."""
    reopened = len(incident.reopened)
    flaps = incident.flapping(week.settings.limits) if reopened else False
    said = [
        " ".join(incident.rules) or "reported by a person",
        f"FLAPPING: reopened {reopened} times" if flaps else "",
        f"reopened {counted(reopened, 'time')}" if reopened and not flaps else "",
        f"merged into {incident.merged_into}" if incident.merged_into else "",
        "found after it was over" if incident.late else "",
        "still going on" if incident.firing else "",
    ]
    return ", ".join(s for s in said if s)


def _kept(state: str, word: str, more: str) -> Html:
    return Html(f'{light(state, word)}<br><span class="ob-note">{text(more)}</span>')


def _deadlines(incident: Incident, week: Review) -> tuple[str, str, str]:
    """An incident's deadlines as a light, its word, and how many were missed or when one ends."""
    own = week.timers[week.timers.id == incident.id]
    states = [timer_state(t, incident, week.now)[1] for t in own.itertuples()]
    lost = sum(s in ("missed", "overdue") for s in states)
    if lost:
        return "alert", "missed", f"{lost} of {len(states)}"
    if "open" in states:
        soonest = min(
            t.due_at for t, s in zip(own.itertuples(), states, strict=True) if s == "open"
        )
        return "watch", "open", f"due {when(soonest, week.settings.company)}"
    return ("ok", "met", "") if "met" in states else ("none", "none", "")


def alike(week: Review) -> Html:
    """Which P3s came back so often that they should be looked at as a P2 (clause B9)."""
    limits = week.settings.limits
    found = alike_p3(week.incidents, week.now, limits)
    if not found:
        return note(f"No more than {limits.alike_p3} P3 alike in {limits.alike_weeks} weeks.")
    keys = [
        f"{week.settings.display_name(workflow)}: {n} P3 of {family} in {limits.alike_weeks} weeks"
        for (workflow, family), n in found.items()
    ]
    return explain(f"{'; '.join(keys)}: look at it as a P2, or say why not.", "watch")


def alike_p3(incidents: pd.DataFrame, now: pd.Timestamp, limits: Limits) -> dict:
    """P3s of one workflow and family that are more than may be, by (workflow, family): how many.

    Clause B9. Counts those that began in the `alike_weeks` before `now`.
    """
    since_when = now - pd.Timedelta(weeks=limits.alike_weeks)
    recent = incidents[(incidents.priority == "P3") & (incidents.started_at > since_when)]
    counts = recent.groupby(["workflow", "family"]).size()
    return counts[counts > limits.alike_p3].to_dict()


def silences(week: Review) -> Html:
    """Every silence: what is held back, who did it and why, from when to when."""
    rows = pd.DataFrame(
        [
            {
                "what": week.settings.display_name(s["workflow"]),
                "family": s.get("family") or "all rules",
                "by": s["by"],
                "why": (week.texts.get(s["text"]) or ERASED)
                if s.get("text")
                else "no reason given",
                "from": pd.Timestamp(s["from"]),
                "to": pd.Timestamp(s["to"]),
                "light": "watch" if covers(s, week.now) else "none",
                "word": "in force" if covers(s, week.now) else "over",
            }
            for s in reversed(week.register.silences.values())
        ]
    )
    columns = [
        Column("Workflow", "what"),
        Column("Messages of", "family"),
        Column("By", "by"),
        Column("Why", "why"),
        Column("From", "from", "when"),
        Column("To", "to", "when"),
        Column("State", "light", "light", words="word"),
    ]
    return table(rows, columns, week.settings.company, "Silences", "No message was ever held back.")


def chain() -> Html:
    """How the record shows that it was not changed since."""
    return note(
        "Every line is folded from an append-only log whose events are chained by their hashes. "
        "The chain shows a changed or a missing event; with a count and a head that you kept "
        "elsewhere, as at the foot of a page you printed, also one that was cut short or written "
        "anew. It is tamper-evident, not tamper-proof."
    )


def undelivered(week: Review) -> Html:
    """Messages that did not arrive, or may not have: whom a person has to tell by hand."""
    rows = pd.DataFrame(unsettled(week.register))
    if rows.empty:
        return note("No message about an open incident is waiting or was lost.")
    shown = rows.assign(
        link=[f"reports/incidents/{i}.html" for i in rows.incident],
        to=rows.roles.str.join(", "),
        light="alert",
        problem=rows.problem if "problem" in rows else pd.NA,
    )
    columns = [
        Column("Incident", "incident", link="link"),
        Column("To", "to"),
        Column("Over", "channel"),
        Column("State", "light", "light", words="state"),
        Column("Problem", "problem"),
    ]
    caption = "Messages that did not arrive: tell them by hand"
    return table(shown, columns, week.settings.company, caption)


def by_urgency(incidents: pd.DataFrame, timers: pd.DataFrame) -> pd.DataFrame:
    """Incidents in the order in which somebody must act: the deadline soonest to end first.

    Those without an open deadline come after, gravest first.
    """
    waiting = timers[timers.current & timers.met.isna()]
    first = waiting.groupby("id").due_at.min().to_dict()
    due = pd.to_datetime(incidents.id.map(first), utc=True)
    ranked = incidents.assign(due=pd.to_datetime(due, utc=True))
    return ranked.sort_values(["due", "priority", "detected_at"], na_position="last")
