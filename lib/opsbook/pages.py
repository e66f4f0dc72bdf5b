"""What each page shows: one function per section, from measured frames to a piece of HTML.

A notebook cell is one of these calls. Every section of a review has its head (a light with a word
and one sentence), what was measured, and the line that asks a person to explain or escalate.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from opsbook import agendas, charts, outcomes, reviews, signoffs
from opsbook.displays import (
    Column,
    Html,
    Tile,
    agenda,
    cards,
    chain_note,
    counted,
    day,
    explain,
    figure,
    freshness,
    light,
    money,
    note,
    ratio,
    share,
    span,
    stack,
    table,
    text,
    tiles,
    to_come,
    two_lines,
    when,
    wide,
    zone_note,
)
from opsbook.duty_pages import reminders
from opsbook.incident_pages import by_urgency, register, silences, undelivered
from opsbook.incidents import headline
from opsbook.regression_pages import Listed, lights
from opsbook.reviews import GRAVE, Review
from opsbook.rules import RULES
from opsbook.schema import COMPANY, UNASSIGNED
from opsbook.settings import Company, Settings

FROM_A_REVIEW = "../incidents/{id}.html"
FROM_HOME = "reports/incidents/{id}.html"
"""Where an incident's page lies, seen from a review and from the home page."""
CALENDAR = Html(
    '<p class="ob-note"><a href="reports/assets/opsbook.ics">Calendar</a> of reviews, deadlines, '
    "actions, contracts and legal dates, for any calendar program.</p>"
)
STALE_H = 80
"""Hours after which a source's data is called old: a weekend and a night."""
BADGED = {"P1": "critical", "P2": "alert"}
STATES = {"firing": "alert", "over": "watch", "candidate": "watch"}


def section(review: Review, key: str, state: str, sentence: str, word: str = "") -> Html:
    """The head of an agenda section, by its short name: number, minutes, light and one sentence."""
    number, item = agendas.item(review.kind, key)
    return agenda(number, "", item.minutes, state, sentence, word)


def closing(review: Review, key: str, sentence: str, needs: bool) -> Html:
    """The last line of a section: what is asked, and what people have said of it so far.

    Clause E1. `sentence` says what has to be explained or escalated where it `needs` to be, else
    that nothing has.
    """
    said = review.outcomes.said(key)
    answered = [f"Explained: {said.explained}"] if said.explained else []
    answered += [f"Escalated to the {said.escalated}."] if said.escalated else []
    return stack(
        explain(sentence, "alert" if needs and not answered else "ok"),
        *(Html(f'<p class="ob-said">{text(a)}</p>') for a in answered),
    )


def standing(review: Review, questions: Mapping[str, str]) -> Html:
    """How far the review is: a draft with what is left to do, or ready to be signed.

    Clause E1. `questions` are what its sections ask. A signed review has the signature here.
    """
    company = review.settings.company
    if review.now < review.ended_at:
        return note(
            f"{review.name} is not over before {when(review.ended_at, company)}: this is how it "
            f"stands. {zone_note(company)}"
        )
    left = outcomes.left(review.kind, questions, review.outcomes)
    word = "DRAFT" + (f", version {review.version}" if review.version > 1 else "")
    before = review.register.reviews.get(review.name, [])[: review.version - 1]
    moved = _moved(before[-1]["figures"], signoffs.key_figures(review)) if before else ""
    if not left:
        said = f"Nothing is left to do. Sign it: opsbook sign-off {review.name} --as lead"
        return _stands("watch", f"{word}, ready to be signed", f"{moved}<p>{text(said)}</p>")
    rows = "".join(f"<li>{text(x)}</li>" for x in left)
    file = outcomes.place(review.name, review.version)
    said = f"{counted(len(left), 'thing')} left to do, in {file}"
    todo = f"<details><summary>{text(said)}</summary><ul>{rows}</ul></details>"
    return _stands("watch", word, moved + todo)


def _moved(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> str:
    """The key figures that differ between two versions of a report, as a sentence."""
    names = [n for n in {**before, **after} if before.get(n) != after.get(n)]
    told = [f"{n}: {_plainly(before.get(n))}, now {_plainly(after.get(n))}" for n in names]
    said = f"Figures that changed: {'; '.join(told)}." if told else "No key figure changed."
    return f"<p>{text(said)}</p>"


def _plainly(figure: float | None) -> str:
    return "none" if figure is None else f"{figure:,.2f}".rstrip("0").rstrip(".")


def _stands(state: str, word: str, inside: str) -> Html:
    """A box that says how far a review is."""
    return Html(
        f'<article class="ob-card ob-standing ob-{state}"><p class="ob-card-head">'
        f"{light(state, word)}</p>"
        f"{inside}</article>"
    )


def _facts(told: Mapping[str, str]) -> str:
    rows = "".join(f"<div><dt>{text(k)}</dt><dd>{text(v)}</dd></div>" for k, v in told.items())
    return f"<dl>{rows}</dl>"


def week_at_a_glance(week: Review) -> Html:
    """The week in one sentence, the incidents that touch it as cards, and four key figures."""
    grave = week.opened[week.opened.priority.isin(GRAVE)]
    names = [headline(i, week.settings) for i in grave.itertuples()]
    sentence = (
        f"{counted(len(grave), 'incident')} of class P1 or P2: {'; '.join(names)}."
        if names
        else "No incident of class P1 or P2."
    )
    return stack(
        Html(f'<p class="lead">{text(sentence)}</p>'),
        note(zone_note(week.settings.company)),
        key_figures(week),
        cards(grave, week.timers, week.settings, week.now, FROM_A_REVIEW),
    )


def key_figures(week: Review) -> Html:
    """Spend, calls, failing share and open incidents of the week, against the weeks before."""
    locale, spend = week.settings.company.locale, reviews.spend_by_workflow(week)
    total, usual = spend.cost_eur.sum(), spend.usual_eur.sum()
    shares = reviews.error_shares(week)
    failing = shares.failed.sum() / shares.judged.sum() if len(shares) else None
    open_now = week.opened[week.opened.firing & week.opened.priority.isin(GRAVE)]
    return tiles(
        Tile(
            "Spend of the week",
            money(total, week.settings.company),
            against=f"{ratio(total / usual, locale)} the mean of four weeks" if usual else "",
            trail=reviews.weekly_spend(week),
        ),
        Tile("Calls", f"{shares.judged.sum():,.0f}", against="with a known outcome"),
        Tile("Failing share", share(failing, locale), against="below 2 % is usual"),
        Tile(
            "P1 and P2 going on",
            str(len(open_now)),
            state="alert" if len(open_now) else "ok",
            word="act" if len(open_now) else "none",
        ),
    )


def data_and_records(week: Review) -> Html:
    """Section 1: how fresh and whole the data is, and how far the record reaches."""
    files = week.files
    waiting = files[files.state.isin(["unknown", "unreadable"])]
    aside = int(files.quarantined.sum())
    whole = waiting.empty and not aside
    sentence = (
        f"{counted(len(files), 'file')} read, every row loaded."
        if whole
        else f"{counted(len(waiting), 'file')} could not be read, "
        f"{counted(aside, 'row')} set aside."
    )
    known = week.days[week.days.workflow != UNASSIGNED]
    asked = reviews.data_question(week)
    missing = known[known.covered_share == 0].groupby("workflow").size()
    gaps = [f"{week.settings.display_name(w)}: {n} days" for w, n in missing.items()]
    return stack(
        section(week, "data", "ok" if whole else "watch", sentence),
        freshness(files, week.now, week.settings.company, STALE_H),
        note("No data in the week for " + ", ".join(gaps) + ".") if gaps else "",
        note("The record of incidents is one unbroken chain."),
        chain_note(week.register.count, week.register.head),
        closing(week, "data", asked or "Every row is where it belongs.", bool(asked)),
    )


def carried_actions(review: Review) -> Html:
    """The section of carried actions: what is open, what ended since, what was escalated.

    Clause E1. An action left open too often is followed by the next higher review.
    """
    asked = signoffs.actions_question(review)
    return stack(
        actions_head(review),
        actions_table(review),
        closing(review, "actions", asked or "No action is past its day.", bool(asked)),
    )


def actions_head(review: Review) -> Html:
    """The head of the section of carried actions."""
    follow = signoffs.to_follow(review)
    late = int(follow.overdue.sum())
    told = f"{counted(len(follow), 'action')} open" + (f", {late} overdue." if late else ".")
    sentence = told.capitalize()
    return section(review, "actions", "alert" if late else "ok", sentence, "overdue" * bool(late))


def actions_table(review: Review) -> Html:
    """Open actions of this kind of review, those that ended since the last one, and escalations."""
    company, follow = review.settings.company, signoffs.to_follow(review)
    risen = signoffs.risen(review)
    columns = [
        Column("What", "told", "html", order="what"),
        Column("Owner", "owner"),
        Column("Due", "due_on", "day"),
        Column("State", "light", "light", words="word"),
    ]
    rows = _lit(pd.concat([follow, signoffs.closed_lately(review)], ignore_index=True))
    up = signoffs.escalated(review)
    up = up.assign(told=up.text.fillna("nothing more").map(wide))
    named = [Column("Review", "period"), Column("Section", "section"), Column("To", "to")]
    named += [Column("What was said", "told", "html", order="text")]
    higher = f"{', '.join(risen.id)}: carried too often, followed by the next higher review."
    return stack(
        table(rows, columns, company, "Actions in front of this review", "No action is open."),
        note(higher) if len(risen) else "",
        table(up, named, company, "Escalated by the reviews below") if len(up) else "",
    )


def _lit(rows: pd.DataFrame) -> pd.DataFrame:
    """Actions with a light and a word for their state."""
    late = rows.overdue.astype(bool) & (rows.state == "open")
    word = rows.state.mask(late, "overdue")
    lights = {"open": "watch", "overdue": "alert", "done": "ok", "dropped": "none"}
    told = [wide(two_lines(_or_erased(r.what), _whence(r))) for r in rows.itertuples()]
    return rows.assign(told=told, word=word, light=word.map(lights))


def _or_erased(words: object) -> str:
    return "erased" if pd.isna(words) else str(words)


def _whence(task: object) -> str:
    """An action's id, where it comes from, and how often it was left open."""
    own = str(task.id).startswith(str(task.origin))
    told = [str(task.id), *([] if own else [f"from {task.origin}"])]
    times = "" if task.carried == 1 else f" {task.carried} times"
    return ", ".join([*told, *([f"carried{times}"] if task.carried else [])])


def cost_head(week: Review) -> Html:
    """Section 3, its head: whether spend and cost per run stayed within their limits."""
    found = week.findings[week.findings.family == "cost"]
    grave = found[found.priority.isin(GRAVE)]
    state = "alert" if len(grave) else "watch" if len(found) else "ok"
    names = sorted({week.settings.display_name(w) for w in grave.workflow})
    sentence = (
        f"{', '.join(names)}: over the limits of cost ({', '.join(sorted(set(grave.rule)))})."
        if names
        else "Spend alerts only; every workflow within its cost per run."
        if len(found)
        else "Spend and cost per run within their limits."
    )
    return section(week, "cost", state, sentence)


def spend_chart(week: Review) -> Html:
    """Section 3: the company's spend per day against its limit."""
    return figure(*charts.spend(week.judged.spend, week.findings, week.settings, week.bounds))


def spend_table(week: Review) -> Html:
    """Section 3: the week's cost per workflow against the four weeks before."""
    spend = _named(reviews.spend_by_workflow(week), week)
    return table(
        spend,
        [
            Column("Workflow", "name"),
            Column("This week", "cost_eur", "money"),
            Column("Mean of four weeks", "usual_eur", "money"),
            Column("Times", "ratio", "ratio"),
            Column("Calls", "calls", "count"),
        ],
        week.settings.company,
        "Cost of the week per workflow",
        "No cost in the week.",
        total={"cost_eur": spend.cost_eur.sum(), "usual_eur": spend.usual_eur.sum()},
    )


def run_costs(week: Review) -> Html:
    """Section 3: the cost per run of every workflow, a chart for each that breached its limit."""
    breached = week.findings[week.findings.rule == "R5"].workflow.unique()
    shown = [
        figure(*charts.run_cost(week.judged.run_cost, week.findings, w, week.settings, week.bounds))
        for w in breached
    ]
    by_workflow = _named(reviews.run_cost_by_workflow(week), week)
    by_workflow["light"] = by_workflow.state.map(
        {"breach": "alert", "ok": "ok", "learning": "none"}
    )
    judged = table(
        by_workflow,
        [
            Column("Workflow", "name"),
            Column("Last day judged", "day", "day"),
            Column("Cost per run", "observed_eur", "money"),
            Column("Baseline", "center", "money"),
            Column("Times", "ratio", "ratio"),
            Column("Runs", "sample", "count"),
            Column("State", "light", "light", words="state"),
        ],
        week.settings.company,
        "Median cost of a successful run",
        "No workflow has single runs in its exports.",
    )
    every = charts.run_cost_of_all(week.judged.run_cost, week.findings, week.settings, week.bounds)
    return stack(*shown, figure(*every), judged)


def dear_runs(week: Review) -> Html:
    """Section 3: the five most expensive runs over twice their baseline, with their input size."""
    return table(
        _named(reviews.dearest_runs(week), week),
        [
            Column("Workflow", "name"),
            Column("Run", "run_id"),
            Column("Started", "started_at", "when"),
            Column("Cost", "cost_eur", "money"),
            Column("Times its baseline", "ratio", "ratio"),
            Column("Input tokens", "input_tokens", "count"),
        ],
        week.settings.company,
        "Most expensive runs (P3)",
        "No run cost more than twice its baseline.",
    )


def cost_explained(week: Review) -> Html:
    """Section 3, its end: what other rules found in the cost, and what is to be explained."""
    asked = reviews.cost_question(week)
    return stack(
        also_found(week, ("R6", "R8"), ("cost",)),
        closing(week, "cost", asked or "Nothing in the cost needs a word.", bool(asked)),
    )


def errors_head(week: Review) -> Html:
    """Section 4, its head: whether calls failed more than they may."""
    found = week.findings[week.findings.rule.isin(["R3", "R4"])]
    worst = found.priority.min() if len(found) else None
    state = {"P1": "critical", "P2": "alert"}.get(worst, "ok")
    names = sorted({week.settings.display_name(w) for w in found.workflow})
    sentence = (
        f"{', '.join(names)}: more calls failed than may."
        if names
        else "Failing calls stayed within their limits."
    )
    return section(week, "errors", state, sentence)


def error_charts(week: Review) -> Html:
    """Section 4: the failing share per workflow with its interval, and each stretch by the hour."""
    shares = reviews.error_shares(week)
    found = week.findings[week.findings.rule.isin(["R3", "R4"])]
    overview = figure(*charts.error_shares(shares, week.settings))
    hours = [
        figure(*charts.error_hours(week.facts.grid, found, w, week.settings, week.bounds))
        for w in found.workflow.unique()
    ]
    return stack(overview, *hours)


def error_table(week: Review) -> Html:
    """Section 4: calls, failures, share and interval per workflow; who is not judged, and why."""
    shares = _named(reviews.error_shares(week), week)
    asked = reviews.errors_question(week)
    judged = table(
        shares,
        [
            Column("Workflow", "name"),
            Column("Calls", "judged", "count"),
            Column("Failed", "failed", "count"),
            Column("Share", "share", "share"),
            Column("At least", "low", "share"),
            Column("At most", "high", "share"),
        ],
        week.settings.company,
        "Failing calls of the week; the interval holds the true share with 90 %",
        "No export carries outcomes.",
    )
    return stack(
        judged,
        not_judged(week, ("R3", "R4")),
        also_found(week, ("R8", "R10"), ("latency", "quality", "refusals")),
        closing(week, "errors", asked or "Nothing in the error rates needs a word.", bool(asked)),
        to_come("D4", "Retries beside the final outcome"),
    )


def also_found(week: Review, rules: tuple[str, ...], families: tuple[str, ...]) -> Html:
    """Findings of the week, P1 and P2, by rules that have no chart of their own in a section."""
    found = week.findings[week.findings.priority.isin(GRAVE)]
    own = found[found.rule.isin(rules) & found.family.isin(families)]
    columns = [
        Column("Rule", "rule"),
        Column("Class", "priority", "badge"),
        Column("Workflow", "name"),
        Column("From", "started_at", "when"),
        Column("To", "ended_at", "when"),
        Column("What", "reason"),
    ]
    named = [f"{r} ({RULES[r].words})" for r in rules]
    caption = f"Also judged: {', '.join(named)}"
    return table(_named(own, week), columns, week.settings.company, caption, "None in the week.")


def not_judged(week: Review, rules: tuple[str, ...]) -> Html:
    """Which workflows a rule does not judge, and why: never passed in silence."""
    found = reviews.not_judged(week)
    own = found[found.rule.isin(rules)].drop_duplicates(["workflow", "reason"])
    said = [f"{week.settings.display_name(f.workflow)}: {f.reason}" for f in own.itertuples()]
    return note("Not judged: " + "; ".join(said) + ".") if said else Html("")


def minor(week: Review) -> Html:
    """Section 5: P3, near misses, and how often each rule fired under either method."""
    found, near = reviews.single_breaches(week), reviews.candidates(week)
    head = section(
        week,
        "minor",
        "watch" if len(found) + len(near) else "ok",
        f"P3: {len(found) or 'none'}. Near misses: {len(near) or 'none'}.",
    )
    columns = [
        Column("Rule", "rule"),
        Column("What", "name"),
        Column("From", "started_at", "when"),
        Column("To", "ended_at", "when"),
        Column("Why", "reason"),
    ]
    both = _named(pd.concat([found, near], ignore_index=True), week)
    company = week.settings.company
    return stack(
        head,
        table(both, columns, company, "P3 and near misses of the week", "None in the week."),
        explained(week),
        fired(week),
        closing(week, "minor", "Logged; nobody is called for a P3.", needs=False),
    )


def explained(week: Review) -> Html:
    """The stretches that a person looked at and explained, with the reason."""
    rows = _named(reviews.explained(week), week)
    return table(
        rows.assign(metric=rows.metric.str.replace("_", " "), reason=rows.reason.fillna("erased")),
        [
            Column("Workflow", "name"),
            Column("What", "metric"),
            Column("From", "started_at", "when"),
            Column("To", "ended_at", "when"),
            Column("Explained", "reason"),
            Column("By", "by"),
        ],
        week.settings.company,
        "Explained stretches",
        "None; an analyst explains one in notebooks/explore.ipynb.",
    )


def fired(week: Review) -> Html:
    """How often each rule fired in the week, as we read it and read literally."""
    counts = reviews.fired_by_rule(week)
    judged = counts[counts.done].assign(
        id=counts.rule + " " + counts.name, words=counts.words.str.capitalize()
    )
    return stack(
        table(
            judged,
            [
                Column("Rule", "id"),
                Column("In the runbook's words", "words"),
                Column("Our reading", "calendar", "count"),
                Column("Literally", "runbook", "count"),
            ],
            week.settings.company,
            "How often each rule fired in the week",
        ),
        note("Literally: bare shares per hour, calendar 7-day mean, no minimum sample."),
    )


def ran(week: Review, lists: Sequence[Listed] = ()) -> Html:
    """Section 6: workflow by day: ran, zero, no data, planned off; what each list says.

    Clauses E1 and F1: the regression lists are looked at every week, not before an update alone.
    """
    days = reviews.days_run(week)
    zero = days[days.state == "zero"]
    blind = days[days.state == "no data"]
    names = {week.settings.display_name(w) for w in [*zero.workflow, *blind.workflow]}
    sentence = (
        f"{', '.join(sorted(names))}: a day without a run or without data."
        if names
        else "Every workflow ran on every day it should."
    )
    state, asked = "watch" if names else "ok", reviews.ran_question(week, lists)
    return stack(
        section(week, "ran", state, sentence),
        figure(*charts.days_run(days, week.settings)),
        also_found(week, ("R9", "R13"), ("activity", "coverage")),
        lights(lists, week.settings.company) if lists else "",
        closing(week, "ran", asked or "Nothing is missing.", bool(asked)),
    )


def open_incidents(week: Review) -> Html:
    """Section 7: P1 and P2 that are open or touch the week, their deadlines, and what is silenced.

    Clauses B2 and B6. An incident is open until a person resolves it.
    """
    every = week.incidents
    touching = every.id.isin(week.opened.id) | every.open | every.firing
    shown = by_urgency(every[touching & every.priority.isin(GRAVE)], week.timers)
    still = shown[shown.open | shown.firing]
    worst = still.priority.min() if len(still) else None
    asked = reviews.open_question(week)
    caused = "Every open incident has its root cause on record."
    otherwise = caused if len(still) else "Nothing is open."
    head = section(
        week,
        "open",
        {"P1": "critical", "P2": "alert"}.get(worst, "ok"),
        f"{counted(len(still), 'incident')} open, {int(still.firing.sum())} of them going on."
        if len(still)
        else "No P1 or P2 is open.",
        "" if len(still) else "none open",
    )
    return stack(
        head,
        register(week, shown, FROM_A_REVIEW),
        silences(week),
        closing(week, "open", asked or otherwise, bool(asked)),
    )


def decisions(review: Review, questions: Mapping[str, str]) -> Html:
    """The last section: what was decided and is to be done, and whether it may be signed.

    Clause E1.
    """
    left = outcomes.left(review.kind, questions, review.outcomes)
    sentence = f"{counted(len(left), 'thing')} left to do." if left else "It may be signed."
    told = review.outcomes
    rows = pd.DataFrame(
        [vars(t) | {"id": t.id or "new"} for t in told.tasks],
        columns=["id", "text", "owner", "due", "kind", "state"],
    )
    head = section(review, "sign-off", "watch", sentence, "draft")
    return stack(head, *decided(told.decisions, rows, review.settings.company))


def signature(
    versions: Sequence[dict],
    number: int,
    texts: Mapping[str, str | None],
    settings: Settings,
    there: bool = True,
) -> Html:
    """Who signed a version of a review, when, what it rests on, and what it changed.

    Clause E1. `versions` are the sign-offs of its period, `number` counts from 1, `texts` are what
    people wrote by its name (None: erased); without the report `there`, it is said to be missing.
    """
    told, last = versions[number - 1], len(versions)
    company = settings.company
    facts = {
        "Signed": f"{when(pd.Timestamp(told['ts']), company)} by the {told['by']}",
        "Held": f"{when(pd.Timestamp(told['held']), company)}, planned for "
        f"{when(pd.Timestamp(told['planned']), company)}",
        "Present": ", ".join(told["present"]),
    }
    if told["changed"]:
        facts |= {"What changed": texts.get(told["changed"]) or "erased"}
    rests = {
        "Report": f"SHA-256 {told['report']}",
        "Exports": f"SHA-256 {told['data']}",
        "Rules": told["rules"],
        "Record": f"event {told['seq']}; shown at {told['count']}, head {told['head'][:16]}",
    }
    later = told["version"] < last
    corrected = f"<p>Corrected by version {last}; below stands what was signed then.</p>"
    moved = _moved(versions[number - 2]["figures"], told["figures"]) if number > 1 else ""
    gone = f"<p>{text(told['path'])} is not on this machine; bring it back from a backup.</p>"
    return _stands(
        "watch" if later or not there else "ok",
        "SIGNED" + (f", version {told['version']}" if told["version"] > 1 else ""),
        (corrected if later else "")
        + ("" if there else gone)
        + moved
        + _facts(facts)
        + f"<details><summary>What it rests on</summary>{_facts(rests)}</details>",
    )


def signed_decisions(told: dict, texts: Mapping[str, str | None], settings: Settings) -> Html:
    """The last section of a signed review: decisions, and actions made, closed and carried on."""
    number, item = agendas.item(told["review"], "sign-off")
    made = [t | {"text": texts.get(t["text"]) or "erased", "state": "new"} for t in told["made"]]
    rows = pd.DataFrame(made, columns=["id", "text", "owner", "due", "kind", "state"])
    closed = ", ".join(f"{c['id']} {c['state']}" for c in told["closed"]) or "none"
    carried = ", ".join(told["carried"]) or "none"
    points = [texts.get(d) or "erased" for d in told["decisions"]]
    return stack(
        agenda(number, "", item.minutes, "ok", "Signed.", "signed"),
        *decided(points, rows, settings.company),
        note(f"Ended: {closed}. Carried on: {carried}."),
    )


def decided(points: Sequence[str], tasks: pd.DataFrame, company: Company) -> list[Html]:
    """Decisions as a list, and actions as a table."""
    listed = "".join(f"<li>{text(p)}</li>" for p in points)
    columns = [
        Column("Id", "id"),
        Column("What", "told", "html", order="text"),
        Column("Owner", "owner"),
        Column("Due", "due", "day"),
        Column("Kind", "kind"),
        Column("State", "state"),
    ]
    rows = tasks.assign(due=pd.to_datetime(tasks.due), told=tasks.text.map(wide))
    return [
        Html("<h3>Decisions</h3>"),
        Html(f"<ul>{listed}</ul>") if listed else note("No decision is written down."),
        table(rows, columns, company, "What is to be done", "No action was made or followed."),
    ]


def status(week: Review) -> Html:
    """The home page: what is open, who must act by when, a light per workflow, the next review."""
    every = week.incidents[week.incidents.priority.isin(GRAVE)]
    acting = every.firing | (every.open & ~every.late)
    going = by_urgency(every[acting], week.timers)
    waiting = every[every.open & ~acting][::-1]
    return stack(
        note(f"As of {when(week.now, week.settings.company)}. {zone_note(week.settings.company)}"),
        begin(week),
        Html("<h2>Open now</h2>"),
        cards(going, week.timers, week.settings, week.now, FROM_HOME),
        undelivered(week),
        reminders(week),
        Html("<h2>Next</h2>"),
        next_up(week),
        CALENDAR,
        Html("<h2>Workflows</h2>"),
        workflow_lights(week),
        Html("<h2>Over before they were found, waiting for a cause</h2>") if len(waiting) else "",
        register(week, waiting, FROM_HOME) if len(waiting) else "",
    )


def begin(week: Review) -> Html:
    """What a new company does next; nothing once a workflow's calls have arrived."""
    heard = _heard(week)
    if heard - {UNASSIGNED}:
        return Html("")
    if week.files.empty:
        said = (
            "No export has arrived yet. Drop one into the company's inbox: the README.md there "
            "says where each vendor has it. Then run make weekly again."
        )
    elif not heard:
        said = "No file in the inbox held a call: the data page says what became of each."
    else:
        said = (
            "Calls have arrived, and no workflow claims them yet. Run make doctor: it prints the "
            "line for settings/workflows.toml. Then run make weekly again."
        )
    return Html(f'<h2>Begin here</h2><p class="lead">{text(said)}</p>')


def _heard(week: Review) -> set[str]:
    """The workflows of which a call has ever arrived, 'unassigned' among them."""
    return set(week.facts.grid.workflow[week.facts.grid.calls > 0])


def next_up(week: Review) -> Html:
    """What is due next: the reviews, for whom and by when, and how old the oldest source is."""
    company = week.settings.company
    reaches = week.files.groupby("reader").covered_to.max().dropna()
    oldest = reaches.idxmin() if len(reaches) else ""
    age = week.now - reaches.min() if len(reaches) else pd.Timedelta(0)
    old = age > pd.Timedelta(hours=STALE_H)
    said = f"{oldest}, to {when(reaches.min(), company)}" if oldest else "no export yet"
    return stack(
        reviews_due(week),
        tiles(
            Tile(
                "Oldest data",
                span(max(age, pd.Timedelta(0))) if oldest else "none",
                against=said,
                state="watch" if old or not oldest else "ok",
                word="old" if old else "fresh" if oldest else "nothing to judge",
            ),
            Tile(
                "Files that wait for a person",
                str(_waiting(week.files)),
                against="see the data page",
            ),
            *_actions_due(week),
        ),
    )


STANDS = {"signed": "ok", "due": "watch", "to come": "none", "overdue": "alert"}
"""The light of a review's state."""


def reviews_due(review: Review) -> Html:
    """The reviews that are due, overdue or signed last: of which period, planned when, for whom.

    Clause E1. Of those signed only the last of each kind is shown.
    """
    every = signoffs.standing(review)
    signed = every[every.state == "signed"].drop_duplicates("kind")
    shown = every[(every.state != "signed") | every.index.isin(signed.index)]
    company = review.settings.company
    rows = [
        {
            "name": f"{agendas.TITLES[r.kind]} {r.period}",
            "link": f"reports/{r.kind}/{r.period}.html" if r.made else None,
            "who": ", ".join(agendas.PRESENT[r.kind]),
            "planned_at": r.planned_at,
            "light": STANDS[r.state],
            "word": r.state.upper() if r.state == "overdue" else r.state,
            "what": _due_by(r, company),
        }
        for r in shown.itertuples()
    ]
    names = ["name", "link", "who", "planned_at", "light", "word", "what"]
    columns = [
        Column("Review", "name", link="link"),
        Column("For", "who"),
        Column("Planned", "planned_at", "when"),
        Column("State", "light", "light", words="word"),
        Column("What is due", "what"),
    ]
    empty = "No review is due yet: the first week of data is not over."
    return table(pd.DataFrame(rows, columns=names), columns, company, "Reviews", empty)


def _due_by(row: object, company: Company) -> str:
    if row.state == "signed":
        return f"signed {when(row.signed_at, company)}{'' if row.on_time else ', late'}"
    return f"hold it by {day(row.late_at, company)}" if row.state != "overdue" else "hold it now"


def _actions_due(review: Review) -> list[Tile]:
    """How many actions are open, and how many of them overdue."""
    every = signoffs.tasks(review)
    left = every[every.state == "open"]
    late = int(left.overdue.sum())
    word = f"{late} overdue" if late else "in time"
    state = "alert" if late else "ok"
    return [Tile("Open actions", str(len(left)), state=state, word=word)] if len(every) else []


def _waiting(files: pd.DataFrame) -> int:
    return int((files.state.isin(["unknown", "unreadable"]) | (files.quarantined > 0)).sum())


def workflow_lights(week: Review) -> Html:
    """One row per workflow: its light, category, owner, and what it costs a run."""
    rows, heard = [], _heard(week)
    for workflow in week.settings.workflows:
        own = week.incidents[(week.incidents.workflow == workflow.id)]
        going = own[(own.firing | own.open) & own.priority.isin(GRAVE)]
        worst = going.priority.min() if len(going) else None
        rows.append(
            {
                "name": two_lines(workflow.name, workflow.owner),
                "link": f"reports/workflows/{workflow.id}.html",
                "light": BADGED.get(worst, "ok" if workflow.id in heard else "none"),
                "word": _how_it_stands(going, workflow.id in heard),
                "order": workflow.name,
                "id": workflow.id,
            }
        )
    costs = reviews.run_cost_by_workflow(week)[["workflow", "observed_eur", "ratio"]]
    shares = reviews.error_shares(week)[["workflow", "share"]]
    about = ["name", "link", "light", "word", "order", "id"]
    frame = pd.DataFrame(rows, columns=about).merge(
        costs, left_on="id", right_on="workflow", how="left"
    )
    frame = frame.drop(columns="workflow").merge(
        shares, left_on="id", right_on="workflow", how="left"
    )
    columns = [
        Column("Workflow and owner", "name", "html", order="order", link="link"),
        Column("State", "light", "light", words="word"),
        Column("Cost per run", "observed_eur", "money"),
        Column("Times its baseline", "ratio", "ratio"),
        Column("Failing share", "share", "share"),
    ]
    return stack(
        table(
            frame,
            columns,
            week.settings.company,
            f"Workflows in {week.name}",
            "None stands in settings/workflows.toml yet.",
        ),
        note("n/a: the exports of that workflow hold totals, neither single runs nor outcomes."),
    )


def _how_it_stands(going: pd.DataFrame, heard: bool) -> str:
    """The gravest open incident of a workflow in two words; whether it was `heard` of at all."""
    if going.empty:
        return "no P1 or P2" if heard else "no data yet"
    return f"{going.priority.min()} {'going on' if going.firing.any() else 'open'}"


def arrived(week: Review) -> Html:
    """The data page: what waits for a person first, then every file and what became of its rows."""
    company, files = week.settings.company, week.files
    states = {"loaded": "ok", "known": "ok", "empty": "none"}
    rows = files.assign(
        light=files.state.map(states).fillna("alert"),
        order=files.file,
        named=[_named_file(f, company) for f in files.itertuples()],
    )
    problems = rows[rows.problem.notna()]
    told = [Column("File", "file"), Column("What to do", "problem"), Column("Header", "header")]
    columns = [
        Column("File, read as", "named", "html", order="order"),
        Column("State", "light", "light", words="state"),
        Column("Rows", "rows_in", "count"),
        Column("Loaded", "loaded", "count"),
        Column("Known", "known", "count"),
        Column("Set aside", "quarantined", "count"),
    ]
    sums = rows[["rows_in", "loaded", "known", "quarantined"]].sum().to_dict()
    return stack(
        table(
            problems, told, company, "Files that wait for a person", "None: every file was read."
        ),
        table(rows, columns, company, "All files", "The inbox is empty.", total=sums),
        note("Rows = loaded + known already + set aside, for every file."),
    )


def _named_file(file: object, company: Company) -> Html:
    """A file's name and what it was read as, where an incident's evidence leads to."""
    named = two_lines(file.file, _read_as(file, company))
    return Html(f'<span id="file-{text(file.file_id)}">{named}</span>')


def _read_as(file: object, company: Company) -> str:
    """What a file was read as, and the days it covers."""
    if pd.isna(file.reader):
        return "not read"
    if pd.isna(file.covered_from):
        return file.reader
    return f"{file.reader}, {day(file.covered_from, company)} to {day(file.covered_to, company)}"


def set_aside(week: Review) -> Html:
    """The data page: each row in quarantine, with its file, its number, why, and its text."""
    columns = [
        Column("File", "file"),
        Column("Row", "row", "count"),
        Column("Why", "reason"),
        Column("Text", "text"),
    ]
    return table(
        week.quarantine.assign(text=week.quarantine.text.str.slice(0, 160)).head(200),
        columns,
        week.settings.company,
        "Rows set aside, the first 200",
        "No row was set aside.",
    )


def costs_by_kind(week: Review) -> Html:
    """The data page: where each workflow's cost comes from, and what no price was found for."""
    kinds = reviews.cost_kinds(week)
    columns = [
        Column("Workflow", "name"),
        Column("Cost so far", "cost_eur", "money"),
        Column("Rows without a price", "unpriced", "count"),
    ]
    company = week.settings.company
    lacking = reviews.unpriced_models(week)
    named = [
        Column("Vendor", "provider"),
        Column("Model", "model"),
        Column("Rows", "rows", "count"),
        Column("First", "first_seen", "day"),
        Column("Last", "last_seen", "day"),
    ]
    return stack(
        table(_named(kinds, week), columns, company, "Priced and unpriced"),
        table(lacking, named, company, "Models without a price", "Every model has a price."),
        note("Name its price in settings/prices.toml, or in aliases.toml the model it stands for.")
        if len(lacking)
        else "",
    )


def reconciliation(week: Review) -> Html:
    """The data page: each vendor's bill of a month against what its calls cost."""
    rows = reviews.reconciled(week)
    known = rows.billed_eur.notna()
    close = (rows.share - 1).abs().le(week.settings.limits.reconciled_share).fillna(False)
    state = (
        pd.Series("none", index=rows.index).mask(known & ~close, "watch").mask(known & close, "ok")
    )
    words = {"none": "no bill", "watch": "differs", "ok": "agrees"}
    columns = [
        Column("Month", "month"),
        Column("Vendor", "provider"),
        Column("Bill", "billed_eur", "money"),
        Column("Calls, as the vendor says", "reported_eur", "money"),
        Column("Calls, estimated", "estimated_eur", "money"),
        Column("Rows without a price", "unpriced", "count"),
        Column("Bill less calls", "difference_eur", "money"),
        Column("State", "light", "light", words="word"),
    ]
    return stack(
        table(
            rows.assign(light=state, word=state.map(words)),
            columns,
            week.settings.company,
            "Bills and calls by month (UTC)",
            "No call and no bill has arrived.",
        ),
        note(
            "Estimated: by the company's price sheet or the list prices. A bill that joins totals "
            "of its day and model is the vendor's word for them; it is never added. Of a cloud's "
            "bill the lines about AI count here."
        ),
    )


def codebook(week: Review, readers: Sequence[object]) -> Html:
    """The data page: each format that is read, and what its input tokens include."""
    columns = [
        Column("Export", "title"),
        Column("A row is", "codebook"),
        Column("Its input tokens are", "input_tokens"),
    ]
    rows = [{c.field: getattr(r, c.field) for c in columns} for r in readers]
    return table(pd.DataFrame(rows), columns, week.settings.company, "Formats that are read")


def baselines(week: Review) -> Html:
    """The baselines page: what is normal now, and a chart per workflow."""
    normal = _named(reviews.baselines_now(week.judged), week)
    normal["light"] = normal.state.map({"ok": "ok", "breach": "alert"}).fillna("none")
    columns = [
        Column("Workflow", "name"),
        Column("Metric", "metric"),
        Column("Slot", "slot"),
        Column("References", "n", "count"),
        Column("Normal", "center", "money"),
        Column("Room to the limit", "spread", "money"),
        Column("State", "light", "light", words="state"),
    ]
    workflows = [w for w in normal.workflow if w not in (COMPANY, UNASSIGNED)]
    shown = [
        figure(
            *charts.run_cost(
                week.judged.run_cost, week.findings, w, week.settings, week.bounds, weeks=12
            )
        )
        for w in workflows
    ]
    return stack(table(normal, columns, week.settings.company, "What is normal now"), *shown)


def _named(frame: pd.DataFrame, week: Review) -> pd.DataFrame:
    """The frame with the name people use for its workflows."""
    names = frame.workflow.map(week.settings.display_name) if len(frame) else []
    return frame.assign(name=names)


def _open_state(found: pd.DataFrame) -> str:
    return "alert" if len(found) else "ok"
