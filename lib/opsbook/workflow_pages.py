"""A workflow's page: what it cost and why that moved, which models answered, its incidents.

Each piece is one function of a week and a workflow; a page whose pieces are the same is the same.
"""

import pandas as pd

from opsbook import charts, reviews
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
    zone_note,
)
from opsbook.incident_pages import register
from opsbook.reviews import Review
from opsbook.settings import Workflow

LINK = "../incidents/{id}.html"
FACTOR_WORDS = {
    "volume": "More or fewer calls",
    "input": "Longer or shorter inputs",
    "output": "Longer or shorter outputs",
    "price": "Dearer or cheaper tokens, the cache's part among it",
    "mix": "Another mix of models",
}
"""Each part of a change of cost, as the table names it."""


def head(week: Review, workflow: str) -> Html:
    """Who owns it, and the week's cost, cost per run, calls and failing share."""
    own, company = _settings(week, workflow), week.settings.company
    spend = _row(reviews.spend_by_workflow(week), workflow)
    run = _row(reviews.run_cost_by_workflow(week), workflow)
    failing = _row(reviews.error_shares(week), workflow)
    times = spend.get("ratio")
    return stack(
        Html(f'<p class="lead">{text(f"{own.owner}; {own.category} workflow.")}</p>'),
        note(f"{week.name}. {zone_note(company)}"),
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


def incidents(week: Review, workflow: str) -> Html:
    """Its incidents, the latest first."""
    own = week.incidents[week.incidents.workflow == workflow]
    return register(week, own.sort_values("detected_at", ascending=False, kind="stable"), LINK)


PIECES = (head, split, cost_per_run, models, incidents)
"""What the page is made of, in its order."""
