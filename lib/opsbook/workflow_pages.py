"""A workflow's page: who owns it, what it cost and why, how it failed, its models and prompts.

Each piece is one function of a week and a workflow, and of what lies outside the tables (`Told`); a
page whose pieces are the same is the same.
"""

import json
from dataclasses import dataclass

import pandas as pd

from opsbook import charts, months, reviews
from opsbook.displays import (
    Column,
    Html,
    Tile,
    counted,
    day,
    figure,
    money,
    money_decimals,
    note,
    number,
    ratio,
    share,
    stack,
    table,
    text,
    tiles,
    when,
    zone_note,
)
from opsbook.estimates import share_lower_bound, share_upper_bound
from opsbook.incident_pages import register
from opsbook.regression_pages import LIGHTS, Listed
from opsbook.reviews import Review
from opsbook.settings import CATEGORIES, Workflow

NEAR = pd.Timedelta(days=3)
"""What happened within so many days of a prompt's change is named beside it."""
LINK = "../incidents/{id}.html"
FACTOR_WORDS = {
    "volume": "More or fewer calls",
    "input": "Longer or shorter inputs",
    "output": "Longer or shorter outputs",
    "price": "Dearer or cheaper tokens, the cache's part among it",
    "mix": "Another mix of models",
}
"""Each part of a change of cost, as the table names it."""


@dataclass(frozen=True)
class Wording:
    """A version of a prompt: its file, when it was committed (UTC), its commit, subject, size."""

    file: str
    at: pd.Timestamp
    commit: str
    subject: str
    chars: int


@dataclass(frozen=True)
class Told:
    """What a workflow's page tells from outside the tables: its prompts' versions and its list.

    `wordings` are oldest first; `loose` are files whose text is in no commit; `unknown` says why
    the history is not known.
    """

    listed: Listed
    wordings: tuple[Wording, ...] = ()
    loose: tuple[str, ...] = ()
    unknown: str = ""


def head(week: Review, workflow: str) -> Html:
    """Who owns it, and the week's cost, cost per run, calls and failing share."""
    own, company = _settings(week, workflow), week.settings.company
    spend = _row(reviews.spend_by_workflow(week), workflow)
    run = _row(reviews.run_cost_by_workflow(week), workflow)
    failing = _row(reviews.error_shares(week), workflow)
    times = spend.get("ratio")
    return stack(
        Html(f'<p class="lead">{text(_whose(own))}</p>'),
        note(f"{own.note} {week.name}. {zone_note(company)}".strip()),
        tiles(
            Tile(
                "Cost of the week",
                money(spend.get("cost_eur"), company),
                against=_times(times, "the mean of four weeks", company.locale),
            ),
            Tile(
                "Cost per run",
                money(run.get("observed_eur"), company),
                against=_times(run.get("ratio"), "its baseline", company.locale),
            ),
            Tile("Calls", number(spend.get("calls"), company.locale), against="in the week"),
            Tile(
                "Failing share",
                share(failing.get("share"), company.locale),
                against="below 2 % is usual",
            ),
        ),
    )


def _whose(own: Workflow) -> str:
    """Who answers for a workflow, who stands in, and what kind of work it does."""
    deputy = f"deputy: {own.deputy}" if own.deputy else "no deputy is named in workflows.toml"
    return f"{own.owner}; {deputy}. {CATEGORIES[own.category]}."


def _settings(week: Review, workflow: str) -> Workflow:
    return next(w for w in week.settings.workflows if w.id == workflow)


def _row(frame: pd.DataFrame, workflow: str) -> dict:
    own = frame[frame.workflow == workflow]
    return own.iloc[0].to_dict() if len(own) else {}


def _times(value: object, what: str, locale: str) -> str:
    return "" if value is None or pd.isna(value) else f"{ratio(value, locale)} {what}"


def split(week: Review, workflow: str) -> Html:
    """Why the week's cost is not that of the weeks before: five parts that add up to the change.

    Clause D3.
    """
    found, company = reviews.cost_split_of(week, workflow), week.settings.company
    if found is None:
        why = "no week before it, or exports that do not count calls"
        return note(f"The week's cost is not split: there is {why}.")
    shown = to_the_cent(found.brought_eur.tolist(), money_decimals(found.attrs["after_eur"]))
    rows = found.assign(what=[FACTOR_WORDS[f] for f in found.factor], brought_eur=shown)
    unpriced = reviews.unpriced_rows(week, workflow)
    left = (
        f" {counted(unpriced, 'row')} without a price {'are' if unpriced > 1 else 'is'} not in it."
    )
    return stack(
        figure(*charts.cost_split(found, week.settings)),
        table(
            rows,
            [Column("What changed", "what"), Column("Brought", "brought_eur", "money")],
            company,
            "The parts of the change",
            total={"brought_eur": sum(shown)},
        ),
        note(
            "Against the mean of the four weeks before. Parts that act together share what they "
            "bring together; they add up to the change." + (left if unpriced else "")
        ),
    )


def to_the_cent(parts: list[float], decimals: int = 2) -> list[float]:
    """Parts rounded so that they still add up to their rounded sum: the largest takes the rest.

    >>> to_the_cent([0.333, 0.333, 0.334])
    [0.33, 0.33, 0.34]
    """
    rounded = [round(p, decimals) for p in parts]
    rest = round(round(sum(parts), decimals) - sum(rounded), decimals)
    most = max(range(len(parts)), key=lambda i: abs(parts[i]))
    return [round(p + rest, decimals) if i == most else p for i, p in enumerate(rounded)]


def cost_per_run(week: Review, workflow: str) -> Html:
    """The cost per run day by day, against its baseline and limit."""
    bands = week.judged.run_cost
    if workflow not in set(bands.workflow):
        return note("Its exports hold totals, no single runs.")
    shown = charts.run_cost(
        bands, week.findings, workflow, week.settings, week.bounds, weeks=charts.WEEKS_SHOWN
    )
    return figure(*shown)


def models(week: Review, workflow: str) -> Html:
    """Which model answered which request, from when to when; clause F1."""
    seen = reviews.models_of(week, workflow)
    company = week.settings.company
    rows = seen.assign(
        times=[f"{day(a, company)} to {day(b, company)}" for a, b in
               zip(seen.first_seen, seen.last_seen, strict=True)]
    )  # fmt: skip
    columns = [
        Column("Asked for", "request_model"),
        Column("Answered", "served_model"),
        Column("Seen", "times", order="first_seen"),
        Column("Calls", "calls", "count"),
        Column("Cost so far", "cost_eur", "money"),
    ]
    new = week.judged.findings
    told = new[(new.rule == "R15") & (new.workflow == workflow)]
    said = [f"{day(f.started_at, company)}: {f.reason}." for f in told.itertuples()]
    return stack(
        table(rows, columns, company, "Models, the newest first", "No call has arrived yet."),
        *(note(s) for s in said),
    )


def weekly_outcomes(week: Review, workflow: str, weeks: int = charts.WEEKS_SHOWN) -> pd.DataFrame:
    """How many calls failed and were refused in each of the last weeks, oldest first.

    Columns week, judged, failed, share, low, high (of 90 %), refused. Weeks without a call whose
    outcome is known are left out: no data is no share.
    """
    days = week.facts.days[week.facts.days.workflow == workflow]
    rows = []
    for ago in reversed(range(weeks)):
        begun, ended = reviews.weeks_before(week, ago), reviews.weeks_before(week, ago - 1)
        own = days[(days.started_at >= begun) & (days.ended_at <= ended)]
        sums = own[["judged", "failed", "refused"]].sum(min_count=1)
        rows.append({"week": week.period.previous(ago).name, **sums})
    told = pd.DataFrame(rows).astype({c: "Float64" for c in ("judged", "failed", "refused")})
    known = told[told.judged.fillna(0) > 0].reset_index(drop=True)
    level = week.settings.limits.confidence
    return known.assign(
        share=known.failed / known.judged,
        low=share_lower_bound(known.failed, known.judged, level),
        high=share_upper_bound(known.failed, known.judged, level),
    )


def errors(week: Review, workflow: str) -> Html:
    """The failing share week by week with its interval; clause D4."""
    weeks = weekly_outcomes(week, workflow)
    if weeks.empty:
        return note("Its exports do not tell how a call ended.")
    columns = [
        Column("Week", "week"),
        Column("Calls", "judged", "count"),
        Column("Failed", "failed", "count"),
        Column("Share", "share", "share"),
        Column("At least", "low", "share"),
        Column("At most", "high", "share"),
    ]
    name = week.settings.display_name(workflow)
    return stack(
        figure(*charts.share_by_week(weeks, name, week.settings)),
        table(weeks[::-1], columns, week.settings.company, "Failing calls, the last week first"),
    )


def baseline(week: Review, workflow: str) -> Html:
    """What is normal now, whether it moved, and the line that confirms a new normal; clause E2."""
    drift = months.baseline_drift(week)
    own, company = _row(drift, workflow), week.settings.company
    what = "a run" if own["metric"] == "run" else "a day on which it ran"
    if pd.isna(own["end_eur"]):
        said = f"Still learning: {counted(int(own['references']), 'day')} to go by."
        return note(said)
    said = (
        f"{money(own['end_eur'], company)} for {what}, from {int(own['references'])} days; "
        f"{money(own['start_eur'], company)} when the week began."
    )
    epochs = _settings(week, workflow).epochs
    begun = [f"{e.first.isoformat()}: {e.reason}" for e in epochs]
    parts = [
        Html(f"<p>{text(said)}</p>"),
        note(f"Measured anew from {'; '.join(begun)}.") if begun else "",
    ]
    return stack(*parts, _confirm(week, workflow) if own["moved"] else note("It has not moved."))


def _confirm(week: Review, workflow: str) -> Html:
    """That a level has moved, and what a person writes where it is the new normal."""
    bands = week.judged.run_cost
    over = bands[(bands.workflow == workflow) & (bands.state == "breach")]
    recent = over.tail(week.settings.limits.baseline_days)
    first = pd.Timestamp(recent.day.iloc[0]).date() if len(recent) else week.period.first
    told = [(e.first, e.reason) for e in _settings(week, workflow).epochs]
    line = ", ".join(
        f"{{ first = {at.isoformat()}, reason = {json.dumps(why, ensure_ascii=False)} }}"
        for at, why in [*told, (first, "WHY")]
    )
    return stack(
        Html(
            '<p class="ob-explain ob-alert"><strong>The level has moved:</strong> more of the last '
            "days were over the limit than a baseline may leave out. Where that is the new normal, "
            "confirm it under this workflow in settings/workflows.toml, with your reason:</p>"
        ),
        Html(f"<pre>epochs = [{text(line)}]</pre>"),
    )


def quality(week: Review, workflow: str, told: Told) -> Html:
    """Refusals, scores and what the regression list says; clauses B4 and C2."""
    company = week.settings.company
    weeks = weekly_outcomes(week, workflow, 1)
    refused = _row(weeks.assign(workflow=workflow), workflow)
    part = months.part(refused.get("refused"), refused.get("judged"))
    score = months.workflow_figures(week).set_index("workflow").quality.get(workflow)
    run = months.last_run(told.listed, week)
    verdict = run.document["verdict"] if run else ""
    of = f"{months.passed(run)} of {len(run.document['cases'])}" if run else "n/a"
    approved = told.listed.approved or "none"
    return stack(
        tiles(
            Tile("Refused", share(part, company.locale), against="of the week's calls"),
            Tile("Mean score", share(score, company.locale), against="where the exports score"),
            Tile(
                "Regression list",
                verdict or "not run",
                against=f"{run.model}, {run.day}" if run else "no run yet",
                state=LIGHTS[verdict],
                word={"GO": "as before", "LOOK": "look", "HOLD": "hold"}.get(verdict, "no run"),
            ),
            Tile("Cases that pass", of, against="every check, form among them"),
        ),
        Html(
            f'<p class="ob-note">Approved run: {text(approved)}. '
            '<a href="../regression.html">What the list says</a></p>'
        ),
    )


def prompts(week: Review, workflow: str, told: Told) -> Html:
    """Every version of its prompts, the newest first, and what lies near it; clause C4."""
    company = week.settings.company
    if told.unknown:
        return note(f"What its prompts said before is not known: {told.unknown}")
    seen = [w for w in told.wordings if w.at <= week.now]
    rows = pd.DataFrame(
        [
            {
                "at": w.at,
                "file": w.file,
                "subject": w.subject,
                "chars": w.chars,
                "commit": w.commit,
                "near": "; ".join(_near(w.at, week, workflow)) or "–",
            }
            for w in reversed(seen)
        ],
        columns=["at", "file", "subject", "chars", "commit", "near"],
    )
    columns = [
        Column("Since", "at", "when"),
        Column("File", "file"),
        Column("What changed", "subject"),
        Column("Characters", "chars", "count"),
        Column("Commit", "commit"),
        Column("Within three days", "near"),
    ]
    loose = [f"{f}: as it lies there it is in no commit; commit it." for f in told.loose]
    example = f"opsbook prompts at {week.period.last.isoformat()} {workflow}"
    return stack(
        table(
            rows,
            columns,
            company,
            "Versions, the newest first",
            "No version was committed by then.",
        ),
        *(note(one) for one in loose),
        note(f"What one said on a day: {example}"),
    )


def _near(at: pd.Timestamp, week: Review, workflow: str) -> list[str]:
    """Incidents of the workflow and new models within three days of a moment."""
    company = week.settings.company
    own = week.incidents[week.incidents.workflow == workflow]
    close = own[(own.started_at - at).abs() <= NEAR]
    found = week.judged.findings
    new = found[(found.rule == "R15") & (found.workflow == workflow)]
    new = new[(new.started_at - at).abs() <= NEAR]
    return [
        *(f"{i.id} since {when(i.started_at, company)}" for i in close.itertuples()),
        *(f"{f.reason}, {day(f.started_at, company)}" for f in new.itertuples()),
    ]


def incidents(week: Review, workflow: str) -> Html:
    """Its incidents, the latest first."""
    own = week.incidents[week.incidents.workflow == workflow]
    return register(week, own.sort_values("detected_at", ascending=False, kind="stable"), LINK)


PIECES = (head, split, cost_per_run, baseline, errors, models, incidents)
OUTSIDE = (quality, prompts)
"""What the page is made of: of a week alone, and of what was told from outside its tables too."""


def pieces(week: Review, workflow: str, told: Told) -> list[str]:
    """All that the page shows, for its fingerprint."""
    return [
        *(piece(week, workflow) for piece in PIECES),
        *(piece(week, workflow, told) for piece in OUTSIDE),
    ]
